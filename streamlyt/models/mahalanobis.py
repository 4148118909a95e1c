"""Mahalanobis distance in feature space: an anomaly is no linear combination of earlier rows."""

import numpy as np

from streamlyt.core import FeatureMap, Floats
from streamlyt.features import OpticalMap

from ._base.anomaly_model import AnomalyModel
from ._base.scaled_learner import check_between
from ._experts.basis_expansion import BasisExpansion
from ._experts.square_root_rls import SquareRootRLS
from ._kernels.square_root_rls import leverage_rows, spread_rows

__all__ = ["Mahalanobis"]


class Mahalanobis(AnomalyModel):
    r"""Mahalanobis distance of a row's features, by the matrix of recursive least squares.

    With P the inverse of :math:`\sum_s \lambda^{t-s} f_s f_s' + \rho I`, as in
    recursive least squares [1]_, and N the weight of the rows in it, the score is

    .. math:: \frac{N}{m} \, f' P f,

    with a mean of about 1. It is the squared Mahalanobis distance of f from the origin, and
    proportional to the predictive variance of a regression at f. The basis also has a constant,
    each input, and hinge functions of each input, as in :class:`streamlyt.models.rls.RLS`. A row
    costs O(m^2). Scaling and threshold are those of
    :class:`streamlyt.models.kernel_density.KernelDensity`.

    Parameters
    ----------
    features
        Feature map on the normal scores; None for ``OpticalMap(64)``.
    kernel_width
        Kernel width, in units of the root-mean-square length of a row of scores.
    forgetting_factor
        :math:`\lambda`, the weight of a row relative to the next one, in (0, 1].
    ridge
        :math:`\rho`, in units of squared features.
    false_alarm_rate
        False alarms per row, in [1e-4, 0.1].

    Raises
    ------
    ParameterError
        If a parameter is out of range.

    References
    ----------
    .. [1] S. Haykin, "Adaptive filter theory", Prentice Hall 2002, chapter 9.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows = rng.normal(size=(2000, 2))
    >>> rows[:, 1] += 3 * rows[:, 0]  # the anomaly below stays in the range of each column
    >>> model = Mahalanobis()
    >>> scores, thresholds = model.score(rows)
    >>> bool(model.anomaly_score(np.array([[1.5, -4.5]]))[0] > model.threshold)
    True
    """

    def __init__(
        self,
        features: FeatureMap | None = None,
        *,
        kernel_width: float = 1.0,
        forgetting_factor: float = 0.999,
        ridge: float = 0.03,
        false_alarm_rate: float = 1e-3,
    ) -> None:
        self.features = features
        self.kernel_width = kernel_width
        self.forgetting_factor = forgetting_factor
        self.ridge = ridge
        self.false_alarm_rate = false_alarm_rate
        super().__init__()
        if features is None:
            self._map = OpticalMap(64, dtype="float64")
        check_between("forgetting_factor", forgetting_factor, 0.0, 1.0, closed=True)
        check_between("ridge", ridge, 0.0, np.inf)

    def _views(self, d: int) -> BasisExpansion:
        return BasisExpansion(self._map, self.kernel_width, d)

    def _reset(self, rows: Floats) -> None:
        start = SquareRootRLS(self.forgetting_factor, self.ridge).start(
            self._views(rows.shape[1]).width
        )
        self.state["root"] = start["root"]
        self.state["turns"] = np.zeros(1, dtype=np.int64)

    def _score_and_learn(self, rows: Floats, learn: bool) -> Floats:
        features = self._features_of(rows)
        out, turns = np.empty(len(rows)), self.state["turns"]
        before = float(turns[0])
        if learn:
            leverage_rows(
                features, self.state["root"], turns, self.forgetting_factor, self.ridge, out
            )
            ages = before + np.arange(len(rows))
        else:
            spread_rows(self.state["root"], features, out)
            out /= self.forgetting_factor
            ages = np.full(len(rows), before)
        weight = (
            ages
            if self.forgetting_factor == 1.0
            else (1 - self.forgetting_factor**ages) / (1 - self.forgetting_factor)
        )
        scores: Floats = out * weight / features.shape[1]
        return scores
