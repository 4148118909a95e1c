"""Kernel density over random features: rows in regions of low density are anomalies."""

import numpy as np

from streamlyt.core import FeatureMap, Floats

from ._base.anomaly_model import AnomalyModel
from ._base.scaled_learner import check_between
from ._kernels.density import density_rows

__all__ = ["KernelDensity"]


class KernelDensity(AnomalyModel):
    r"""Kernel density over random features, with forgetting.

    With f the features of a row, so that f . f' is about a kernel k(x, x'), the score

    .. math:: 1 - \frac{\sum_s \lambda^{t-s} f_s \cdot f}{\sum_s \lambda^{t-s}}

    is 1 minus the kernel density [1]_ of the recent rows at this row: about 1 where there are no
    rows. A row costs O(m), independent of the number of rows in the density. Inputs are mapped to
    the normal scores of their quantiles.

    ``false_alarm_rate`` sets the threshold. It is a quantile of the scores of rows that were not
    yet learned, with a generalized Pareto tail [2]_. The rate in use is corrected by the observed
    alarms [3]_, within a factor of 4. True anomalies count as alarms: if they are more frequent
    than ``false_alarm_rate``, only those with the largest scores raise an alarm.

    Parameters
    ----------
    features
        Feature map on the normal scores, of about unit length; None for ``FourierMap(512)``.
    kernel_width
        Kernel width, in units of the root-mean-square length of a row of scores.
    forgetting_factor
        :math:`\lambda`, the weight of a row relative to the next one, in (0, 1].
    false_alarm_rate
        False alarms per row, in [1e-4, 0.1].

    Raises
    ------
    ParameterError
        If a parameter is out of range.

    References
    ----------
    .. [1] M. Rosenblatt, "Remarks on some nonparametric estimates of a density function", Annals of
       Mathematical Statistics 27, 1956.
    .. [2] J. R. M. Hosking and J. R. Wallis, "Parameter and quantile estimation for the generalized
       Pareto distribution", Technometrics 29, 1987.
    .. [3] I. Gibbs and E. Candes, "Adaptive conformal inference under distribution shift", NeurIPS
       2021, equation 2, here for the logarithm of the rate.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(2000, 2))
    >>> model = KernelDensity(false_alarm_rate=0.01)
    >>> scores, thresholds = model.score(rows)
    >>> bool(0.005 < (scores > thresholds)[1000:].mean() < 0.02)
    True
    >>> bool(model.anomaly_score(np.array([[4.0, -4.0]]))[0] > model.threshold)
    True
    """

    def __init__(
        self,
        features: FeatureMap | None = None,
        *,
        kernel_width: float = 0.7,
        forgetting_factor: float = 0.999,
        false_alarm_rate: float = 1e-3,
    ) -> None:
        self.features = features
        self.kernel_width = kernel_width
        self.forgetting_factor = forgetting_factor
        self.false_alarm_rate = false_alarm_rate
        super().__init__()
        check_between("forgetting_factor", forgetting_factor, 0.0, 1.0, closed=True)

    def _reset(self, rows: Floats) -> None:
        self.state["mean"] = np.zeros(self._map.n_components)
        self.state["weight"] = np.zeros(1)

    def _score_and_learn(self, rows: Floats, learn: bool) -> Floats:
        features = self._features_of(rows)
        out = np.empty(len(rows))
        density_rows(
            features, self.state["mean"], self.state["weight"], self.forgetting_factor, learn, out
        )
        return out
