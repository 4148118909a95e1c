"""Base class of the anomaly models: scaled rows, a score, and a threshold set by a rate."""

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
from streamlyt.models._kernels.alarm_thresholds import MIN_SCORES, update_thresholds
from streamlyt.models._scaling.quantile_scaler import fit_quantiles, to_scores
from streamlyt.models._scaling.recent_rows import (
    KEPT,
    in_order,
    initial_state,
    rows_to_refit,
    rows_until_check,
    store_rows,
)

from .scaled_learner import check_between, check_map

__all__ = ["AnomalyModel"]

_MIN_SCORES, _MAX_SCORES = 2048, 16384  # stored for the threshold: 2 / rate, within these bounds
_LARGEST = 1e140  # squares of differences stay finite


class AnomalyModel(Detector):
    """Anomaly model: subclasses implement ``_reset`` and ``_score_and_learn``.

    Each row is scored before it is learned; a larger score is a stronger anomaly. The scaling is
    fitted to the first 256 rows (to the first 1, 2, 4, ... until then). If more than half of 256
    rows lie beyond its quantiles, it is fitted again and the model resets.
    """

    alarm_policy = AlarmPolicy(release_ratio=1.0)
    search_rows = 1
    search_bins = 1
    warmup_rows = KEPT + MIN_SCORES
    features: FeatureMap | None
    kernel_width: float
    false_alarm_rate: float

    def __init__(self) -> None:
        super().__init__()
        self._map = check_map(self.features, FourierMap(512, dtype="float64"))
        check_between("kernel_width", self.kernel_width, 0.0, math.inf)
        check_between("false_alarm_rate", self.false_alarm_rate, 0.99e-4, 0.1, closed=True)
        # Caches that follow from the parameters and the state.
        self._maps: dict[int, Callable[[Floats], Array]] = {}
        self._scores = np.zeros((0, 0))

    @abstractmethod
    def _reset(self, rows: Floats) -> None:
        """Reset the model; the caller then learns these rows of normal scores."""

    @abstractmethod
    def _score_and_learn(self, rows: Floats, learn: bool) -> Floats:
        """Return anomaly scores, shape (n,), for normal scores; each row before it is learned."""

    @property
    def threshold(self) -> float:
        """Threshold for the next row; infinite during the warm-up."""
        return float(self.state["level"][0]) if "level" in self.state else math.inf

    def anomaly_score(self, values: Floats) -> Floats:
        """Return the scores, shape (n,), of rows (n, d), without learning; 0 before the first row.

        A missing value (NaN) counts as a typical value.

        Raises
        ------
        DataError
            If the number of columns is not that of the first rows, or a value is infinite.
        """
        rows = self._check(values)
        if "kept" not in self.state or not len(rows):
            return np.zeros(len(rows))
        return self._score_and_learn(to_scores(self.state, rows), learn=False)

    def score(self, values: Floats) -> tuple[Floats, Floats]:
        """Score rows (n, d), then learn them; return scores and thresholds, both (n,)."""
        rows = self._check(values)
        self._start(rows.shape[1])
        scores, thresholds = np.zeros(len(rows)), np.full(len(rows), math.inf)
        self._scores = np.zeros(rows.shape)
        start = 0
        while start < len(rows):
            seen = int(self.state["seen"][0])
            stop = start + rows_until_check(seen)
            part = rows[start:stop]
            if seen:
                on_scores = to_scores(self.state, part)
                self._scores[start:stop] = on_scores
                scores[start:stop] = self._score_and_learn(on_scores, learn=True)
            if seen >= KEPT:
                self._calibrate(scores[start:stop], thresholds[start:stop])
            self._keep(part)
            start = stop
        return scores, thresholds

    def add_inputs(self, width: int) -> None:
        """Add columns after the known ones, up to ``width`` in total.

        The stored rows are learned again with missing values in the new columns. Older rows and
        the threshold are forgotten.

        Raises
        ------
        DataError
            If ``width`` is smaller than the present number of columns.
        """
        if "kept" not in self.state:
            return
        known = self.state["kept"].shape[1]
        if width < known:
            raise DataError(
                f"width must be at least the present {known} columns, got {width}; "
                "use a new model for fewer columns"
            )
        kept = in_order(self.state)
        rows = np.full((len(kept), width), math.nan)
        rows[:, :known] = kept
        for name in ("kept", "seen", "ring", "scored", "level"):
            self.state.pop(name)
        self.score(rows)

    def _start(self, d: int) -> None:
        if "kept" in self.state:
            return
        size = min(_MAX_SCORES, max(_MIN_SCORES, int(2.0 / self.false_alarm_rate)))
        self.state.update(initial_state(d))
        self.state["ring"] = np.zeros(size)
        self.state["scored"] = np.zeros(1, dtype=np.int64)
        self.state["level"] = np.array([math.inf, 0.0, 0.0])

    def _calibrate(self, scores: Floats, out: Floats) -> None:
        state = self.state
        update_thresholds(
            scores, self.false_alarm_rate, state["ring"], state["scored"], state["level"], out
        )

    def _keep(self, rows: Floats) -> None:
        state = self.state
        seen = store_rows(state, rows)
        if n := rows_to_refit(state):
            first = state["kept"][:n]
            state.update(fit_quantiles(first))
            on_scores = to_scores(state, first)
            self._reset(on_scores)
            self._score_and_learn(on_scores, learn=True)
            if seen > KEPT:  # scores of the former scaling are not comparable
                state["scored"][0] = 0
                state["level"][:] = math.inf, 0.0, 0.0

    def _views(self, d: int) -> Callable[[Floats], Array]:
        """Return the map from rows of d normal scores to features."""
        return with_kernel_width(self._map, self.kernel_width, d)

    def _features_of(self, rows: Floats) -> Floats:
        """Return the features, shape (n, m), of rows of normal scores."""
        d = rows.shape[1]
        if d not in self._maps:
            self._maps[d] = self._views(d)
        features: Floats = np.ascontiguousarray(self._maps[d](rows), dtype=np.float64)
        return features

    def _check(self, values: Floats) -> Floats:
        rows = np.ascontiguousarray(values, dtype=np.float64)
        width = self.state["kept"].shape[1] if "kept" in self.state else None
        if rows.ndim != 2 or not rows.shape[1] or width not in (None, rows.shape[1]):
            must = "(n, d) with at least one column" if width is None else f"(n, {width})"
            raise DataError(
                f"values must have shape {must}, got {rows.shape!r}; call add_inputs for more "
                "columns, or use a new model"
            )
        far = np.abs(rows) > _LARGEST
        if far.any():
            raise DataError(
                f"values must be finite and below {_LARGEST:g}, got {rows[far][0]}; clip or drop "
                "such rows"
            )
        return rows

    def _event(self, tile: Batch, row: int, crossed: int, level: tuple[float, float]) -> Event:
        # An event is a single row; its channels are those with the largest normal scores.
        strength = np.square(self._scores[row])
        channels, contributions = ChangeLocator.contributions(strength, tile.schema.channels)
        event = super()._event(tile, row, crossed, level)
        return replace(event, channels=channels, contributions=contributions)
