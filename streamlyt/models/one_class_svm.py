"""One-class SVM over random features: a half-space that contains most rows."""

import numpy as np

from streamlyt.core import FeatureMap, Floats

from ._base.anomaly_model import AnomalyModel
from ._base.scaled_learner import check_between
from ._kernels.density import half_space_rows

__all__ = ["OneClassSVM"]


class OneClassSVM(AnomalyModel):
    r"""One-class support vector machine over random features, by gradient steps.

    With f the features of a row, the half-space :math:`w \cdot f \ge \rho` should contain all
    rows but a fraction :math:`\nu` [1]_. w and :math:`\rho` follow the gradient of

    .. math:: \frac{1}{2} |w|^2 - \rho + \frac{1}{\nu} \langle \max(0, \rho - w \cdot f) \rangle

    with a constant step :math:`\eta`, which is also the rate of forgetting [2]_. The score is
    :math:`\rho - w \cdot f`. A row costs O(m). Scaling and threshold are those of
    :class:`streamlyt.models.kernel_density.KernelDensity`: ``false_alarm_rate`` sets the threshold,
    whatever :math:`\nu` is.

    Parameters
    ----------
    features
        Feature map on the normal scores, of about unit length; None for ``FourierMap(512)``.
    kernel_width
        Kernel width, in units of the root-mean-square length of a row of scores.
    nu
        :math:`\nu`, in (0, 1]: 1 gives the kernel density; smaller values emphasize the boundary.
    learning_rate
        :math:`\eta`, in (0, 1).
    false_alarm_rate
        False alarms per row, in [1e-4, 0.1].

    Raises
    ------
    ParameterError
        If a parameter is out of range.

    References
    ----------
    .. [1] B. Schoelkopf et al., "Estimating the support of a high-dimensional distribution", Neural
       Computation 13, 2001, equation 3.
    .. [2] J. Kivinen, A. Smola, R. Williamson, "Online learning with kernels", IEEE Transactions on
       Signal Processing 52, 2004, section III.C; there the expansion is in rows, here in features.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(2000, 2))
    >>> model = OneClassSVM()
    >>> scores, thresholds = model.score(rows)
    >>> bool(model.anomaly_score(np.array([[4.0, -4.0]]))[0] > model.threshold)
    True
    """

    def __init__(
        self,
        features: FeatureMap | None = None,
        *,
        kernel_width: float = 0.7,
        nu: float = 0.2,
        learning_rate: float = 1e-3,
        false_alarm_rate: float = 1e-3,
    ) -> None:
        self.features = features
        self.kernel_width = kernel_width
        self.nu = nu
        self.learning_rate = learning_rate
        self.false_alarm_rate = false_alarm_rate
        super().__init__()
        check_between("nu", nu, 0.0, 1.0, closed=True)
        check_between("learning_rate", learning_rate, 0.0, 1.0)

    def _reset(self, rows: Floats) -> None:
        # The mean of the features is the solution for nu = 1 and an initial value for any other.
        features = self._features_of(rows)
        self.state["weights"] = features.mean(axis=0)
        inside = features @ self.state["weights"]
        self.state["offset"] = np.array([np.quantile(inside, self.nu)])

    def _score_and_learn(self, rows: Floats, learn: bool) -> Floats:
        out = np.empty(len(rows))
        half_space_rows(
            self._features_of(rows),
            self.state["weights"],
            self.state["offset"],
            self.learning_rate,
            self.nu,
            learn,
            out,
        )
        return out
