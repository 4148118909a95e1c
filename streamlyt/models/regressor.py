"""The kernel regressor: experts of several widths and memories, and persistence beside them."""

import numpy as np

from streamlyt.base import FeatureMap, Floats

from ._design import design_width
from ._kernels_experts import mix_rows, weigh_rows
from ._model import ScaledLearner
from ._root import Root

__all__ = ["KernelRegressor"]


_NARROW, _WIDE = 0.5, 2.0
# Chosen on the made tables of benchmarks/_synthetic.py; docs/models.md has the figures.
_BANK = (
    Root(forget=1.0, ridge=0.1, robust=3.0),
    Root(forget=1.0, ridge=0.1, robust=3.0),
    Root(forget=0.99, ridge=0.03, robust=3.0),
    Root(forget=1.0, ridge=10.0, robust=1.35),
)
_STEP = len(_BANK) - 1  # learns what the target is above the last one
_SIZE = len(_BANK) + 2  # two more learn no weights: the last target, and the mean of all


class KernelRegressor(ScaledLearner):
    """Kernel regression with nothing to set: a bank of experts, weighed as they prove themselves.

    Four of them are least squares over random features (see :class:`streamlyt.models.rls.RLS`):
    two of a narrow and a wide kernel that forget nothing, a wide one with a memory of 100 rows, and
    one that learns the step from the last target, to which it knows the last target, too. Beside
    them stand the last target (persistence) and the mean of all. Each advises before he learns, and
    Hedge with a fixed share [1]_ takes the weighted mean of them all: it is never much worse than
    the best of them, nor than the best of each stretch of rows.

    Large errors count linearly (Huber), and no advice leaves the span of the targets seen by more
    than half of its length. Memory is bounded, 256 rows and about (128 + 6 d)^2 numbers an expert.

    Parameters
    ----------
    features
        Feature map on the normal scores of the inputs; None for ``Optical(128)``.
    target
        Column to be learnt in a pipeline; empty for the last one.

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
    >>> list(model.trust)
    ['narrow', 'wide', 'forgetful', 'step', 'last', 'mean']
    """

    _extra = 1  # the last target

    def __init__(self, features: FeatureMap | None = None, *, target: str = "") -> None:
        self.features = features
        self.target = target
        super().__init__()

    @property
    def trust(self) -> dict[str, float]:
        """The experts' shares of the mixture by name, 1 in sum."""
        logs = self.state.get("log_weights", np.full(_SIZE, -np.log(_SIZE)))
        names = ("narrow", "wide", "forgetful", "step", "last", "mean")
        return {name: float(share) for name, share in zip(names, np.exp(logs), strict=True)}

    def _extended(self, rows: Floats, targets: Floats | None = None) -> Floats:
        before = self.state.get("last", np.zeros(1) if targets is None else targets[:1])
        if targets is None:
            return np.column_stack([rows, np.broadcast_to(before, len(rows))])
        if len(rows):
            self.state["last"] = targets[-1:].copy()
        return np.column_stack([rows, np.concatenate([before, targets[:-1]])[: len(rows)]])

    def _begin(self, rows: Floats, targets: Floats) -> None:
        for i, expert in enumerate(_BANK):
            m = design_width(self._map, rows.shape[1] - (i != _STEP))
            self.state.update({f"{i}_{name}": a for name, a in expert.start(m).items()})
        self.state["origin"] = np.array([np.median(targets)])
        self.state["mean"] = np.zeros(2)  # of the targets, and their number
        self.state["log_weights"] = np.full(_SIZE, -np.log(_SIZE))
        self.state["span"] = np.zeros(2)
        self.state["scale"] = np.zeros(2)

    def _learn_rows(self, rows: Floats, targets: Floats) -> None:
        advice = np.empty((len(rows), _SIZE))
        for i, (expert, seen) in enumerate(zip(_BANK, self._designs(rows), strict=True)):
            offset = rows[:, -1] if i == _STEP else self.state["origin"]
            wanted = (targets - offset)[:, None]
            advice[:, i] = expert.follow(self._under(f"{i}_"), seen, wanted)[:, 0] + offset
        advice[:, -2] = rows[:, -1]
        mean, count = self.state["mean"]
        for i, y in enumerate(targets):
            advice[i, -1] = mean
            count += 1.0
            mean += (y - mean) / count
        self.state["mean"][:] = mean, count
        state = self.state
        weigh_rows(advice, targets, state["log_weights"], state["span"], state["scale"])

    def _predict_rows(self, rows: Floats) -> Floats:
        advice = np.empty((len(rows), _SIZE))
        for i, (expert, seen) in enumerate(zip(_BANK, self._designs(rows), strict=True)):
            offset = rows[:, -1] if i == _STEP else self.state["origin"]
            advice[:, i] = expert.predict(self._under(f"{i}_"), seen)[:, 0] + offset
        advice[:, -2] = rows[:, -1]
        advice[:, -1] = self.state["mean"][0]
        out = np.empty(len(rows))
        mix_rows(advice, self.state["log_weights"], self.state["span"], out)
        return out

    def _designs(self, rows: Floats) -> tuple[Floats, ...]:
        """Return what each expert sees of rows."""
        d = rows.shape[1]
        narrow, wide, step = self._designed(rows, (_NARROW, d - 1), (_WIDE, d - 1), (_WIDE, d))
        return narrow, wide, wide, step
