"""Recursive least squares over random features: kernel ridge regression over all rows so far."""

import math

import numpy as np

from streamlyt.core import FeatureMap, Floats

from ._base.scaled_learner import ScaledLearner, check_between
from ._experts.square_root_rls import RLSState, SquareRootRLS

__all__ = ["RLS"]


class RLS(ScaledLearner):
    r"""Recursive least squares over random features, with forgetting but without wind-up.

    With f the features of a row, w minimizes

    .. math:: \sum_s \lambda^{t-s} (w \cdot f_s - y_s)^2 + \rho |w|^2,

    where :math:`\lambda` is ``forgetting_factor`` and :math:`\rho` is ``ridge`` [1]_. The textbook
    recursion stores the inverse matrix P, which grows without bound in directions that no row
    excites, and loses its symmetry. This class stores its triangular root S [2]_, so P = S S' stays
    positive. With forgetting, it renews the ridge: the coordinates of w are pulled in turn, as
    strongly as the ridge was forgotten, to their values at the start of the cycle. Each row pulls
    one coordinate, or as many as are needed for one cycle within four memories of
    :math:`1 / (1 - \lambda)` rows. So P never exceeds :math:`1 / \rho` by much. Weights that the
    rows of one memory do not determine keep their values. A row costs O(m^2).

    Inputs are mapped to the normal scores of their quantiles. For that, 256 rows are stored and
    learned again at each doubling of their number. The basis also has a constant, each input, and
    hinge functions of each input at some quantiles.

    Parameters
    ----------
    features
        Feature map on the scores; None for ``OpticalMap(128)``.
    kernel_width
        Kernel width, in units of the root-mean-square length of a row of scores.
    forgetting_factor
        :math:`\lambda`, the weight of a row relative to the next one, in (0, 1].
    ridge
        :math:`\rho`, in units of squared features.
    huber_k
        Errors beyond this number of robust standard deviations count linearly, as in Huber's loss;
        0 for plain least squares. Each row gets its weight once, on arrival.
    target
        Target column in a pipeline; empty for the last one.

    Raises
    ------
    ParameterError
        If a parameter is out of range.

    References
    ----------
    .. [1] S. Haykin, "Adaptive filter theory", Prentice Hall 2002, chapters 9 and 12.
    .. [2] N. A. Carlson, "Fast triangular formulation of the square root filter", AIAA Journal 11,
       1973, equations 14 to 20.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-1, 1, size=(600, 2))
    >>> model = RLS()
    >>> model.learn(x[:500], np.sin(3 * x[:500, 0]) * x[:500, 1])
    >>> error = model.predict(x[500:]) - np.sin(3 * x[500:, 0]) * x[500:, 1]
    >>> bool(np.abs(error).mean() < 0.05)
    True
    """

    def __init__(
        self,
        features: FeatureMap | None = None,
        *,
        kernel_width: float = 1.0,
        forgetting_factor: float = 1.0,
        ridge: float = 0.03,
        huber_k: float = 0.0,
        target: str = "",
    ) -> None:
        self.features = features
        self.kernel_width = kernel_width
        self.forgetting_factor = forgetting_factor
        self.ridge = ridge
        self.huber_k = huber_k
        self.target = target
        super().__init__()
        check_between("kernel_width", kernel_width, 0.0, math.inf)
        check_between("forgetting_factor", forgetting_factor, 0.0, 1.0, closed=True)
        check_between("ridge", ridge, 0.0, math.inf)
        check_between("huber_k", huber_k, -1e-300, math.inf)
        self._root = SquareRootRLS(forgetting_factor, ridge, huber_k)

    def predict_std(self, values: Floats) -> Floats:
        r"""Return the predictive standard deviation of each row's target, shape (n,).

        :math:`\sigma \sqrt{1 + f' P f}`, where :math:`\sigma^2` is the minimized objective, ridge
        included, divided by the weight of the rows; infinite before the first row.
        """
        rows, _ = self.check_inputs(values)
        if "kept" not in self.state:
            return np.full(len(rows), math.inf)
        features = self._features_of(rows)
        spread = self._root.spread(self._rls, features)
        deviation: Floats = np.sqrt(self._root.variance(self._rls) * (1.0 + spread))
        return deviation

    @property
    def _rls(self) -> RLSState:
        return self._rls_state("rls_")

    def _reset(self, rows: Floats, targets: Floats) -> None:
        m = self._layout(rows.shape[1]).columns[-1]
        self.state.update({f"rls_{name}": a for name, a in self._root.start(m).items()})
        self.state["origin"] = np.array([np.median(targets)])

    def _learn_rows(self, rows: Floats, targets: Floats) -> None:
        residuals = (targets - self.state["origin"])[:, None]
        self._root.learn(self._rls, self._features_of(rows), residuals)

    def _predict_rows(self, rows: Floats) -> Floats:
        out = self._root.predict(self._rls, self._features_of(rows))
        return out[:, 0] + self.state["origin"]
