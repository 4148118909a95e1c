"""Fourier online gradient descent: one step per row, with decreasing step size."""

from streamlyt.core import FeatureMap

from .nlms import NLMS

__all__ = ["FOGD"]

FADE = 0.01  # halves the step after 300 rows; a tenth is left after 10,000


class FOGD(NLMS):
    r"""Online gradient descent over random features, with steps that fall as :math:`1/\sqrt t`.

    .. math:: w \leftarrow w + \eta_t \, e \, f / |f|^2, \qquad
        \eta_t = \eta / \sqrt{1 + t / 100},

    The regret against the best fixed w grows as :math:`\sqrt t` [1]_. Any random features can be
    used, and a step is normalized by the length of the row's features. O(m) per row.

    Parameters
    ----------
    features
        Feature map of the normal scores of the inputs; None for ``OpticalMap(128)``.
    kernel_width
        Kernel width, in units of the root-mean-square length of a row of scores.
    learning_rate
        :math:`\eta` in (0, 2).
    target
        Target column in a pipeline; empty for the last one.

    Raises
    ------
    ParameterError
        If a parameter is out of range.

    References
    ----------
    .. [1] J. Lu, S. Hoi, J. Wang, P. Zhao, Z.-Y. Liu, "Large scale online kernel learning", Journal
       of Machine Learning Research 17, 2016, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).uniform(-1, 1, size=(3000, 2))
    >>> model = FOGD()
    >>> model.learn(x, np.sin(3 * x[:, 0]))
    >>> bool(np.abs(model.predict(x) - np.sin(3 * x[:, 0])).mean() < 0.1)
    True
    """

    _fade = FADE

    def __init__(
        self,
        features: FeatureMap | None = None,
        *,
        kernel_width: float = 1.0,
        learning_rate: float = 1.0,
        target: str = "",
    ) -> None:
        super().__init__(
            features, kernel_width=kernel_width, learning_rate=learning_rate, target=target
        )
