"""Logistic regression over random features, one gradient step a row."""

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
    r"""Multinomial logistic regression over random features by on-line gradient descent.

    With p the softmax of the classes' scores :math:`w_c \cdot f`,

    .. math:: w_c \leftarrow w_c + \eta_t (1_{y=c} - p_c) \, f / |f|^2, \qquad
        \eta_t = \eta / \sqrt{1 + t / 100},

    as in :class:`streamlyt.models.fogd.FOGD`. O(m) a row and class; a class that appears begins
    with weights of zero.

    Parameters
    ----------
    features
        Feature map on the normal scores of the inputs; None for ``Optical(128)``.
    width
        Kernel width, in units of the root-mean-square length of a row of scores.
    rate
        :math:`\eta`, above 0; the log loss bends a quarter as much as the squared error.
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
        width: float = 1.0,
        rate: float = 8.0,
        max_classes: int = 100,
        target: str = "",
    ) -> None:
        self.features = features
        self.width = width
        self.rate = rate
        self.max_classes = max_classes
        self.target = target
        super().__init__()
        check_between("width", width, 0.0, math.inf)
        check_between("rate", rate, 0.0, math.inf)
        check_count("max_classes", max_classes)

    def _begin(self, rows: Floats, targets: Floats) -> None:
        shape = len(self.classes), self._layout(rows.shape[1]).columns[-1]
        self.state["weights"] = np.zeros(shape)
        self.state["counts"] = np.zeros(1, dtype=np.int64)

    def _learn_known(self, rows: Floats, labels: Floats) -> None:
        self._grown("weights")
        state = self.state
        seen = self._seen(rows)
        wanted = np.eye(len(self.classes))[labels]
        step_rows(seen, wanted, state["weights"], state["counts"], self.rate, FADE, True)

    def _mixed(self, rows: Floats) -> Floats:
        scores = np.empty((len(rows), len(self.classes)))
        products(self._seen(rows), self.state["weights"], scores)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        total: Floats = shares / shares.sum(axis=1, keepdims=True)
        return total
