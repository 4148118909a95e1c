"""Recursive least squares over random features: the kernel ridge regression of all rows so far."""

import math

import numpy as np

from streamlyt.core import FeatureMap, Floats

from ._base.scaled_learner import ScaledLearner, check_between
from ._experts.square_root_rls import Memory, SquareRootRLS

__all__ = ["RLS"]


class RLS(ScaledLearner):
    r"""Recursive least squares over random features, with forgetting that does not wind up.

    With f the features of a row, w minimises

    .. math:: \sum_s \lambda^{t-s} (w \cdot f_s - y_s)^2 + \rho |w|^2,

    where :math:`\lambda` is ``forget`` and :math:`\rho` is ``ridge`` [1]_. The textbook keeps P,
    the inverse matrix, which grows without end in directions that no row excites, and loses its
    symmetry. Here its triangular root S is kept [2]_, so that P = S S' stays positive; and with
    forgetting the coordinates of w are pulled in turn, as strongly as the ridge was forgotten
    meanwhile, to what they were when the turn began: one a row, or so many that each has its turn
    within four memories of :math:`1 / (1 - \lambda)` rows. So P never exceeds :math:`1 / \rho` by
    much, and what the rows of one memory do not tell of more weights than rows is held. A row
    costs O(m^2).

    Inputs stand on normal scores of their quantiles (256 rows are kept for that, and learnt anew at
    each doubling), and beside the random features stand a constant, each input, and each input bent
    at some quantiles.

    Parameters
    ----------
    features
        Feature map on the scores; None for ``Optical(128)``.
    width
        Kernel width, in units of the root-mean-square length of a row of scores.
    forget
        :math:`\lambda`, the weight of a row against the one after it, in (0, 1].
    ridge
        :math:`\rho`, in units of squared features.
    robust
        Errors beyond so many robust standard deviations count linearly, as in Huber's loss; 0 for
        least squares throughout. Each row is weighed once, as it comes.
    target
        Column to be learnt in a pipeline; empty for the last one.

    Raises
    ------
    ParameterError
        If a parameter cannot hold.

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
        width: float = 1.0,
        forget: float = 1.0,
        ridge: float = 0.03,
        robust: float = 0.0,
        target: str = "",
    ) -> None:
        self.features = features
        self.width = width
        self.forget = forget
        self.ridge = ridge
        self.robust = robust
        self.target = target
        super().__init__()
        check_between("width", width, 0.0, math.inf)
        check_between("forget", forget, 0.0, 1.0, closed=True)
        check_between("ridge", ridge, 0.0, math.inf)
        check_between("robust", robust, -1e-300, math.inf)
        self._root = SquareRootRLS(forget, ridge, robust)

    def predict_std(self, values: Floats) -> Floats:
        r"""Return the standard deviation of a row's target, shape (n,).

        :math:`\sigma \sqrt{1 + f' P f}`, where :math:`\sigma^2` is what was minimised over the
        weight of the rows, the ridge included; infinite before anything was learnt.
        """
        rows, _ = self.check_inputs(values)
        if "kept" not in self.state:
            return np.full(len(rows), math.inf)
        features = self._seen(rows)
        spread = self._root.spread(self._memory, features)
        found: Floats = np.sqrt(self._root.variance(self._memory) * (1.0 + spread))
        return found

    @property
    def _memory(self) -> Memory:
        return self._under("rls_")

    def _begin(self, rows: Floats, targets: Floats) -> None:
        m = self._layout(rows.shape[1]).columns[-1]
        self.state.update({f"rls_{name}": a for name, a in self._root.start(m).items()})
        self.state["origin"] = np.array([np.median(targets)])

    def _learn_rows(self, rows: Floats, targets: Floats) -> None:
        wanted = (targets - self.state["origin"])[:, None]
        self._root.learn(self._memory, self._seen(rows), wanted)

    def _predict_rows(self, rows: Floats) -> Floats:
        found = self._root.predict(self._memory, self._seen(rows))
        return found[:, 0] + self.state["origin"]
