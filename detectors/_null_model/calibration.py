"""Threshold for a target run length, learned from a reference and again after each alarm."""

import math
from collections.abc import MutableMapping
from dataclasses import dataclass

import numpy as np

from streamlyt.core import Array, Floats

from .feature_moments import BLOCK, FeatureMomentEstimator
from .first_passage import threshold_of_arl

__all__ = ["Calibration"]

REFERENCE = 1024  # rows: a single run's true ARL then scatters by about 20 % for bounded features
MEMORIES = 5.0  # of the slow average: a change must have decayed in it (to e^-5) before the
# threshold may fall to that of the new distribution
# Rows after an alarm that suffice to see that the features of the new distribution spread more,
# and that its moments need a higher threshold.
WIDER, EARLY = 64, 256
POINTS = 33  # of t, geometric: linear interpolation errs by 1e-4 of the threshold
SETTLED = 36.0  # memories of the slow average until its start value is below rounding

State = MutableMapping[str, Array]


@dataclass(frozen=True)
class Calibration:
    """Threshold of z - z' for independent rows; its data live in the detector's state.

    The threshold is infinite until the reference is complete. An alarm (a crossing more than
    ``join`` rows after the last row above) starts a new reference. The old threshold applies until
    that is complete, but rises if the new distribution needs it, so that one change does not alarm
    twice: after 64 rows by the spread of the features, after 256 by their moments.

    Parameters
    ----------
    arl
        Target mean number of rows to the first alarm.
    fast, slow
        Forgetting factors.
    join
        Rows as in :class:`streamlyt.core.AlarmPolicy`, whose release ratio is taken to be 1.
    """

    arl: float
    fast: float
    slow: float
    join: int

    @property
    def reference(self) -> int:
        """Rows of a reference."""
        return BLOCK * math.ceil(max(REFERENCE, MEMORIES / self.slow) / BLOCK)

    @property
    def _moments(self) -> FeatureMomentEstimator:
        return FeatureMomentEstimator(self.reference)

    def follow(
        self, features: Array, statistic: Floats, rows: int, least: float, state: State
    ) -> Floats:
        """Process rows; return their thresholds (n,).

        Parameters
        ----------
        features, statistic
            Shapes (n, m) and (n,).
        rows
            Number of earlier rows.
        least
            Lower bound of the threshold: the rounding error of the statistic.
        """
        if "last_above" not in state:
            state["last_above"] = np.array([-1 - self.join])
            self._moments.start(state)
        threshold = np.empty(statistic.size)
        done = 0
        while done < statistic.size:
            learning = self._moments.learning(state)
            stop = min(statistic.size, done + self._stage(state)) if learning else statistic.size
            threshold[done:stop] = _levels(rows + done + 1, stop - done, state)
            onset = self._onset(statistic[done:stop], threshold[done:stop], rows + done, state)
            stop = done + onset if onset else stop
            if learning:
                self._moments.add(features[done:stop], state)
            if onset:
                self._moments.start(state)
            elif learning:
                self._conclude(rows + stop, least, state)
            done = stop
        return threshold

    def _stage(self, state: State) -> int:
        """Return the rows until the threshold may change."""
        missing = self._moments.missing(state)
        if "level" in state:
            for stage in (WIDER, EARLY):
                if missing > self.reference - stage:
                    return missing - (self.reference - stage)
        return missing

    def _onset(self, statistic: Floats, threshold: Floats, row: int, state: State) -> int:
        """Return the number of rows up to the first alarm, that row included, or 0."""
        above = row + np.flatnonzero(statistic > threshold)
        if not above.size:
            return 0
        gaps = np.diff(above, prepend=state["last_above"])
        starts = np.flatnonzero(gaps > self.join)
        last = above[starts[0]] if starts.size else above[-1]
        state["last_above"][0] = last
        return int(last) - row + 1 if starts.size else 0

    def _conclude(self, rows: int, least: float, state: State) -> None:
        """Set the threshold of the next rows if a stage of the reference is complete."""
        missing = self._moments.missing(state)
        if not missing:
            points, level = self._levels_from(rows + 1, least, state)
            state["level_spread"] = np.array([self._moments.trace(state)])
            self._moments.stop(state)
        elif "level" not in state:
            return
        elif missing == self.reference - WIDER:
            points, wider = state["level_rows"], self._moments.trace(state)
            known = float(state["level_spread"][0])
            level = state["level"] * math.sqrt(max(1.0, wider / known if known else 1.0))
        elif missing == self.reference - EARLY:
            points, level = self._levels_from(rows + 1, least, state)
            level = np.maximum(level, _interpolated(points, state))
        else:
            return
        state["level_rows"], state["level"] = points, level

    def _levels_from(self, first: int, least: float, state: State) -> tuple[Floats, Floats]:
        """Return points from row ``first`` on, and the thresholds at them from the moments."""
        stationary = -SETTLED / math.log1p(-self.slow)
        if first < stationary:
            t = points = np.geomspace(first, stationary, POINTS)
        else:
            t, points = np.array([np.inf]), np.array([float(first)])
        moments = self._moments.read(state)
        level = np.sqrt(threshold_of_arl(self.arl, self.fast, self.slow, moments, t))
        return points, np.maximum(level, least)


def _levels(first: int, count: int, state: State) -> Floats:
    """Return the thresholds of ``count`` rows from row ``first`` of the stream on."""
    if "level" not in state:
        return np.full(count, np.inf)
    if first >= state["level_rows"][-1]:
        return np.full(count, state["level"][-1])
    return _interpolated(np.arange(first, first + count, dtype=np.float64), state)


def _interpolated(t: Floats, state: State) -> Floats:
    # Not numpy.interp: its order of operations depends on the number of rows in a batch.
    points, level = state["level_rows"], state["level"]
    if points.size == 1:
        return np.full(t.size, level[0])
    left = np.clip(np.searchsorted(points, t, side="right") - 1, 0, points.size - 2)
    share = (t - points[left]) / (points[left + 1] - points[left])
    between: Floats = level[left] + share * (level[left + 1] - level[left])
    return np.where(t >= points[-1], level[-1], between)
