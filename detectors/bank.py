"""A bank of NEWMA windows with a learned null, for rows that depend on their past."""

import numpy as np
from scipy.special import stdtrit

from streamlyt.alarms import AlarmPolicy
from streamlyt.base import FeatureMap, Floats
from streamlyt.detector import Detector
from streamlyt.errors import ParameterError

from ._kernels_bank import bank_rows
from ._maps import feature_map
from ._scale import HEAD, learn_scale, take_head, to_scale

__all__ = ["NEWMABank"]

STEPS = 10**0.5  # from a window to the next: three of them reach over a decade
RATIO = 10.0  # slow over fast: the slow average is a reference of ten windows
MEMORY = 20.0  # windows that a null remembers
CLIP = 3.0  # standard deviations: what a null learns from one row at most
RIDGE = 0.1  # of the mean variance: 64 features of few angles are never of full rank
WHITENED = 64  # features of the whitened statistic; its cost grows with their square
SUSPECT = 0.6  # of its critical value: from here on a statistic is evidence, and not learnt
HEIGHT = 40.0  # evidence of an event: at least 29 rows
READY = 10.0  # windows that a null learns before it is used
START = 2.0  # windows before averages that overlap almost wholly are compared
SMALLEST = 16  # rows: of the largest window


class NEWMABank(Detector):
    r"""Three NEWMA windows on the same features, each against a null learnt from the stream.

    For windows B of a tenth, a third and the whole of ``window``, two averages of the random
    features forget with :math:`1/B` and :math:`1/(10 B)`; both start at zero and are corrected for
    it. Their gap :math:`d`, in units of its standard deviation for independent rows, gives two
    statistics,

    .. math:: s^2 = |d|^2, \qquad T^2 = d_w^\top (S + 0.1 \bar S I)^{-1} d_w,

    the second over 64 of the features, with S the running mean of :math:`d_w d_w^\top` and
    :math:`\bar S` the mean of its diagonal. :math:`s` sees a change however it moves the features,
    but is swamped by a fast motion that has always been there; :math:`T` has learnt that motion and
    sees a small change in a quiet direction. Cube roots of both are near normal. Their running
    means and deviations over 20 B rows are the null, used once they hold 10 B rows. Each of the
    six is put on one scale, :math:`R = (y - \mathrm{mean}) / (\mathrm{sd} \cdot c)`, where c is the
    one-sided prediction bound of a normal sample: with n independent values in the null,
    :math:`c = t_{n-1}^{-1}(1 - 2B/\mathrm{arl}) \sqrt{1 + 1/n}`.

    The statistic is the evidence :math:`g \leftarrow \max(0, g + (\min(\max R, 2) - 0.6)/40)`, and
    1 is its threshold: a change must stand out for 29 rows or more, so that no outlier alarms.
    While :math:`\max R > 0.6` nothing is learnt. After an event everything is learnt anew: what
    came before is another regime. An alarm is possible from 12 times the smallest window on.

    **What is promised.** ``arl`` orders the thresholds; it is nominal, since the memory that the
    rows have is not known. Measured with the defaults: at most 0.3 false events in 1e5 rows that
    are independent, metastable (angles that flip), or of twenty channels and more; about 1 for
    five channels with a long memory, and 6 to 16 for one. A change that comes back within a few
    windows, a change of correlation alone, or one much smaller than the motion it hides in is not
    seen.
    Rows that are known to be independent are better served by :class:`~streamlyt.detectors.NEWMA`.

    Parameters
    ----------
    window
        The largest window in rows, at least 16: as long as a change must last to be seen at its
        smallest. Slower motions count as changes.
    arl
        Nominal mean number of rows between false events, from 1e3 to 1e15.
    scale
        Factor on the rows before the feature map, whose kernel is one wide. None: each channel is
        centred and scaled, and the width set, by the first 100 rows.
    features
        ``"optical"``, ``"fourier"``, or a map from (n, d) to (n, m).
    n_components
        Number of features m when ``features`` is a name, even and at least 64.
    seed
        Of the features when they are given by name.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    Notes
    -----
    Two averages and their distance are those of NEWMA [1]_; the bank, the nulls, the whitened
    statistic and the evidence are ours.

    References
    ----------
    .. [1] N. Keriven, D. Garreau, I. Poli, "NEWMA: a new method for scalable model-free online
       change-point detection", IEEE Trans. Signal Process. 68, 2020 (arXiv 1805.08061), eqs. 3-5.

    Examples
    --------
    >>> from streamlyt.base import Batch, Schema
    >>> rng = np.random.default_rng(0)
    >>> rows = np.empty((6000, 3))
    >>> rows[0] = 0
    >>> for i in range(1, 6000):  # each row remembers nine tenths of the one before
    ...     rows[i] = 0.9 * rows[i - 1] + rng.normal(size=3)
    >>> rows[4000:] += 8
    >>> out, events = NEWMABank(window=100).update(
    ...     Batch("", np.arange(6000), rows, Schema.of("a", "b", "c"))
    ... )
    >>> [3950 <= event.change_index <= 4050 for event in events]
    [True]
    """

    policy = AlarmPolicy()

    def __init__(
        self,
        window: int = 316,
        *,
        arl: float = 1e8,
        scale: float | None = None,
        features: FeatureMap | str = "optical",
        n_components: int = 256,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if window < SMALLEST:
            raise ParameterError(f"window must be at least {SMALLEST} rows, got {window!r}")
        if not 1e3 <= arl <= 1e15:
            raise ParameterError(f"arl must be from 1e3 to 1e15 rows, got {arl!r}")
        if scale is not None and not 0 < scale < np.inf:
            raise ParameterError(f"scale must be a positive number or None, got {scale!r}")
        self.window = window
        self.arl = arl
        self.scale = scale
        self.features = features
        self.n_components = n_components
        self.seed = seed
        self._map = feature_map(features, n_components, seed)
        if self._map.n_components < WHITENED:
            raise ParameterError(
                f"n_components must be at least {WHITENED}, got {self._map.n_components!r}"
            )
        self._windows = np.array([max(4, round(window / STEPS**k)) for k in (2, 1, 0)])
        self._critical = _critical(self._windows, arl)
        self._knobs = np.array([RATIO, MEMORY, CLIP, RIDGE, SUSPECT, HEIGHT, READY, START])
        self.reach = window
        self.learning = int((START + READY) * self._windows[0])

    def score(self, values: Floats) -> tuple[Floats, Floats]:
        """Absorb rows (n, d); return the evidence and its height, both (n,)."""
        statistic = np.zeros(values.shape[0])
        threshold = np.full(values.shape[0], np.inf)
        if self.scale is not None:
            width = values.shape[1]
            scaled = to_scale(values, np.zeros(width), np.full(width, self.scale))
            self._walk(scaled, statistic, threshold)
            return statistic, threshold
        taken = 0
        if "centre" not in self.state:
            taken = take_head(values, self.state)
            if self.state["head"].shape[0] == HEAD:
                head = self.state.pop("head")
                self.state["centre"], self.state["factor"] = learn_scale(head)
                self._walk(self._scaled(head), np.empty(HEAD), np.empty(HEAD))
        if taken < values.shape[0]:
            self._walk(self._scaled(values[taken:]), statistic[taken:], threshold[taken:])
        return statistic, threshold

    def _scaled(self, values: Floats) -> Floats:
        return to_scale(values, self.state["centre"], self.state["factor"])

    def _walk(self, values: Floats, statistic: Floats, threshold: Floats) -> None:
        features = self._map(values)
        state = self.state
        if "fast" not in state:
            count, width, whitened = self._windows.size, features.shape[1], WHITENED
            state["fast"] = np.zeros((count, width))
            state["slow"] = np.zeros((count, width))
            state["covariance"] = np.zeros((count, whitened, whitened))
            state["factor_of_covariance"] = np.zeros((count, whitened, whitened))
            state["terms"] = np.zeros(count)
            state["nulls"] = np.zeros((count, 2, 3))
            state["clock"] = np.zeros(4)
        bank_rows(
            features,
            _chosen(features.shape[1]),
            self._windows,
            self._critical,
            self._knobs,
            state["fast"],
            state["slow"],
            state["covariance"],
            state["factor_of_covariance"],
            state["terms"],
            state["nulls"],
            state["clock"],
            statistic,
            threshold,
        )


def _chosen(width: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the features of the whitened statistic: as many cosines as sines of the same waves."""
    half = np.arange(WHITENED // 2)
    return np.concatenate([half, width // 2 + half])


def _critical(windows: np.ndarray[tuple[int], np.dtype[np.int64]], arl: float) -> Floats:
    """Return the critical values by window and by the number of independent values learnt from."""
    values = np.arange(int(MEMORY) + 1)
    table = np.full((windows.size, values.size), np.inf)
    for w, window in enumerate(windows):
        n = values[3:]
        tail = min(0.5, 2.0 * window / arl)
        table[w, 3:] = -stdtrit(n - 1.0, tail) * np.sqrt(1.0 + 1.0 / n)
    return table
