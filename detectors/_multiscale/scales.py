"""Many NEWMA scales on the same features, each with its own calibrated level."""

import math
from collections.abc import MutableMapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.detectors._kernels.scales import GROUP, confirmed, over_levels, scale_rows
from streamlyt.detectors._null_model.cumulants import POWERS, cumulants_of
from streamlyt.detectors._null_model.feature_moments import FeatureMomentEstimator, FeatureMoments
from streamlyt.detectors._null_model.first_passage import level_of, threshold_of_arl
from streamlyt.detectors._null_model.forgetting_factors import decorrelation, power_sum
from streamlyt.detectors._null_model.tail_model import TailModel

__all__ = ["MultiscaleAverages"]

MOST, SHARE, FEWEST = 512, 4, 256  # rows before the first levels: four windows, within these bounds
STEP = 4  # ratio of adjacent memories
SHARED = 0.75  # joint run length, as a share of its value for independent scales
PARTS = 0.8  # ratio of the false alarms of a scale to those of the next shorter one: a row is a
# large part of the delay of a short scale, and a small part of that of a long one
CAUTION = 1.2  # the rate of alarms is exp(1.2 ln(arl)^2 / n) too high for n rows of reference
FULL = 4096  # rows in the moments: every one up to DENSE, then one block in SPARSE, since
DENSE, SPARSE, BLOCK = 1024, 8, 32  # a block costs twenty times what scoring its rows does
POINTS = 33  # of t, geometric: linear interpolation errs by 1e-4 of the level
SETTLED = 36.0  # memories of the reference until its start value is below rounding
USABLE = 2.0  # memories of a scale before it is compared: until then it overlaps the reference
CONFIRMED = 128  # surplus of rows in alarm that confirms a new regime
WATCH = 64  # rows of the new regime before the old levels apply to it
NEAR = 2  # shortest scales, updated with every row; all others with groups of four
OF_ROWS = NEAR  # scales of few rows: their old levels do not apply to a new regime
LEAST = 1e-10  # of |f|^2: rounding error of a squared distance

State = MutableMapping[str, Array]


@dataclass(frozen=True)
class MultiscaleAverages:
    """Averages of features over 1, 4, 16, ... rows, compared with one over four times the largest.

    See :class:`streamlyt.detectors.MultiscaleNEWMA` for the equations.

    Parameters
    ----------
    window
        Largest memory, in rows.
    arl
        Target mean number of rows to the first alarm.
    """

    window: int
    arl: float

    @cached_property
    def memories(self) -> Floats:
        """Memories in rows; the last is that of the common reference."""
        count = 1 + max(1, round(math.log(self.window, STEP)))
        steps = self.window ** (np.arange(count) / (count - 1))
        return np.append(steps, STEP * float(self.window))

    @property
    def reference(self) -> int:
        """Number of rows that :meth:`start` needs."""
        return min(max(SHARE * self.window, FEWEST), MOST)

    def start(self, features: Array, state: State) -> None:
        """Learn from the reference (n, m); replaces all entries of this object in ``state``."""
        self.forget(state)
        self._restart(features, state)
        squares = self._fold(features, state)
        lengths = (features.astype(np.float64) ** 2).sum(axis=1)
        moments = self._moments
        moments.start(state)
        moments.add(features, state)
        state["length"] = np.array([lengths.mean(), moments.trace(state)])
        alike = np.ptp(lengths) < 1e-3 * lengths.mean()
        bound = 2.0 * lengths.mean() - state["length"][1] if alike else np.inf
        # The first rows have too short a reference: their distances are not representative.
        TailModel.start(squares[WATCH:, 0], float(bound), features.shape[1], state)
        self.set_levels(state)

    def forget(self, state: State) -> None:
        """Remove all entries of this object from ``state``."""
        FeatureMomentEstimator(FULL).stop(state)
        for name in (
            "averages",
            "group",
            "far",
            "scale_clock",
            "levels",
            "tail",
            "length",
            "watch",
        ):
            state.pop(name, None)

    def follow(self, features: Array, state: State) -> tuple[Floats, bool]:
        """Process rows up to the one that confirms a new regime, if there is one.

        Returns
        -------
        statistic
            Largest ratio of a distance to its level, for each processed row (n,).
        changed
            Whether the last of them confirms a new regime. The old levels stay in use until
            :meth:`start` is called with rows of it.
        """
        clock = state["scale_clock"]
        parts, done = [], 0
        while done < features.shape[0]:
            stop = min(features.shape[0], done + self._until_renewal(int(clock[0])))
            rows = features[done:stop]
            first = int(clock[0]) + 1
            squares = self._fold(rows, state)
            ratio = self._over_levels(squares, first - 1, state)
            calm = np.zeros(len(rows), np.bool_)
            n_confirmed = confirmed(ratio > 1.0, clock[1:2], CONFIRMED, calm)
            parts.append(ratio[: n_confirmed or len(rows)])
            if n_confirmed:
                self._restart(features, state)
                state["watch"] = np.array([0.0, 1.0])
                return np.concatenate(parts), True
            if "watch" in state:
                self._look(rows, first + len(rows) - 1, state)
            else:
                self._learn(rows, squares, calm, first, state)
            done = stop
        return np.concatenate(parts), False

    @property
    def _moments(self) -> FeatureMomentEstimator:
        return FeatureMomentEstimator(FULL)

    def _restart(self, features: Array, state: State) -> None:
        kind, width = features.dtype, features.shape[1]
        state["averages"] = np.zeros((self.memories.size - 1, width), kind)
        state["group"] = np.zeros(width, kind)
        state["far"] = np.zeros(self.memories.size - 1 - NEAR)
        state["scale_clock"] = np.zeros(2, np.int64)  # rows since the start; count of rows in alarm

    def _fold(self, rows: Array, state: State) -> Floats:
        """Return the squared distances (n, k) of the scales from the reference."""
        squares = np.zeros((len(rows), self.memories.size - 1))
        averages = state["averages"], state["group"], state["far"]
        clock = state["scale_clock"]
        scale_rows(rows, int(clock[0]), self.memories, SETTLED, *averages, squares)
        clock[0] += len(rows)
        return squares

    def _until_renewal(self, rows: int) -> int:
        """Return the rows until the next update of the levels: at 64, 128, 256, ..."""
        return max(WATCH, 1 << rows.bit_length()) - rows

    def _learn(self, rows: Array, squares: Floats, calm: Array, first: int, state: State) -> None:
        TailModel.add(squares[calm, 0], state)
        moments = self._moments
        missing = moments.missing(state)
        if missing:
            before = np.arange(first - 1, first - 1 + len(rows))
            selected = calm & ((before < DENSE) | (before // BLOCK % SPARSE == 0))
            moments.add(rows[selected][:missing], state)
        if _power_of_two(first + len(rows) - 1):
            self.set_levels(state)

    def _look(self, rows: Array, t: int, state: State) -> None:
        """Estimate how much wider the features of the new regime spread than those of the old."""
        watch = state["watch"]
        lengths = (rows.astype(np.float64) ** 2).sum(axis=1)
        watch[0] = np.cumsum(np.append(watch[0], lengths))[-1]  # row by row: batch-invariant
        if _power_of_two(t):
            grown = 1.0 - (1.0 - 1.0 / self.memories[-1]) ** t
            mean = state["averages"][-1].astype(np.float64) / grown
            trace = (float(watch[0]) - t * float(mean @ mean)) / (t - 1.0)
            known = float(state["length"][1])
            watch[1] = max(1.0, trace / known) if known > 0 else 1.0

    def set_levels(self, state: State) -> None:
        """Set the levels of the squares at 33 row counts since the start."""
        memories, count = self.memories, self.memories.size - 1
        moments = self._moments.read(state)
        points = _points(float(memories[-1]))
        # The scales that are in use at that row share the run length.
        parts = PARTS ** np.arange(count)
        total = ((points[:, None] >= USABLE * memories[:-1]) * parts).sum(axis=1)
        arl = self.arl * SHARED * total[:, None] / parts
        levels = np.empty((POINTS, count))
        rows = FULL - self._moments.missing(state)
        # Estimated levels alarm too often in the mean. If the run is no longer than the reference,
        # levels that are too high compensate for that.
        caution = max(0.0, (self.arl - rows) / (self.arl + rows))
        levels[:, 0] = [TailModel.level(1.0 / each, caution, state) for each in arl[:, 0]]
        arl *= np.exp(caution * CAUTION * np.log(arl) ** 2 / rows)
        for k in range(1, count):
            t = np.maximum(points, USABLE * memories[k])
            levels[:, k] = self._level(k, arl[:, k], moments, t)
        state["levels"] = np.maximum(levels, max(LEAST * float(state["length"][0]), 1e-300))

    def _level(self, k: int, arl: Floats, moments: FeatureMoments, t: Floats) -> Floats:
        """Return the level of the square of scale k after t rows; ``arl`` is its own run length."""
        fast, slow = 1.0 / self.memories[k], 1.0 / self.memories[-1]
        if k < NEAR:
            return threshold_of_arl(arl, fast, slow, moments, t)
        if not moments.trace > 0:
            return np.zeros(t.shape)
        # In groups: fewer steps, each with the forgetting of a group.
        fast, slow = (1.0 - (1.0 - each) ** GROUP for each in (fast, slow))
        t, arl = t / GROUP, arl / GROUP
        sums = [power_sum(fast, slow, power, t) / GROUP ** (power - 1) for power in POWERS]
        return level_of(arl, decorrelation(fast, slow, t), cumulants_of(sums, moments), moments)

    def _over_levels(self, squares: Floats, rows: int, state: State) -> Floats:
        """Return the largest ratio of a distance to its level (n,); ``rows`` precede them."""
        usable, first, factor = USABLE * self.memories[:-1], 0, 1.0
        if "watch" in state:
            usable, first = np.maximum(usable, WATCH), OF_ROWS
            factor = float(state["watch"][1])
        ratio = np.empty(len(squares))
        points = _points(float(self.memories[-1]))
        over_levels(squares, rows, points, state["levels"], usable, first, factor, ratio)
        return ratio


@lru_cache(maxsize=64)
def _points(reference: float) -> Floats:
    """Return the row counts at which levels are computed."""
    points: Floats = np.geomspace(WATCH, SETTLED * reference, POINTS)
    return points


def _power_of_two(t: int) -> bool:
    return t >= WATCH and t & (t - 1) == 0
