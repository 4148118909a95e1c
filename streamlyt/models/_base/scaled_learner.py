"""Base class of the models: inputs are scaled by the first rows, which are then relearned."""

from abc import abstractmethod
from typing import Any, NamedTuple

import numpy as np

from streamlyt.core import Array, FeatureMap, Floats, Learner
from streamlyt.core.errors import ParameterError
from streamlyt.features import OpticalMap
from streamlyt.models._experts.basis_expansion import BasisExpansion
from streamlyt.models._experts.square_root_rls import PARTS, RLSState
from streamlyt.models._scaling.quantile_scaler import fit_quantiles, to_scores
from streamlyt.models._scaling.recent_rows import (
    KEPT,
    in_order,
    initial_state,
    rows_to_refit,
    rows_until_check,
    store_rows,
)

__all__ = ["ScaledLearner", "check_between", "check_count", "check_map"]

_BLOCK_ROWS = 1024  # rows predicted at once, to bound the size of their features


View = tuple[BasisExpansion, Any]


class BasisLayout(NamedTuple):
    """Basis expansions side by side, with the first column of each and the end of the last."""

    views: list[View]
    columns: list[int]
    starts: Array


class ScaledLearner(Learner):
    """Learner whose inputs are mapped to the normal scores of their quantiles.

    The quantiles are those of the first 1, 2, 4, ... 256 rows. Each time, all of these rows are
    learned again, so the model always corresponds to one scaling. Then the scaling is fixed,
    because the weights depend on it, until more than half of the last 256 rows lie beyond the
    quantiles of some input: then the model resets and learns these rows. It stores 256 rows.

    Subclasses implement ``_reset``, ``_learn_rows`` and ``_predict_rows``. They may append
    ``_extra`` columns to the inputs and use several basis expansions.
    """

    features: FeatureMap | None
    kernel_width: float
    _extra: int = 0

    def __init__(self) -> None:
        super().__init__()
        self._map = check_map(self.features, OpticalMap(128, dtype="float64"))
        # Caches that follow from the parameters and the state.
        self._layouts: dict[tuple[int, int], BasisLayout] = {}
        self._last: tuple[object, bytes, Floats] = (None, b"", np.empty(0))

    @abstractmethod
    def _reset(self, rows: Floats, targets: Floats) -> None:
        """Reset the model; the caller then learns these unscaled rows."""

    @abstractmethod
    def _learn_rows(self, rows: Floats, targets: Floats) -> None:
        """Learn unscaled rows, shape (n, d), and their targets (n,), none of them missing."""

    @abstractmethod
    def _predict_rows(self, rows: Floats) -> Floats:
        """Return the predictions, shape (n,), for unscaled rows."""

    def _with_extra(self, rows: Floats, targets: Floats | None = None) -> Floats:
        """Return inputs with the extra columns appended; with targets, update their state."""
        return rows

    def _refresh_extra(self, rows: Floats, targets: Floats) -> None:
        """Recompute the extra columns of the stored rows before the scaling is fitted to them."""

    def _views(self, d: int) -> list[View]:
        """Return the basis expansions of rows with d columns, and the columns of each."""
        return [(BasisExpansion(self._map, self.kernel_width, d), None)]

    def _layout(self, d: int) -> BasisLayout:
        """Return these expansions and the first column of each."""
        key = d, self._variant()
        if key not in self._layouts:
            views = self._views(d)
            starts = np.cumsum([0, *(basis.width for basis, _ in views)])
            self._layouts[key] = BasisLayout(views, starts.tolist(), starts)
        return self._layouts[key]

    def _variant(self) -> int:
        """Return the variant of the views, if they depend on more than d."""
        return 0

    def _features_of(self, rows: Floats) -> Floats:
        """Return the features of rows, one basis expansion after the other.

        The features of a single row are cached: it is mostly predicted and then learned.
        """
        single = len(rows) == 1
        knots = self.state["knots"]  # a new array for every scaling
        if single:
            key = rows.tobytes()
            if knots is self._last[0] and key == self._last[1]:
                return self._last[2]
        layout = self._layout(rows.shape[1])
        scores = to_scores(self.state, rows)
        out = np.empty((len(rows), layout.columns[-1]))
        for (basis, columns), offset in zip(layout.views, layout.columns, strict=False):
            inputs = scores if columns is None else np.ascontiguousarray(scores[:, columns])
            basis.fill(inputs, out, offset)
        if single:
            self._last = (knots, key, out)
        return out

    def predict(self, values: Floats) -> Floats:
        """Return the predictions, shape (n,), for inputs of shape (n, d), without learning."""
        rows, _ = self.check_inputs(values)
        if "kept" not in self.state:
            return np.zeros(len(rows))
        rows = self._with_extra(rows)
        if len(rows) <= _BLOCK_ROWS:
            return self._predict_rows(rows)
        parts = range(0, len(rows), _BLOCK_ROWS)
        return np.concatenate([self._predict_rows(rows[i : i + _BLOCK_ROWS]) for i in parts])

    def learn(self, values: Floats, targets: Floats) -> None:
        """Learn inputs, shape (n, d), and their targets, shape (n,), in this order."""
        self._learn_checked(*self.check_inputs(values, targets))

    def _learn_checked(self, rows: Floats, targets: Floats) -> None:
        """Learn checked rows; those without a target are left out."""
        if len(targets) != 1 or targets[0] != targets[0]:  # fast path: no mask for a single row
            known = ~np.isnan(targets)
            rows, targets = rows[known], targets[known]
        start = 0
        while start < len(rows):
            seen = int(self.state["seen"][0]) if "seen" in self.state else 0
            part = slice(start, start + rows_until_check(seen))
            self._keep(self._with_extra(rows[part], targets[part]), targets[part])
            start = part.stop

    def add_inputs(self, width: int) -> None:
        """Add inputs after the known ones, up to ``width`` in total.

        The stored rows are learned again with missing values in the new inputs. Rows before the
        last 256 are forgotten.

        Raises
        ------
        DataError
            If ``width`` is smaller than the present number of inputs.
        """
        known = self._width()
        if known is None or width == known:
            return
        if width < known:
            super().add_inputs(width)
        kept, targets = in_order(self.state), in_order(self.state, "kept_targets")
        seen = len(kept)  # these count as the first rows
        missing = np.full((seen, width - known), np.nan)
        self.state.update(initial_state(width + self._extra))
        store_rows(
            self.state,
            np.hstack([kept[:, :known], missing, kept[:, known:]]),
            kept_targets=targets,
        )
        self._refit(seen)

    def _width(self) -> int | None:
        return self.state["kept"].shape[1] - self._extra if "kept" in self.state else None

    def _keep(self, rows: Floats, targets: Floats) -> None:
        """Learn rows up to the next check of the scaling, at most."""
        if "kept" not in self.state:
            self.state.update(initial_state(rows.shape[1]), kept_targets=np.zeros(KEPT))
        store_rows(self.state, rows, kept_targets=targets)
        if n := rows_to_refit(self.state):
            self._refit(n)
        else:
            self._learn_rows(rows, targets)

    def _refit(self, n: int) -> None:
        """Fit the scaling to the first n stored rows, and learn these."""
        rows, targets = self.state["kept"][:n], self.state["kept_targets"][:n]
        self._refresh_extra(rows, targets)
        self.state.update(fit_quantiles(rows))
        self._reset(rows, targets)
        self._learn_rows(rows, targets)

    def _rls_state(self, prefix: str) -> RLSState:
        """Return the state of the least squares whose names have this prefix."""
        state = self.state
        return {name: state[prefix + name] for name in PARTS}


def check_between(name: str, value: object, low: float, high: float, closed: bool = False) -> None:
    """Raise if a parameter is no number in (low, high), or in (low, high] if closed.

    Raises
    ------
    ParameterError
        If it is not.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not (low < value < high or (closed and value == high)):  # type: ignore[operator] # a number by then
        end = "]" if closed else ")"
        raise ParameterError(f"{name} must be in ({low:g}, {high:g}{end}, got {value!r}")


def check_count(name: str, value: object) -> None:
    """Raise if a parameter is no integer of at least 1.

    Raises
    ------
    ParameterError
        If it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ParameterError(f"{name} must be an integer of at least 1, got {value!r}")


def check_map(features: FeatureMap | None, default: FeatureMap) -> FeatureMap:
    """Return ``features``, or the default if it is None.

    Raises
    ------
    ParameterError
        If ``features`` is no feature map.
    """
    feature_map = default if features is None else features
    if not isinstance(feature_map, FeatureMap):
        raise ParameterError(
            f"features must be a map of streamlyt.features, got {features!r}; use OpticalMap(128)"
        )
    return feature_map
