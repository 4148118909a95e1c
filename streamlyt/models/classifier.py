"""The kernel classifier: one against the rest over random features, by a bank of experts."""

import numpy as np

from streamlyt.base import FeatureMap, Floats

from ._classes import ClassLearner
from ._design import design_width
from ._kernels_classes import mix_classes, weigh_classes
from ._model import check_count
from ._root import Root

__all__ = ["KernelClassifier"]

_NARROW, _WIDE = 1.0, 2.0
# Chosen on the made tables of benchmarks/_synthetic.py; docs/models.md has the figures.
_BANK = (
    Root(forget=1.0, ridge=0.03),
    Root(forget=1.0, ridge=0.3),
    Root(forget=0.99, ridge=0.03),
)
_SIZE = len(_BANK) + 2  # two more learn no weights: the last class, and the frequencies
_SHARPNESS = 5.0  # at the beginning, of scores that are 1 for the class of a row and 0 for others


class KernelClassifier(ClassLearner):
    """Kernel classification with nothing to set, and probabilities that mean what they say.

    Each class has a regression of one against the rest (1 for its rows, 0 for others) by recursive
    least squares over random features; the classes share one matrix, so that many cost little more
    than two. Three experts do so: two that forget nothing, with a small and a large ridge, and one
    of a wider kernel with a memory of 100 rows. Their scores become probabilities by a softmax
    whose sharpness follows the log loss on rows that were not yet learnt. Beside them stand the
    last class, as often as it has stayed, and the frequencies. The mixture is by Bayes' rule with a
    fixed share: its log loss is never much worse than that of the best of them.

    A class may appear at any time: as it was 0 in all rows before, its weights begin at zero, as if
    it had been known throughout. Labels may come late or never: rows are predicted when they come
    and learnt when ``learn`` is called with them.

    Parameters
    ----------
    features
        Feature map on the normal scores of the inputs; None for ``Optical(128)``.
    max_classes
        Number of different classes at most: it bounds the memory.
    target
        Column to be learnt in a pipeline, integers from 0 on; empty for the last one.

    Raises
    ------
    ParameterError
        If a parameter cannot hold.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(600, 2))
    >>> inside = (np.hypot(x[:, 0], x[:, 1]) < 1).astype(float)
    >>> model = KernelClassifier()
    >>> model.learn(x[:500], inside[:500])
    >>> bool((model.predict(x[500:]) == inside[500:]).mean() > 0.95)
    True
    """

    def __init__(
        self, features: FeatureMap | None = None, *, max_classes: int = 100, target: str = ""
    ) -> None:
        self.features = features
        self.max_classes = max_classes
        self.target = target
        super().__init__()
        check_count("max_classes", max_classes)

    def _begin(self, rows: Floats, targets: Floats) -> None:
        m, k = design_width(self._map, rows.shape[1]), len(self.classes)
        for i, expert in enumerate(_BANK):
            self.state.update({f"{i}_{name}": a for name, a in expert.start(m, k).items()})
        self.state["sharpness"] = np.tile([_SHARPNESS, 0.0], (len(_BANK), 1))
        self.state["log_weights"] = np.full(_SIZE, -np.log(_SIZE))
        self.state["counts"] = np.zeros(k)
        self.state["last"] = np.full(1, -1)
        self.state["stayed"] = np.zeros(2)

    def _learn_known(self, rows: Floats, labels: Floats) -> None:
        for name in ("counts", *(f"{i}_weights" for i in range(len(_BANK)))):
            self._grown(name)
        wanted = np.zeros((len(rows), len(self.classes)))
        wanted[np.arange(len(rows)), labels] = 1.0
        scores = np.empty((len(_BANK), *wanted.shape))
        for i, (expert, seen) in enumerate(zip(_BANK, self._designs(rows), strict=True)):
            scores[i] = expert.follow(self._under(f"{i}_"), seen, wanted)
        state = self.state
        state["last"][0] = weigh_classes(
            scores,
            labels,
            state["sharpness"],
            state["log_weights"],
            state["counts"],
            int(state["last"][0]),
            state["stayed"],
        )

    def _mixed(self, rows: Floats) -> Floats:
        state, k = self.state, len(self.classes)
        scores = np.empty((len(_BANK), len(rows), k))
        for i, (expert, seen) in enumerate(zip(_BANK, self._designs(rows), strict=True)):
            scores[i] = expert.predict(self._under(f"{i}_"), seen)
        out = np.empty((len(rows), k))
        mix_classes(
            scores,
            state["sharpness"],
            state["log_weights"],
            state["counts"],
            int(state["last"][0]),
            state["stayed"],
            out,
        )
        return out

    def _designs(self, rows: Floats) -> tuple[Floats, ...]:
        """Return what each expert sees of rows."""
        d = rows.shape[1]
        narrow, wide = self._designed(rows, (_NARROW, d), (_WIDE, d))
        return narrow, narrow, wide
