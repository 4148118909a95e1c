"""Distance of two adjacent windows in random features, the published baseline of NEWMA."""

from streamlyt.core import Array, FeatureMap, Floats

from ._common.block_detector import BlockDetector, map_for

__all__ = ["SlidingMMD"]


class SlidingMMD(BlockDetector):
    r"""Distance of the mean features of the last B rows and of the B rows before them.

    .. math:: s_t = \Big| \frac{1}{B} \sum_{i=0}^{B-1} \phi(x_{t-i})
        - \frac{1}{B} \sum_{i=B}^{2B-1} \phi(x_{t-i}) \Big|

    is the baseline "MA" of the NEWMA paper [1]_. It stores all 2 B rows of features, where NEWMA
    stores two averages. The first 100 rows set each channel's scale and the kernel width; the first
    1024 rows, or 2 B if that is more, are the reference.

    **Guarantee.** For independent rows the null moments of :math:`s^2` are exact, and the mean
    number of rows to a false alarm is ``arl`` by NEWMA's first-passage model: within 20 %, for
    windows of 20 rows or more. For serially dependent rows nothing is guaranteed. After an alarm
    the rows that follow are the new reference; crossings within 2 B rows are one event.

    Parameters
    ----------
    window
        Window length B, from 2 to 10000 rows.
    arl
        Target mean number of rows to a false alarm, from 100 and the window to 1e9.
    features
        ``"optical"``, ``"fourier"``, or a map of rows that are centered, scaled, and divided by
        the kernel width.
    n_components
        Number of features m, even, when ``features`` is a name; None: as for NEWMA.
    seed
        Seed of the features when ``features`` is a name.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    References
    ----------
    .. [1] N. Keriven, D. Garreau, I. Poli, "NEWMA: a new method for scalable model-free online
       change-point detection", IEEE Trans. Signal Process. 68, 2020, section II.

    Examples
    --------
    >>> import numpy as np
    >>> from streamlyt.core import Batch, Schema
    >>> rows = np.random.default_rng(0).normal(size=(1800, 5))
    >>> rows[1500:] += 1
    >>> batch = Batch("", np.arange(1800), rows, Schema.of("a", "b", "c", "d", "e"))
    >>> out, events = SlidingMMD(window=20).update(batch)
    >>> [1490 <= event.change_index <= 1510 for event in events]
    [True]
    """

    def __init__(
        self,
        window: int = 50,
        *,
        arl: float = 10_000.0,
        features: FeatureMap | str = "optical",
        n_components: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.window = window
        self.arl = arl
        self.features = features
        self.n_components = n_components
        self.seed = seed
        self._prepare(window, 1, arl)
        self._map = map_for(window, features, n_components, seed)

    def _features(self, values: Floats) -> Array:
        return self._map(self._scaled(values))
