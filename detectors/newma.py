"""NEWMA: two exponential averages of random features, one fast and one slow."""

from typing import Literal

import numpy as np
from scipy.special import ndtri

from streamlyt.core import AlarmPolicy, Detector, FeatureMap, Floats
from streamlyt.core.errors import ParameterError

from ._common.feature_maps import EVEN, feature_map
from ._common.input_scaling import HEAD, apply_scaling, collect_warmup, learn_scale
from ._kernels.newma import adaptive_rows, newma_rows
from ._null_model.calibration import Calibration
from ._null_model.forgetting_factors import forgetting_factors, n_components_for

__all__ = ["NEWMA"]

# Below, the statistic is a sum of too few terms for four cumulants to describe its tail; above,
# more features change no alarm and cost time in proportion.
FEWEST, MOST = 64, 16_384
WARM_UP = 4  # windows until the adaptive threshold is usable
IN_CACHE = 2**18  # features of a tile of rows
ROUNDING = 32.0  # smallest threshold, in last digits of a row of features


class NEWMA(Detector):
    r"""No-prior-knowledge exponential weighted moving average, calibrated for a run length.

    Two exponential averages of the random features of each row have two forgetting factors,

    .. math::

        z_t = (1 - \Lambda) z_{t-1} + \Lambda \phi(x_t), \quad
        z'_t = (1 - \lambda) z'_{t-1} + \lambda \phi(x_t), \quad s_t = \|z_t - z'_t\|,

    and their distance grows when the distribution of the rows changes [1]_. The paper starts both
    at :math:`\phi(x_0)`, whose influence lasts for thousands of rows; here both start at zero and
    are divided by :math:`1 - (1 - \Lambda)^t` and :math:`1 - (1 - \lambda)^t`.

    The first 100 rows set each channel's center and scale and the width of the kernel (the
    squared width is the median of their squared distances); their statistic is 0.
    ``null_model="iid"`` takes the first 1024 rows (or 5 memories of the slow average where
    that is more, from a window of about 120 on) as the reference, estimates from it the four
    cumulants of :math:`s^2`, and sets the threshold by a first-passage model.

    **Guarantee.** For independent rows: the mean number of rows from the end of the reference to
    the first false alarm is ``arl``, within 25 %, for windows of 20 rows or more, run lengths
    longer than the window (measured at 1e3 and 1e4), and bounded features such as the two named
    ones. A single run scatters by the error of its reference: by 20 %, by 40 % for heavy tails.
    Serially dependent rows alarm far more often; use ``MultiscaleNEWMA`` for them. The reference
    must be free of changes.

    After an alarm the rows that follow are the new reference, under the old threshold (or a higher
    one if the features of the new distribution spread more). Crossings within two memories of the
    slow average (about four windows) of the last one belong to the same event.

    ``null_model="adaptive"`` is the threshold of the paper, frozen while the statistic is above it.
    It is usable from 4 windows on for any rows, and controls a rate per row, not a run length.

    A row more than 100 kernel widths from the center is pulled in to that distance.

    Parameters
    ----------
    window
        Shortest duration of a change in rows, from 2 to 100000: sets both forgetting factors and
        the number of features by the published heuristic.
    arl
        Target mean number of rows to a false alarm (average run length), from 100 and the window
        to 1e9. Used by ``null_model="iid"``.
    null_model
        Source of the threshold: ``"iid"`` or ``"adaptive"``.
    features
        ``"optical"`` (phases set by light intensities), ``"fourier"``, or a map of rows that are
        centered, scaled, and divided by the kernel width.
    n_components
        Number of features m, even, when ``features`` is a name; None for the published number,
        clipped to 64 to 16384.
    threshold_quantile
        Quantile of the adaptive threshold, in (0.5, 1).
    min_consecutive
        Consecutive rows the statistic must be above its threshold before an event. The run length
        is then longer than ``arl``.
    seed
        Seed of the features when ``features`` is a name.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    References
    ----------
    .. [1] N. Keriven, D. Garreau, I. Poli, "NEWMA: a new method for scalable model-free online
       change-point detection", IEEE Trans. Signal Process. 68, 2020 (arXiv 1805.08061).

    Examples
    --------
    >>> from streamlyt.core import Batch, Schema
    >>> rows = np.random.default_rng(0).normal(size=(2500, 5))
    >>> rows[2000:] += 1
    >>> batch = Batch("", np.arange(2500), rows, Schema.of("a", "b", "c", "d", "e"))
    >>> out, events = NEWMA(window=20).update(batch)
    >>> [1980 <= event.change_index <= 2020 for event in events]
    [True]
    """

    reloadable_params = frozenset({"threshold_quantile"})

    def __init__(
        self,
        window: int = 50,
        *,
        arl: float = 10_000.0,
        null_model: Literal["iid", "adaptive"] = "iid",
        features: FeatureMap | str = "optical",
        n_components: int | None = None,
        threshold_quantile: float = 0.95,
        min_consecutive: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not 2 <= window <= 100_000:
            raise ParameterError(f"window must be from 2 to 100000 rows, got {window!r}")
        if null_model not in ("iid", "adaptive"):
            raise ParameterError(f"null_model must be 'iid' or 'adaptive', got {null_model!r}")
        if not max(100, window) <= arl <= 1e9:
            raise ParameterError(
                f"arl must be from 100 and the window ({window} rows) to 1e9 rows, got {arl!r}"
            )
        if not 0.5 < threshold_quantile < 1:
            raise ParameterError(
                f"threshold_quantile must be in (0.5, 1), got {threshold_quantile!r}"
            )
        self.window = window
        self.arl = arl
        self.null_model = null_model
        self.features = features
        self.n_components = n_components
        self.threshold_quantile = threshold_quantile
        self.min_consecutive = min_consecutive
        self.seed = seed
        self._fast, self._slow = forgetting_factors(window)
        self._map = self._feature_map()
        self.tile_rows = min(1024, max(256, IN_CACHE // self._map.n_components))
        # Release at the threshold itself: with long windows the null statistic lies just below it.
        # Repeated crossings are merged while a change is in the slow average; under the adaptive
        # threshold, which is crossed often, within a window.
        merge_gap = window if null_model == "adaptive" else round(2 / self._slow)
        self.alarm_policy = AlarmPolicy(min_consecutive, release_ratio=1.0, merge_gap=merge_gap)
        self.search_rows = max(64, round(3 / self._slow))
        self._calibration = Calibration(arl, self._fast, self._slow, merge_gap)
        adaptive = max(HEAD, WARM_UP * window)
        self.warmup_rows = adaptive if null_model == "adaptive" else self._calibration.reference

    def score(self, values: Floats) -> tuple[Floats, Floats]:
        """Process rows (n, d); return :math:`s` and its threshold, both (n,)."""
        statistic = np.zeros(values.shape[0])
        threshold = np.full(values.shape[0], np.inf)
        consumed = 0
        if "centre" not in self.state:
            consumed = collect_warmup(values, self.state)
            if self.state["head"].shape[0] == HEAD:
                head = self.state.pop("head")
                self.state["centre"], self.state["factor"] = learn_scale(head)
                self._walk(head)
        if consumed < values.shape[0]:
            statistic[consumed:], threshold[consumed:] = self._walk(values[consumed:])
        return statistic, threshold

    def _walk(self, values: Floats) -> tuple[Floats, Floats]:
        state = self.state
        features = self._map(apply_scaling(values, state["centre"], state["factor"]))
        if "fast" not in state:
            state["fast"] = np.zeros(features.shape[1], features.dtype)
            state["slow"] = np.zeros(features.shape[1], features.dtype)
            state["rows"] = np.zeros(1, np.int64)
            last_digit = np.finfo(features.dtype).eps * np.linalg.norm(features[0])
            state["least"] = np.array([ROUNDING * last_digit])
        rows = int(state["rows"][0])
        statistic = np.empty(features.shape[0])
        averages = state["fast"], state["slow"]
        newma_rows(features, *averages, self._fast, self._slow, rows, statistic)
        state["rows"] += features.shape[0]
        least = float(state["least"][0])
        if self.null_model == "adaptive":
            return statistic, self._adaptive(statistic, least)
        return statistic, self._calibration.follow(features, statistic, rows, least, state)

    def _adaptive(self, statistic: Floats, least: float) -> Floats:
        memory = self.state.setdefault("adaptive", np.zeros(3))
        quantile = float(ndtri(self.threshold_quantile))
        threshold = np.empty(statistic.size)
        adaptive_rows(statistic, memory, self._slow, quantile, self.warmup_rows, least, threshold)
        return threshold

    def _feature_map(self) -> FeatureMap:
        m = self.n_components
        if isinstance(self.features, FeatureMap) and m is not None:
            raise ParameterError(
                f"n_components must be None with a feature map, got {m!r}; the map has its own"
            )
        if m is None:
            published = n_components_for(self._fast, self._slow)
            m = 2 * round(min(max(FEWEST, published), MOST) / 2)
        return feature_map(self.features, m, self.seed, bias=EVEN)
