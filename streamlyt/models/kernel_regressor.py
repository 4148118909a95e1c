"""Kernel regressor: a mixture of experts of several kernel widths and memories, with baselines."""

import numpy as np

from streamlyt.core import Array, FeatureMap, Floats
from streamlyt.features import OpticalMap

from ._base.scaled_learner import ScaledLearner, View
from ._experts.basis_expansion import BasisExpansion
from ._experts.expert_bank import ExpertBank
from ._experts.group_history import NONE, find_group_column, initial_state, last_targets
from ._experts.square_root_rls import SquareRootRLS
from ._kernels.hedge import mean_rows, mix_rows, offset_rows, weigh_rows

__all__ = ["KernelRegressor"]

# Chosen on generated tables; see docs/models.md for the tables and the figures.
_NARROW, _WIDE, _WIDEST = 0.7, 1.0, 2.0
_BANK = {
    "narrow": (SquareRootRLS(forgetting_factor=1.0, ridge=0.03, huber_k=3.0), 0),
    "wide": (SquareRootRLS(forgetting_factor=1.0, ridge=0.1, huber_k=3.0), 1),
    "forgetful": (SquareRootRLS(forgetting_factor=0.99, ridge=0.03, huber_k=3.0), 1),
    "step": (SquareRootRLS(forgetting_factor=1.0, ridge=10.0, huber_k=1.35), 2),
    "group": (SquareRootRLS(forgetting_factor=1.0, ridge=1.0, huber_k=3.0), 3),
}
_LAST, _STEP, _GROUP, _GROUP_STEP = range(-4, 0)  # columns appended to the inputs
# Column that an expert predicts, or that its targets are relative to; else the median target.
_FROM = {"step": _LAST, "group": _GROUP, "last of group": _GROUP, "last": _LAST}
# Without and with groups; the baselines, which learn no weights, come last.
_NAMES = [*[*_BANK][:-1], "last", "mean"], [*_BANK, "last of group", "last", "mean"]


class KernelRegressor(ScaledLearner):
    """Kernel regression without tuning parameters: a mixture of experts weighted by their errors.

    Four experts are least squares over random features (see :class:`streamlyt.models.rls.RLS`):
    one with a narrow and one with a wide kernel and no forgetting, one with the wide kernel and a
    memory of 100 rows, and one that predicts the step from the last target; its inputs include the
    last target and the last step. If the values of an input name groups of rows (animals, machines)
    and the last target of the group predicts better than the last target of all rows, a fifth
    expert predicts the step from there. The baselines are these last targets (persistence) and the
    mean of all targets. Each expert predicts before it learns, and Hedge with a fixed share [1]_
    forms the weighted mean: it is never much worse than the best expert, also over any segment of
    rows.

    Large errors count linearly (Huber), and no prediction leaves the range of the observed targets
    by more than half of its length. The state is bounded: 256 rows, the last targets of 256 groups,
    and about (256 + 6 d)^2 / 2 numbers for the narrow expert and (128 + 6 d)^2 / 2 for each other.

    Parameters
    ----------
    features
        Feature map of the normal scores of the inputs, for all experts; None for
        ``OpticalMap(256)`` for the narrow kernel and ``OpticalMap(128)`` for the others.
    target
        Target column in a pipeline; empty for the last one.

    Raises
    ------
    ParameterError
        If ``features`` is no feature map.

    References
    ----------
    .. [1] M. Herbster and M. Warmuth, "Tracking the best expert", Machine Learning 32, 1998, with
       the absolute error over the mixture's own for a loss.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-1, 1, size=(600, 2))
    >>> y = 5 + np.sin(3 * x[:, 0]) * x[:, 1]
    >>> model = KernelRegressor()
    >>> model.learn(x[:500], y[:500])
    >>> bool(np.abs(model.predict(x[500:]) - y[500:]).mean() < 0.05)
    True
    >>> list(model.expert_weights)
    ['narrow', 'wide', 'forgetful', 'step', 'last', 'mean']
    """

    _extra = 4  # the last target and the last step, of all and of the group

    def __init__(self, features: FeatureMap | None = None, *, target: str = "") -> None:
        self.features = features
        self.target = target
        super().__init__()
        self._finer = OpticalMap(256, dtype="float64") if features is None else self._map
        # The same experts without and with the group expert.
        self._banks = [ExpertBank([*_BANK.values()][:n]) for n in (len(_BANK) - 1, len(_BANK))]
        self._columns: dict[tuple[int, int], Array] = {}  # cache by (d, variant)

    @property
    def expert_weights(self) -> dict[str, float]:
        """Weights of the experts in the mixture by name; they sum to 1."""
        names = _NAMES[self._variant()]
        logs = self.state.get("log_weights", np.full(len(names), -np.log(len(names))))
        return {name: float(weight) for name, weight in zip(names, np.exp(logs), strict=True)}

    def _variant(self) -> int:
        """Return 1 if an input names groups, else 0."""
        return int("group" in self.state and self.state["group"][0] != NONE)

    def _views(self, d: int) -> list[View]:
        inputs = d - self._extra
        own, plain = np.arange(inputs), slice(0, inputs)
        views: list[View] = [
            (BasisExpansion(self._finer, _NARROW, inputs), plain),
            (BasisExpansion(self._map, _WIDE, inputs), plain),
            (BasisExpansion(self._map, _WIDEST, inputs + 2), slice(0, inputs + 2)),
        ]
        if self._variant():
            columns = np.append(own, [inputs + 2, inputs + 3])
            views.append((BasisExpansion(self._map, _WIDEST, inputs + 2), columns))
        return views

    def _with_extra(self, rows: Floats, targets: Floats | None = None) -> Floats:
        n, d = rows.shape
        out = np.empty((n, d + self._extra))
        out[:, :d], out[:, _GROUP:] = rows, 0.0
        last = self.state.get("last")
        if last is None:
            last = np.zeros(2) if targets is None else np.repeat(targets[:1], 2)
        if targets is None:
            out[:, _LAST], out[:, _STEP] = last[1], last[1] - last[0]
        elif n:
            known = np.concatenate([last, targets])
            out[:, _LAST], out[:, _STEP] = known[1:-1], known[1:-1] - known[:-2]
            self.state["last"] = known[-2:]
        if self._variant():
            key = self.state["group"][0]
            out[:, _GROUP:] = last_targets(self.state, out[:, key], out[:, _LAST], targets)
        return out

    def _refresh_extra(self, rows: Floats, targets: Floats) -> None:
        inputs, before = rows[:, : -self._extra], rows[:, _LAST]
        key = find_group_column(inputs, targets, before)
        self.state.update(initial_state(), group=np.array([key]))
        rows[:, _GROUP:] = 0.0
        if key != NONE:
            rows[:, _GROUP:] = last_targets(self.state, inputs[:, key], before, targets)

    def _reset(self, rows: Floats, targets: Floats) -> None:
        bank, size = self._banks[self._variant()], len(_NAMES[self._variant()])
        self.state.update(bank.start(self._layout(rows.shape[1]).starts))
        self.state["origin"] = np.array([np.median(targets)])
        self.state["mean"] = np.zeros(2)  # mean of the targets, and their number
        self.state["log_weights"] = np.full(size, -np.log(size))
        self.state["span"] = np.zeros(2)
        self.state["scale"] = np.zeros(2)

    def _offsets(self, rows: Floats) -> Floats:
        """Return the offset of each expert's targets, or its prediction, shape (n, experts)."""
        n, d = rows.shape
        variant = self._variant()
        columns = self._columns.get((d, variant))
        if columns is None:
            columns = np.array([d + _FROM.get(name, -d - 1) for name in _NAMES[variant]])
            self._columns[d, variant] = columns
        out = np.empty((n, columns.size))
        offset_rows(rows, columns, self.state["origin"][0], out)
        return out

    def _learn_rows(self, rows: Floats, targets: Floats) -> None:
        state, bank = self.state, self._banks[self._variant()]
        advice = self._offsets(rows)
        residuals = (targets[:, None] - advice[:, : bank.size])[:, :, None]
        starts = self._layout(rows.shape[1]).starts
        advice[:, : bank.size] += bank.follow(state, self._features_of(rows), starts, residuals)[
            :, :, 0
        ]
        mean_rows(targets, state["mean"], advice)
        weigh_rows(advice, targets, state["log_weights"], state["span"], state["scale"])

    def _predict_rows(self, rows: Floats) -> Floats:
        state, bank = self.state, self._banks[self._variant()]
        advice = self._offsets(rows)
        starts = self._layout(rows.shape[1]).starts
        advice[:, : bank.size] += bank.predict(state, self._features_of(rows), starts)[:, :, 0]
        advice[:, -1] = state["mean"][0]
        out = np.empty(len(rows))
        mix_rows(advice, state["log_weights"], state["span"], out)
        return out
