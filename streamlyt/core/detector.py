"""Base class of change detectors: from a statistic and a threshold to events."""

from abc import abstractmethod
from functools import lru_cache

import numpy as np

from ._detection.alarms import AlarmPolicy
from ._detection.attribution import ChangeLocator
from .batch import Batch, Channel, Schema
from .component import component_name
from .event import Event
from .numerics.arrays import Floats
from .operator import Operator
from .validation import check_finite, check_width

__all__ = ["DETECTOR_CHANNELS", "Detector"]

DETECTOR_CHANNELS = (Channel("statistic"), Channel("threshold"), Channel("alarm"))


class Detector(Operator):
    """Base class of change detectors; a subclass implements :meth:`score`.

    ``update`` passes the input channels on and appends ``statistic``, ``threshold`` and ``alarm``
    (0 or 1). It turns threshold crossings into events by the alarm policy, and locates the change
    and its channels in the history of the rows. Missing (NaN) and infinite values are rejected.

    Attributes
    ----------
    name
        Name of the detector in its events: its name in the registry.
    alarm_policy
        When a threshold crossing is an alarm.
    search_rows
        Number of recent rows that are searched for the start of a change.
    search_bins
        Number of bins of these rows: a change is located to ``search_rows / search_bins`` rows.
    warmup_rows
        Rows before the first alarm is possible.
    tile_rows
        Rows scored at a time: few enough that their features stay in the second-level cache.

    Examples
    --------
    >>> class Level(Detector):
    ...     def __init__(self, level=3.0):
    ...         super().__init__()
    ...         self.level = level
    ...
    ...     def score(self, values):
    ...         return values[:, 0], np.full(len(values), self.level)
    >>> batch = Batch("a", np.arange(4), np.array([[0.0], [1], [5], [6]]), Schema.of("x"))
    >>> out, events = Level().update(batch)
    >>> out.schema.channel_names, events[0].alarm_index
    (('x', 'statistic', 'threshold', 'alarm'), 2)
    """

    alarm_policy: AlarmPolicy = AlarmPolicy()
    search_rows: int = 64
    search_bins: int = 64
    warmup_rows: int = 0
    tile_rows: int = 256

    def __init__(self) -> None:
        self.state = {}

    @property
    def name(self) -> str:
        """Name of the detector in its events."""
        return component_name(self)

    @abstractmethod
    def score(self, values: Floats) -> tuple[Floats, Floats]:
        """Process rows (n, d); return the statistic (n,) and the threshold (n,).

        The threshold is ``inf`` during the warm-up. Rows are finite.
        """

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Score the rows and return the events; see :class:`Operator`."""
        schema = _with_outputs(batch.schema)
        out = np.empty((batch.n_rows, schema.n_channels))
        events: list[Event] = []
        if batch.n_rows:
            origin = self.state.get("history_origin")
            check_width(batch, None if origin is None else origin.size)
            check_finite(batch)
            if "alarms" not in self.state:
                self.state["alarms"] = self.alarm_policy.initial_state()
                self.state.update(self._history.start(batch.values[0]))
        for start in range(0, batch.n_rows, self.tile_rows):
            tile = batch.slice(start, start + self.tile_rows)
            self._update_tile(tile, out[start : start + tile.n_rows], events)
        return batch.with_values(out, schema), events

    @property
    def _history(self) -> ChangeLocator:
        return ChangeLocator(max(1, self.search_rows // self.search_bins), self.search_bins)

    def _update_tile(self, tile: Batch, out: Floats, events: list[Event]) -> None:
        statistic, threshold = self.score(tile.values)
        in_alarm, onsets = self.alarm_policy.apply(statistic, threshold, self.state["alarms"])
        history, first = self._history, int(self.state["history_rows"][0])
        done = 0
        for row, crossed in onsets:
            # The history ends at the row of the alarm, whatever the batch boundaries.
            history.add(tile.values[done : row + 1], tile.times[done : row + 1], self.state)
            # The change started after the last row of an earlier alarm.
            earlier = np.flatnonzero(in_alarm[:row])
            if earlier.size:
                history.exclude_before(first + int(earlier[-1]) + 1, self.state)
            done = row + 1
            level = float(statistic[row]), float(threshold[row])
            events.append(self._event(tile, row, crossed, level))
        history.add(tile.values[done:], tile.times[done:], self.state)
        history.exclude_before(
            self.alarm_policy.last_alarm_row(self.state["alarms"]) + 1, self.state
        )
        width = tile.schema.n_channels
        out[:, :width] = tile.values
        out[:, width], out[:, width + 1], out[:, width + 2] = statistic, threshold, in_alarm

    def _event(self, tile: Batch, row: int, crossed: int, level: tuple[float, float]) -> Event:
        alarm = int(self.state["history_rows"][0]) - 1
        change, change_time, strength = self._history.locate(self.state, latest=crossed)
        channels, contributions = self._history.contributions(strength, tile.schema.channels)
        return Event(
            key=tile.key,
            detector=self.name,
            alarm_index=tile.schema.source_row(alarm),
            alarm_time=int(tile.times[row]),
            change_index=tile.schema.source_row(change),
            change_time=change_time,
            statistic=level[0],
            threshold=level[1],
            channels=channels,
            contributions=contributions,
            time_unit=tile.schema.time_unit,
        )


@lru_cache(maxsize=64)
def _with_outputs(schema: Schema) -> Schema:
    return schema.with_channels([*schema.channels, *DETECTOR_CHANNELS])
