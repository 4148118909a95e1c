"""Scan B-statistic: the newest block of rows against several earlier blocks."""

from streamlyt.core import Array, FeatureMap, Floats
from streamlyt.core.errors import ParameterError

from ._common.block_detector import BlockDetector, map_for

__all__ = ["ScanB"]


class ScanB(BlockDetector):
    r"""The mean squared distance of the last B rows to N blocks of B rows before them.

    .. math:: s_t^2 = \frac{1}{N} \sum_{i=1}^N | \bar\phi_i - \bar\phi_0 |^2
        = \Big| \bar\phi_0 - \frac{1}{N} \sum_i \bar\phi_i \Big|^2
        + \frac{1}{N} \sum_i \Big| \bar\phi_i - \frac{1}{N} \sum_k \bar\phi_k \Big|^2,

    with :math:`\bar\phi_0` the mean of the features of the newest block and :math:`\bar\phi_i` that
    of the i-th before it: the biased squared maximum mean discrepancy, averaged over the blocks
    [1]_, with blocks that slide as in the NEWMA paper [2]_. The papers evaluate N B kernels per
    row; here features replace them. Compared with :class:`~streamlyt.detectors.SlidingMMD` the
    reference is N times as long, at the cost of the second term, which is noise.

    **Guarantee.** For independent rows the null mean and variance of :math:`s^2` are exact and the
    higher cumulants accurate to 1/B; the threshold follows from NEWMA's first-passage model, in
    place of the published tail. The mean number of rows to a false alarm is ``arl`` within 20 %,
    for windows of 20 rows or more. For serially dependent rows nothing is guaranteed. After an
    alarm the rows that follow are the new reference; crossings within (N + 1) B rows are one event.

    Parameters
    ----------
    window
        Window length B, from 2 to 10000 rows.
    n_blocks
        Number of earlier blocks N, from 1 to 100; with one it equals ``SlidingMMD``.
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
    .. [1] S. Li, Y. Xie, H. Dai, L. Song, "Scan B-statistic for kernel change-point detection",
       Sequential Analysis 38, 2019.
    .. [2] N. Keriven, D. Garreau, I. Poli, "NEWMA: a new method for scalable model-free online
       change-point detection", IEEE Trans. Signal Process. 68, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from streamlyt.core import Batch, Schema
    >>> rows = np.random.default_rng(0).normal(size=(1800, 5))
    >>> rows[1500:] += 1
    >>> batch = Batch("", np.arange(1800), rows, Schema.of("a", "b", "c", "d", "e"))
    >>> out, events = ScanB(window=20).update(batch)
    >>> [1490 <= event.change_index <= 1510 for event in events]
    [True]
    """

    def __init__(
        self,
        window: int = 50,
        *,
        n_blocks: int = 3,
        arl: float = 10_000.0,
        features: FeatureMap | str = "optical",
        n_components: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not 1 <= n_blocks <= 100:
            raise ParameterError(f"n_blocks must be from 1 to 100, got {n_blocks!r}")
        self.window = window
        self.n_blocks = n_blocks
        self.arl = arl
        self.features = features
        self.n_components = n_components
        self.seed = seed
        self._prepare(window, n_blocks, arl)
        self._map = map_for(window, features, n_components, seed)

    def _features(self, values: Floats) -> Array:
        return self._map(self._scaled(values))
