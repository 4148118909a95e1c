"""What models of anomalies share: scaled rows, a score, and a threshold asked for as a rate."""

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from streamlyt.core import (
    AlarmPolicy,
    Array,
    Batch,
    ChangeLocator,
    Detector,
    Event,
    FeatureMap,
    Floats,
)
from streamlyt.core.errors import DataError
from streamlyt.features import FourierMap
from streamlyt.models._experts.basis_expansion import with_kernel_width
from streamlyt.models._kernels.alarm_thresholds import FEWEST, follow_scores
from streamlyt.models._scaling.quantile_scaler import fit_quantiles, scaled
from streamlyt.models._scaling.recent_rows import KEPT, due, fresh, in_order, put, room

from .scaled_learner import check_between, check_map

__all__ = ["AnomalyModel"]

_FEWEST_SCORES, _MOST_SCORES = 2048, 16384  # kept for the threshold; 2 / rate between these
_LARGEST = 1e140  # squares of differences are still numbers


class AnomalyModel(Detector):
    """A model of where rows are: write ``_begin`` and ``_follow``.

    Each row is scored before it is learnt; a larger score is a stranger row. The scaling is that of
    the first 256 rows (the first 1, 2, 4, ... until then), and is taken anew when more than half of
    256 rows lie beyond its quantiles: then the model begins again.
    """

    alarm_policy = AlarmPolicy(release_ratio=1.0)
    search_rows = 1
    search_bins = 1
    warmup_rows = KEPT + FEWEST
    features: FeatureMap | None
    width: float
    false_alarm_rate: float

    def __init__(self) -> None:
        super().__init__()
        self._map = check_map(self.features, FourierMap(512, dtype="float64"))
        check_between("width", self.width, 0.0, math.inf)
        check_between("false_alarm_rate", self.false_alarm_rate, 0.99e-4, 0.1, closed=True)
        # These follow from the parameters and the state, and are no memory.
        self._narrow: dict[int, Callable[[Floats], Array]] = {}
        self._placed = np.zeros((0, 0))

    @abstractmethod
    def _reset(self, rows: Floats) -> None:
        """Forget what was learnt; these rows, on normal scores, are then learnt."""

    @abstractmethod
    def _score_and_learn(self, rows: Floats, learn: bool) -> Floats:
        """Return the scores, shape (n,), of rows on normal scores, each before it is learnt."""

    @property
    def threshold(self) -> float:
        """The threshold for the next row; infinite while the model is learning."""
        return float(self.state["level"][0]) if "level" in self.state else math.inf

    def anomaly_score(self, values: Floats) -> Floats:
        """Return the scores, shape (n,), of rows (n, d); nothing is learnt. 0 before the first row.

        A hole (NaN) counts as a typical value.

        Raises
        ------
        DataError
            If the number of columns is not that of the first rows, or a value is infinite.
        """
        rows = self._checked(values)
        if "kept" not in self.state or not len(rows):
            return np.zeros(len(rows))
        return self._score_and_learn(scaled(self.state, rows), learn=False)

    def score(self, values: Floats) -> tuple[Floats, Floats]:
        """Score rows (n, d) and then learn them; return scores and thresholds, both (n,)."""
        rows = self._checked(values)
        self._start(rows.shape[1])
        found, thresholds = np.zeros(len(rows)), np.full(len(rows), math.inf)
        self._placed = np.zeros(rows.shape)
        start = 0
        while start < len(rows):
            seen = int(self.state["seen"][0])
            stop = start + room(seen)
            part = rows[start:stop]
            if seen:
                placed = scaled(self.state, part)
                self._placed[start:stop] = placed
                found[start:stop] = self._score_and_learn(placed, learn=True)
            if seen >= KEPT:
                self._calibrate(found[start:stop], thresholds[start:stop])
            self._keep(part)
            start = stop
        return found, thresholds

    def add_inputs(self, width: int) -> None:
        """Go on with more columns, ``width`` in all, the new ones behind the known.

        The kept rows, in which the new columns are holes, are learnt anew, and what was older is
        forgotten; so is the threshold.

        Raises
        ------
        DataError
            If there were more columns before.
        """
        if "kept" not in self.state:
            return
        known = self.state["kept"].shape[1]
        if width < known:
            raise DataError(f"the number of columns must not fall below {known}, got {width}")
        kept = in_order(self.state)
        rows = np.full((len(kept), width), math.nan)
        rows[:, :known] = kept
        for name in ("kept", "seen", "ring", "scored", "level"):
            self.state.pop(name)
        self.score(rows)

    def _start(self, d: int) -> None:
        if "kept" in self.state:
            return
        size = min(_MOST_SCORES, max(_FEWEST_SCORES, int(2.0 / self.false_alarm_rate)))
        self.state.update(fresh(d))
        self.state["ring"] = np.zeros(size)
        self.state["scored"] = np.zeros(1, dtype=np.int64)
        self.state["level"] = np.array([math.inf, 0.0, 0.0])

    def _calibrate(self, scores: Floats, out: Floats) -> None:
        state = self.state
        follow_scores(
            scores, self.false_alarm_rate, state["ring"], state["scored"], state["level"], out
        )

    def _keep(self, rows: Floats) -> None:
        state = self.state
        seen = put(state, rows)
        if n := due(state):
            first = state["kept"][:n]
            state.update(fit_quantiles(first))
            placed = scaled(state, first)
            self._reset(placed)
            self._score_and_learn(placed, learn=True)
            if seen > KEPT:  # scores of another scaling say nothing of these
                state["scored"][0] = 0
                state["level"][:] = math.inf, 0.0, 0.0

    def _views(self, d: int) -> Callable[[Floats], Array]:
        """Return what turns rows of d columns, on normal scores, into features."""
        return with_kernel_width(self._map, self.width, d)

    def _seen(self, rows: Floats) -> Floats:
        """Return the features, shape (n, m), of rows on normal scores."""
        d = rows.shape[1]
        if d not in self._narrow:
            self._narrow[d] = self._views(d)
        found: Floats = np.ascontiguousarray(self._narrow[d](rows), dtype=np.float64)
        return found

    def _checked(self, values: Floats) -> Floats:
        rows = np.ascontiguousarray(values, dtype=np.float64)
        width = self.state["kept"].shape[1] if "kept" in self.state else None
        if rows.ndim != 2 or not rows.shape[1] or width not in (None, rows.shape[1]):
            must = "(n, d) with at least one column" if width is None else f"(n, {width})"
            raise DataError(
                f"values must have shape {must}, got {rows.shape!r}; widen the model, or start "
                "another one for other columns"
            )
        far = np.abs(rows) > _LARGEST
        if far.any():
            raise DataError(
                f"values must be finite and below {_LARGEST:g}, got {rows[far][0]}; clip or drop "
                "such rows"
            )
        return rows

    def _event(self, tile: Batch, row: int, crossed: int, level: tuple[float, float]) -> Event:
        # One row is the finding: its channels are those furthest out on their normal scores.
        strength = np.square(self._placed[row])
        channels, shares = ChangeLocator.contributions(strength, tile.schema.channels)
        event = super()._event(tile, row, crossed, level)
        return replace(event, channels=channels, contributions=shares)
