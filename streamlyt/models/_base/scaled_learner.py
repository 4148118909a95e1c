"""What our models share: inputs put to scale by the first rows, which are then learnt anew."""

from abc import abstractmethod
from typing import Any, NamedTuple

import numpy as np

from streamlyt.core import Array, FeatureMap, Floats, Learner
from streamlyt.core.errors import ParameterError
from streamlyt.features import OpticalMap
from streamlyt.models._experts.basis_expansion import BasisExpansion
from streamlyt.models._experts.square_root_rls import PARTS, Memory
from streamlyt.models._scaling.quantile_scaler import fit_quantiles, scaled
from streamlyt.models._scaling.recent_rows import KEPT, due, fresh, in_order, put, room

__all__ = ["ScaledLearner", "check_between", "check_count", "check_map"]

_TOGETHER = 1024  # rows predicted at once: what is seen of them stays small


View = tuple[BasisExpansion, Any]


class Layout(NamedTuple):
    """Designs beside one another: the first column of each, and the one behind the last."""

    views: list[View]
    columns: list[int]
    starts: Array


class ScaledLearner(Learner):
    """A learner whose inputs stand on the scores of their quantiles.

    The quantiles are taken from the first 1, 2, 4, ... 256 rows, and each time all of these are
    learnt anew, so that the model is that of one scaling throughout. From then on the scaling
    stands, as what was learnt depends on it, until more than half of the last 256 rows lie beyond
    the quantiles of some input: then the model begins anew with these rows. Memory is 256 rows.

    Subclasses write ``_begin``, ``_learn_rows`` and ``_predict_rows``. They may put columns of
    their own, ``_extra`` of them, beside the inputs, and see rows through several designs.
    """

    features: FeatureMap | None
    width: float
    _extra: int = 0

    def __init__(self) -> None:
        super().__init__()
        self._map = check_map(self.features, OpticalMap(128, dtype="float64"))
        # These follow from the parameters and the state, and are no memory.
        self._layouts: dict[tuple[int, int], Layout] = {}
        self._last: tuple[object, bytes, Floats] = (None, b"", np.empty(0))

    @abstractmethod
    def _begin(self, rows: Floats, targets: Floats) -> None:
        """Forget what was learnt; these rows, as they came, are then learnt."""

    @abstractmethod
    def _learn_rows(self, rows: Floats, targets: Floats) -> None:
        """Learn rows, shape (n, d), not yet scaled, and their targets (n,), none of them a hole."""

    @abstractmethod
    def _predict_rows(self, rows: Floats) -> Floats:
        """Return the predictions, shape (n,), for rows that are not yet scaled."""

    def _extended(self, rows: Floats, targets: Floats | None = None) -> Floats:
        """Return inputs with the columns of one's own beside them; rows with targets are learnt."""
        return rows

    def _extended_anew(self, rows: Floats, targets: Floats) -> None:
        """Put one's own columns of kept rows right, before the scaling is taken from these."""

    def _views(self, d: int) -> list[View]:
        """Return the designs of rows with d columns, and the columns that each one takes."""
        return [(BasisExpansion(self._map, self.width, d), None)]

    def _layout(self, d: int) -> Layout:
        """Return these designs and where their columns begin."""
        key = d, self._variant()
        if key not in self._layouts:
            views = self._views(d)
            starts = np.cumsum([0, *(design.width for design, _ in views)])
            self._layouts[key] = Layout(views, starts.tolist(), starts)
        return self._layouts[key]

    def _variant(self) -> int:
        """Return a number that tells which views there are, where not d alone decides."""
        return 0

    def _seen(self, rows: Floats) -> Floats:
        """Return what is seen of rows, through one design after the other.

        What a single row gave is kept until the next one: it is mostly predicted and then learnt.
        """
        single = len(rows) == 1
        knots = self.state["knots"]  # another array for every scaling
        if single:
            key = rows.tobytes()
            if knots is self._last[0] and key == self._last[1]:
                return self._last[2]
        layout = self._layout(rows.shape[1])
        scores = scaled(self.state, rows)
        out = np.empty((len(rows), layout.columns[-1]))
        for (design, columns), at in zip(layout.views, layout.columns, strict=False):
            taken = scores if columns is None else np.ascontiguousarray(scores[:, columns])
            design.fill(taken, out, at)
        if single:
            self._last = (knots, key, out)
        return out

    def predict(self, values: Floats) -> Floats:
        """Return the predictions, shape (n,), for inputs of shape (n, d); nothing is learnt."""
        rows, _ = self.check_inputs(values)
        if "kept" not in self.state:
            return np.zeros(len(rows))
        rows = self._extended(rows)
        if len(rows) <= _TOGETHER:
            return self._predict_rows(rows)
        parts = range(0, len(rows), _TOGETHER)
        return np.concatenate([self._predict_rows(rows[i : i + _TOGETHER]) for i in parts])

    def learn(self, values: Floats, targets: Floats) -> None:
        """Learn inputs, shape (n, d), and their targets, shape (n,), in this order."""
        self._take(*self.check_inputs(values, targets))

    def _take(self, rows: Floats, wanted: Floats) -> None:
        """Learn what was checked."""
        if len(wanted) != 1 or wanted[0] != wanted[0]:  # a row alone has no time for masks
            known = ~np.isnan(wanted)
            rows, wanted = rows[known], wanted[known]
        start = 0
        while start < len(rows):
            seen = int(self.state["seen"][0]) if "seen" in self.state else 0
            some = slice(start, start + room(seen))
            self._keep(self._extended(rows[some], wanted[some]), wanted[some])
            start = some.stop

    def add_inputs(self, width: int) -> None:
        """Go on with more inputs, ``width`` in all, the new ones behind the known.

        The kept rows, in which the new inputs are holes, are learnt anew: after more than 256 rows
        what was older is forgotten.

        Raises
        ------
        DataError
            If there were more inputs before.
        """
        known = self._width()
        if known is None or width == known:
            return
        if width < known:
            super().add_inputs(width)
        kept, targets = in_order(self.state), in_order(self.state, "kept_targets")
        seen = len(kept)  # as if these were the first rows
        holes = np.full((seen, width - known), np.nan)
        self.state.update(fresh(width + self._extra))
        put(
            self.state,
            np.hstack([kept[:, :known], holes, kept[:, known:]]),
            kept_targets=targets,
        )
        self._refit(seen)

    def _width(self) -> int | None:
        return self.state["kept"].shape[1] - self._extra if "kept" in self.state else None

    def _keep(self, rows: Floats, targets: Floats) -> None:
        """Learn some rows, none of which is past the next look at the scaling."""
        if "kept" not in self.state:
            self.state.update(fresh(rows.shape[1]), kept_targets=np.zeros(KEPT))
        put(self.state, rows, kept_targets=targets)
        if n := due(self.state):
            self._refit(n)
        else:
            self._learn_rows(rows, targets)

    def _refit(self, n: int) -> None:
        """Take the scaling from the first n places of the kept rows, and learn these."""
        rows, targets = self.state["kept"][:n], self.state["kept_targets"][:n]
        self._extended_anew(rows, targets)
        self.state.update(fit_quantiles(rows))
        self._begin(rows, targets)
        self._learn_rows(rows, targets)

    def _under(self, prefix: str) -> Memory:
        """Return the memory of the least squares whose names begin so."""
        state = self.state
        return {name: state[prefix + name] for name in PARTS}


def check_between(name: str, value: object, low: float, high: float, closed: bool = False) -> None:
    """Raise where a parameter is no number in (low, high), or (low, high] where it is closed.

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
    """Raise where a parameter is no integer of at least 1.

    Raises
    ------
    ParameterError
        If it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ParameterError(f"{name} must be an integer of at least 1, got {value!r}")


def check_map(given: FeatureMap | None, usual: FeatureMap) -> FeatureMap:
    """Return a feature map, the usual one where none is given.

    Raises
    ------
    ParameterError
        If what is given is none.
    """
    chosen = usual if given is None else given
    if not isinstance(chosen, FeatureMap):
        raise ParameterError(
            f"features must be a map of streamlyt.features, got {given!r}; "
            "take Optical(128) for one"
        )
    return chosen
