"""The distance of Mahalanobis in features: rows unlike any sum of earlier ones are strange."""

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
    r"""The distance of a row's features from all earlier ones, by the matrix of least squares.

    With P the inverse of :math:`\sum_s \lambda^{t-s} f_s f_s' + \rho I`, as recursive least squares
    keeps it [1]_, and N the weight of the rows in it, the score is

    .. math:: \frac{N}{m} \, f' P f,

    about 1 on the average: the squared distance of Mahalanobis of f from the origin, and the
    variance that a regression would have there. Beside the random features stand a constant, each
    input, and each input bent at some quantiles, as in :class:`streamlyt.models.rls.RLS`; without
    random features it would be that distance in the inputs. A row costs O(m^2). Scaling and
    threshold are those of :class:`streamlyt.models.kernel_density.KernelDensity`.

    Parameters
    ----------
    features
        Feature map on the normal scores; None for ``Optical(64)``.
    width
        Kernel width, in units of the root-mean-square length of a row of scores.
    forget
        :math:`\lambda`, the weight of a row against the one after it, in (0, 1].
    ridge
        :math:`\rho`, in units of squared features.
    false_alarm_rate
        False alarms a row, in [1e-4, 0.1].

    Raises
    ------
    ParameterError
        If a parameter cannot hold.

    References
    ----------
    .. [1] S. Haykin, "Adaptive filter theory", Prentice Hall 2002, chapter 9.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows = rng.normal(size=(2000, 2))
    >>> rows[:, 1] += 3 * rows[:, 0]  # a strange row keeps to the range of each column
    >>> model = Mahalanobis()
    >>> scores, thresholds = model.score(rows)
    >>> bool(model.anomaly_score(np.array([[1.5, -4.5]]))[0] > model.threshold)
    True
    """

    def __init__(
        self,
        features: FeatureMap | None = None,
        *,
        width: float = 1.0,
        forget: float = 0.999,
        ridge: float = 0.03,
        false_alarm_rate: float = 1e-3,
    ) -> None:
        self.features = features
        self.width = width
        self.forget = forget
        self.ridge = ridge
        self.false_alarm_rate = false_alarm_rate
        super().__init__()
        if features is None:
            self._map = OpticalMap(64, dtype="float64")
        check_between("forget", forget, 0.0, 1.0, closed=True)
        check_between("ridge", ridge, 0.0, np.inf)

    def _views(self, d: int) -> BasisExpansion:
        return BasisExpansion(self._map, self.width, d)

    def _reset(self, rows: Floats) -> None:
        start = SquareRootRLS(self.forget, self.ridge).start(self._views(rows.shape[1]).width)
        self.state["root"] = start["root"]
        self.state["turns"] = np.zeros(1, dtype=np.int64)

    def _score_and_learn(self, rows: Floats, learn: bool) -> Floats:
        seen = self._seen(rows)
        out, turns = np.empty(len(rows)), self.state["turns"]
        before = float(turns[0])
        if learn:
            leverage_rows(seen, self.state["root"], turns, self.forget, self.ridge, out)
            ages = before + np.arange(len(rows))
        else:
            spread_rows(self.state["root"], seen, out)
            out /= self.forget
            ages = np.full(len(rows), before)
        weight = ages if self.forget == 1.0 else (1 - self.forget**ages) / (1 - self.forget)
        found: Floats = out * weight / seen.shape[1]
        return found
