"""Online segmentation: repeated search for the best split of the rows since the last change."""

import numpy as np

from streamlyt.core import AlarmPolicy, Array, Batch, Detector, Event, FeatureMap, Floats
from streamlyt.core.errors import ParameterError
from streamlyt.core.numerics.periodicity import dominant_period

from ._common.feature_maps import feature_map
from ._offline.shape_break import best_shape_break
from ._offline.trend_break import best_trend_break

__all__ = ["OnlineSegmentation"]

FIRST = 20  # rows of a segment before the first search: two lines of ten
FIRST_SHAPES = 64  # rows before the first search of shapes: eight of the shortest periods
GROWTH = 20  # a segment is searched each time it has grown by a twentieth
WAIT = 8  # a split must be found again when the segment has grown by an eighth ...
STEADY = 3  # ... at most this many rows away (a chunk for a shape break)
# Entries of state["look"]: stored rows; index of the segment's first row; count of the next search;
# row of the split to confirm.
COUNT, START, NEXT, PENDING = range(4)


class OnlineSegmentation(Detector):
    r"""Change points of a series in level, slope, spread, rhythm or shape, without tuning.

    The detector stores the rows since the last change. Each time they have grown by a twentieth it
    searches for the best split in two ways:

    * **trend break**: two lines with separate variances against one parabola (level, slope,
      spread);
    * **shape break**: random features of the delay embedding, averaged over whole periods, before
      against after (rhythm and shape, for any level and amplitude). The period is re-estimated at
      each search.

    Both allow for serial dependence. A significant split is searched again when the rows have grown
    by an eighth; if it is at the same row it is a change, and the search restarts there. The
    statistic is the larger of the two scores, capped below 1 until that second search; the
    threshold is 1. An alarm can come an eighth of the segment after the first detection. For long
    streams that need a short delay use :class:`~streamlyt.detectors.MultiscaleNEWMA`.

    The detector needs no reference free of changes and works from 20 rows on. It is meant for few
    channels, short recordings and series with a rhythm. Each channel is searched separately and the
    event names the changed one; d channels have d times as many false events. The run length is
    not controlled.

    Parameters
    ----------
    max_window
        Stored rows, from 256 to 65536: a longer segment drops its oldest quarter.
    features
        ``"optical"``, ``"fourier"``, or a map from shapes of 16 values, of kernel width one.
    n_components
        Number of features m, even, when ``features`` is a name.
    seed
        Seed of the features when ``features`` is a name.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    Notes
    -----
    Searching a segment as it grows is the scheme of ClaSS [1]_, which classifies neighboring
    shapes; this detector compares their mean features.

    References
    ----------
    .. [1] A. Ermshaus, P. Schäfer, U. Leser, "Raising the ClaSS of streaming time series
       segmentation", PVLDB 17, 2024.

    Examples
    --------
    >>> from streamlyt.core import Schema
    >>> t = np.arange(1200)
    >>> rows = np.where(t < 600, np.sin(t / 4), np.sign(np.sin(t / 4)) * 0.7)[:, None]
    >>> _, events = OnlineSegmentation().update(Batch("", t, rows, Schema.of("x")))
    >>> [abs(event.change_index - 600) < 26 for event in events]
    [True]
    """

    alarm_policy = AlarmPolicy(release_ratio=1.0)
    warmup_rows = FIRST

    def __init__(
        self,
        max_window: int = 8192,
        *,
        features: FeatureMap | str = "fourier",
        n_components: int = 256,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not 256 <= max_window <= 65_536:
            raise ParameterError(f"max_window must be from 256 to 65536 rows, got {max_window!r}")
        self.max_window = max_window
        self.features = features
        self.n_components = n_components
        self.seed = seed
        self._map = feature_map(features, n_components, seed)
        self._splits: dict[int, tuple[int, int]] = {}  # alarm row: (change row, channel)

    def score(self, values: Floats) -> tuple[Floats, Floats]:
        """Process rows (n, d); return the statistic and the threshold, both (n,)."""
        n, d = values.shape
        statistic, threshold = np.zeros(n), np.ones(n)
        if "rows" not in self.state:
            self.state["rows"] = np.zeros((self.max_window, d))
            self.state["look"] = np.array([0, 0, FIRST, -1])
            self.state["last"] = np.zeros(1)
            self.state["seen"] = np.zeros(1, np.int64)
        rows, look, last = self.state["rows"], self.state["look"], self.state["last"]
        done = 0
        while done < n:
            count, take = int(look[COUNT]), min(n - done, int(look[NEXT] - look[COUNT]))
            rows[count : count + take] = values[done : done + take]
            statistic[done : done + take] = last[0]
            n_seen = int(self.state["seen"][0])
            threshold[done : done + max(0, min(take, FIRST - 1 - n_seen))] = np.inf
            look[COUNT] += take
            self.state["seen"] += take
            done += take
            if look[COUNT] == look[NEXT]:
                statistic[done - 1] = self._look(look, last)
        return statistic, threshold

    def _look(self, look: Array, last: Array) -> float:
        """Search the segment; return the statistic of this row, and store that of the next ones."""
        count, start = int(look[COUNT]), int(look[START])
        height, row, tolerance, channel = self._best(self.state["rows"][:count], start)
        pending = int(look[PENDING])
        confirmed = height >= 1 and pending >= 0 and abs(pending - row) <= tolerance
        if confirmed:
            alarm = int(self.state["seen"][0]) - 1
            self._splits[alarm] = (alarm + 1 - count + row, channel)
            look[START], look[PENDING], last[0] = row, -1, 0.0
            look[NEXT] = max(count + 1, row + FIRST)
        else:
            look[PENDING] = row if height >= 1 else -1
            last[0] = min(max(height, 0.0), np.nextafter(1.0, 0.0))
            look[NEXT] = count + max(1, (count - start) // (WAIT if height >= 1 else GROWTH))
        if count == self.max_window:
            self._drop(self.max_window // 4, look)
        look[NEXT] = min(int(look[NEXT]), self.max_window)
        return height if confirmed else float(last[0])

    def _best(self, rows: Floats, start: int) -> tuple[float, int, int, int]:
        """Return the score of the best split, its row, its tolerance in rows, and the channel."""
        best = (0.0, 0, 0, 0)
        for channel, column in enumerate(rows.T):
            # The rows before the segment contribute to the period.
            cycle, known = dominant_period(column)
            segment = column[start:]
            height, row = best_trend_break(segment, cycle if known else 1)
            best = max(best, (height, start + row, STEADY, channel))
            if len(segment) >= FIRST_SHAPES:
                height, row, chunk = best_shape_break(segment, self._map)
                best = max(best, (height, start + row, max(STEADY, chunk), channel))
        return best

    def _drop(self, oldest: int, look: Array) -> None:
        rows = self.state["rows"]
        rows[:-oldest] = rows[oldest:].copy()
        look[:] -= oldest
        look[START], look[PENDING] = max(0, look[START]), max(-1, look[PENDING])

    def _update_tile(self, tile: Batch, out: Floats, events: list[Event]) -> None:
        times = self.state.setdefault(
            "split_times", np.zeros(self.max_window + self.tile_rows, np.int64)
        )
        first = int(self.state["history_rows"][0])
        times[np.arange(first, first + tile.n_rows) % len(times)] = tile.times
        self._splits.clear()
        super()._update_tile(tile, out, events)

    def _event(self, tile: Batch, row: int, crossed: int, level: tuple[float, float]) -> Event:
        alarm = int(self.state["history_rows"][0]) - 1
        change, channel = self._splits[alarm]
        times = self.state["split_times"]
        changed = tile.schema.channels[channel]
        return Event(
            key=tile.key,
            detector=self.name,
            alarm_index=tile.schema.source_row(alarm),
            alarm_time=int(tile.times[row]),
            change_index=tile.schema.source_row(change),
            change_time=int(times[change % len(times)]),
            statistic=level[0],
            threshold=level[1],
            channels=(changed.group or changed.name,),
            contributions=(1.0,),
            time_unit=tile.schema.time_unit,
        )
