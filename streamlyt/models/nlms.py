"""Normalized least mean squares over random features: one step of constant size per row."""

import math

import numpy as np

from streamlyt.core import FeatureMap, Floats

from ._base.scaled_learner import ScaledLearner, check_between
from ._kernels.gradient import step_rows
from ._kernels.square_root_rls import products

__all__ = ["NLMS"]


class NLMS(ScaledLearner):
    r"""Normalized least mean squares over random features.

    With f the features of a row and e the error of its prediction,

    .. math:: w \leftarrow w + \eta \, e \, f / |f|^2,

    where :math:`\eta` is ``learning_rate`` [1]_. It costs O(m) per row, forgets at a speed set by
    the rate, and learns directions of small variance slowly, unlike
    :class:`streamlyt.models.rls.RLS`. Input scaling and the additional basis functions are the same
    as there.

    Parameters
    ----------
    features
        Feature map of the normal scores of the inputs; None for ``OpticalMap(128)``.
    kernel_width
        Kernel width, in units of the root-mean-square length of a row of scores.
    learning_rate
        :math:`\eta` in (0, 2): with 1 a step reproduces the target of its row exactly.
    target
        Target column in a pipeline; empty for the last one.

    Raises
    ------
    ParameterError
        If a parameter is out of range.

    References
    ----------
    .. [1] S. Haykin, "Adaptive filter theory", Prentice Hall 2002, chapter 6.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).uniform(-1, 1, size=(3000, 2))
    >>> model = NLMS()
    >>> model.learn(x, np.sin(3 * x[:, 0]))
    >>> bool(np.abs(model.predict(x) - np.sin(3 * x[:, 0])).mean() < 0.1)
    True
    """

    _fade: float = 0.0  # decay of the step; constant here

    def __init__(
        self,
        features: FeatureMap | None = None,
        *,
        kernel_width: float = 1.0,
        learning_rate: float = 0.5,
        target: str = "",
    ) -> None:
        self.features = features
        self.kernel_width = kernel_width
        self.learning_rate = learning_rate
        self.target = target
        super().__init__()
        check_between("kernel_width", kernel_width, 0.0, math.inf)
        check_between("learning_rate", learning_rate, 0.0, 2.0)

    def _reset(self, rows: Floats, targets: Floats) -> None:
        self.state["weights"] = np.zeros((1, self._layout(rows.shape[1]).columns[-1]))
        self.state["counts"] = np.zeros(1, dtype=np.int64)
        self.state["origin"] = np.array([np.median(targets)])

    def _learn_rows(self, rows: Floats, targets: Floats) -> None:
        state, features = self.state, self._features_of(rows)
        residuals = (targets - state["origin"])[:, None]
        step_rows(
            features,
            residuals,
            state["weights"],
            state["counts"],
            self.learning_rate,
            self._fade,
            False,
        )

    def _predict_rows(self, rows: Floats) -> Floats:
        out = np.empty((len(rows), 1))
        features = self._features_of(rows)
        products(features, self.state["weights"], out)
        return out[:, 0] + self.state["origin"]
