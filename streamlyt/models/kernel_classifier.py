"""Kernel classifier: one-vs-rest least squares over random features, as a mixture of experts."""

import numpy as np

from streamlyt.core import FeatureMap, Floats
from streamlyt.features import OpticalMap

from ._base.class_learner import ClassLearner
from ._base.scaled_learner import View, check_count
from ._experts.basis_expansion import BasisExpansion
from ._experts.expert_bank import ExpertBank
from ._experts.square_root_rls import SquareRootRLS
from ._kernels.class_mixture import PRIOR, mix_classes, weigh_classes

__all__ = ["KernelClassifier"]

# Chosen on generated tables; see docs/models.md for the tables and the figures.
_NARROW, _WIDE = 0.7, 1.0
_BANK = ExpertBank(
    [
        (SquareRootRLS(forgetting_factor=1.0, ridge=0.01), 0),
        (SquareRootRLS(forgetting_factor=1.0, ridge=0.3), 1),
        (SquareRootRLS(forgetting_factor=1.0, ridge=10.0), 1),
        (SquareRootRLS(forgetting_factor=0.997, ridge=0.03), 1),
    ]
)
# Three more experts have no scores of their own: the weighted sum, the last class, the frequencies.
_SIZE = _BANK.size + 3
_SHARPNESS = 5.0  # initial value, for scores that are 1 for the class of a row and 0 for others


class KernelClassifier(ClassLearner):
    """Kernel classification without tuning parameters and with calibrated probabilities.

    Each class has a one-vs-rest regression (1 for its rows, 0 for others) by recursive least
    squares over random features. The classes share one matrix, so many cost little more than two.
    Four experts do this: one with a narrow kernel and a small ridge and two with a wider kernel and
    larger ridges, all without forgetting, and one with the wider kernel and a memory of 333 rows.
    A softmax turns their scores into probabilities; its sharpness minimizes the log loss on rows
    that were not yet learned. A fifth expert takes the softmax of a weighted sum of all scores, and
    its weights minimize the same loss. Two baselines complete the mixture: the last class, with the
    observed probability that it repeats, and the class frequencies. The weights of the mixture
    follow Bayes' rule with a fixed share: its log loss is never much worse than that of the best
    expert.

    A class may appear at any time. It was 0 in all rows before, so its weights start at zero, as if
    it had been known from the start. Labels may come late or never: rows are predicted on arrival
    and learned when ``learn`` is called with them.

    Parameters
    ----------
    features
        Feature map of the normal scores of the inputs, for all experts; None for
        ``OpticalMap(256)`` for the narrow kernel and ``OpticalMap(128)`` for the others.
    max_classes
        Maximum number of classes; bounds the size of the state.
    target
        Target column in a pipeline, non-negative integers; empty for the last one.

    Raises
    ------
    ParameterError
        If a parameter is out of range.

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
        self._finer = OpticalMap(256, dtype="float64") if features is None else self._map

    def _views(self, d: int) -> list[View]:
        return [
            (BasisExpansion(self._finer, _NARROW, d), None),
            (BasisExpansion(self._map, _WIDE, d), None),
        ]

    def _reset(self, rows: Floats, targets: Floats) -> None:
        k = len(self.classes)
        self.state.update(_BANK.start(self._layout(rows.shape[1]).starts, k))
        self.state["sharpness"] = np.tile([_SHARPNESS, 0.0], (_BANK.size, 1))
        self.state["together"] = np.full(_BANK.size, _SHARPNESS / _BANK.size)
        self.state["curvature"] = PRIOR * np.eye(_BANK.size)
        self.state["log_weights"] = np.full(_SIZE, -np.log(_SIZE))
        self.state["seen_classes"] = np.zeros(k)
        self.state["last"] = np.full(1, -1)
        self.state["stayed"] = np.zeros(2)

    def _learn_known(self, rows: Floats, labels: Floats) -> None:
        for name in ("seen_classes", "weights", "anchors"):
            self._pad_classes(name)
        state, starts = self.state, self._layout(rows.shape[1]).starts
        one_hot = np.zeros((len(rows), _BANK.size, len(self.classes)))
        one_hot[np.arange(len(rows)), :, labels] = 1.0
        state["last"][0] = weigh_classes(
            _BANK.follow(state, self._features_of(rows), starts, one_hot),
            labels,
            state["sharpness"],
            state["together"],
            state["curvature"],
            state["log_weights"],
            state["seen_classes"],
            int(state["last"][0]),
            state["stayed"],
        )

    def _class_probabilities(self, rows: Floats) -> Floats:
        state, starts = self.state, self._layout(rows.shape[1]).starts
        out = np.empty((len(rows), len(self.classes)))
        mix_classes(
            _BANK.predict(state, self._features_of(rows), starts),
            state["sharpness"],
            state["together"],
            state["log_weights"],
            state["seen_classes"],
            int(state["last"][0]),
            state["stayed"],
            out,
        )
        return out
