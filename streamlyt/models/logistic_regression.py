"""Logistic regression over random features, one gradient step per row."""

import math

import numpy as np

from streamlyt.core import FeatureMap, Floats

from ._base.class_learner import ClassLearner
from ._base.scaled_learner import check_between, check_count
from ._kernels.gradient import step_rows
from ._kernels.square_root_rls import products
from .fogd import FADE

__all__ = ["LogisticRegression"]


class LogisticRegression(ClassLearner):
    r"""Multinomial logistic regression over random features by online gradient descent.

    With p the softmax of the classes' scores :math:`w_c \cdot f`,

    .. math:: w_c \leftarrow w_c + \eta_t (1_{y=c} - p_c) \, f / |f|^2, \qquad
        \eta_t = \eta / \sqrt{1 + t / 100},

    as in :class:`streamlyt.models.fogd.FOGD`. O(m) per row and class; a new
    class starts with zero weights.

    Parameters
    ----------
    features
        Feature map of the normal scores of the inputs; None for ``OpticalMap(128)``.
    kernel_width
        Kernel width, in units of the root-mean-square length of a row of scores.
    learning_rate
        :math:`\eta`, above 0. The log loss has a quarter of the curvature of the squared error.
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
    >>> x = np.random.default_rng(0).normal(size=(3000, 2))
    >>> inside = (np.hypot(x[:, 0], x[:, 1]) < 1).astype(float)
    >>> model = LogisticRegression()
    >>> model.learn(x, inside)
    >>> bool((model.predict(x) == inside).mean() > 0.9)
    True
    """

    def __init__(
        self,
        features: FeatureMap | None = None,
        *,
        kernel_width: float = 1.0,
        learning_rate: float = 8.0,
        max_classes: int = 100,
        target: str = "",
    ) -> None:
        self.features = features
        self.kernel_width = kernel_width
        self.learning_rate = learning_rate
        self.max_classes = max_classes
        self.target = target
        super().__init__()
        check_between("kernel_width", kernel_width, 0.0, math.inf)
        check_between("learning_rate", learning_rate, 0.0, math.inf)
        check_count("max_classes", max_classes)

    def _reset(self, rows: Floats, targets: Floats) -> None:
        shape = len(self.classes), self._layout(rows.shape[1]).columns[-1]
        self.state["weights"] = np.zeros(shape)
        self.state["counts"] = np.zeros(1, dtype=np.int64)

    def _learn_known(self, rows: Floats, labels: Floats) -> None:
        self._pad_classes("weights")
        state = self.state
        features = self._features_of(rows)
        one_hot = np.eye(len(self.classes))[labels]
        step_rows(
            features, one_hot, state["weights"], state["counts"], self.learning_rate, FADE, True
        )

    def _class_probabilities(self, rows: Floats) -> Floats:
        scores = np.empty((len(rows), len(self.classes)))
        products(self._features_of(rows), self.state["weights"], scores)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities: Floats = weights / weights.sum(axis=1, keepdims=True)
        return probabilities
