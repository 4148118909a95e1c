"""Online maximum mean discrepancy of the last rows and a fixed reference, in random features."""

import math

import numpy as np

from streamlyt.core import AlarmPolicy, Array, Detector, FeatureMap, Floats
from streamlyt.core.errors import ParameterError

from ._common.block_detector import ROUNDING, check_run, map_for
from ._common.input_scaling import HEAD, apply_scaling, collect_warmup, learn_scale
from ._kernels.windows import reference_rows
from ._null_model.cumulants import POWERS, cumulants_of
from ._null_model.feature_moments import BLOCK, LEAST, FeatureMomentEstimator, FeatureMoments
from ._null_model.first_passage import level_of

__all__ = ["ReferenceMMD"]

SHORTEST, WINDOWS = 1024, 20  # minimum rows and windows of a reference, to limit its noise


class ReferenceMMD(Detector):
    r"""Distance of the last B rows to a fixed reference, in random features.

    .. math:: s_t = \Big| \frac{1}{B} \sum_{i=0}^{B-1} \phi(x_{t-i})
        - \frac{1}{R} \sum_{i=1}^{R} \phi(x_i) \Big|,

    the (biased) maximum mean discrepancy of two samples [1]_ in the features of a kernel. The first
    100 rows set each channel's scale and the kernel width; the first R rows are the reference. It
    does not change, so a slow drift accumulates until it is detected, where NEWMA adapts to it; the
    rows must also return to the reference distribution.

    **Guarantee.** For independent rows the null moments of :math:`s^2` are exact, and the mean
    number of rows to a false alarm follows from NEWMA's first-passage model, for windows from 20
    rows to R / 20: ``arl`` within 20 % at 1e3, and up to 1.7 times that at 1e4, where the noise of
    the reference matters. For serially dependent rows nothing is guaranteed. After an alarm the R
    rows that follow are the new reference; until it is complete nothing is compared and no second
    change is detected.

    Parameters
    ----------
    window
        Window length B, from 2 to 10000 rows.
    reference_rows
        Length R, a multiple of 32 from 192 to 1000000 rows, at least the window; None: 20 windows,
        at least 1024 rows.
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
    .. [1] A. Gretton et al., "A kernel two-sample test", JMLR 13, 2012, equation (5).

    Examples
    --------
    >>> import numpy as np
    >>> from streamlyt.core import Batch, Schema
    >>> rows = np.random.default_rng(0).normal(size=(1800, 5))
    >>> rows[1500:] += 1
    >>> batch = Batch("", np.arange(1800), rows, Schema.of("a", "b", "c", "d", "e"))
    >>> out, events = ReferenceMMD(window=20).update(batch)
    >>> [1490 <= event.change_index <= 1510 for event in events]
    [True]
    """

    def __init__(
        self,
        window: int = 50,
        *,
        reference_rows: int | None = None,
        arl: float = 10_000.0,
        features: FeatureMap | str = "optical",
        n_components: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_run(window, arl)
        rows = _reference_for(window) if reference_rows is None else reference_rows
        if rows % BLOCK or not max(LEAST, window) <= rows <= 1_000_000:
            raise ParameterError(
                f"reference_rows must be a multiple of {BLOCK} from {LEAST} and the window "
                f"({window} "
                f"rows) to 1000000, got {reference_rows!r}"
            )
        self.window = window
        self.reference_rows = reference_rows
        self.arl = arl
        self.features = features
        self.n_components = n_components
        self.seed = seed
        self._map = map_for(window, features, n_components, seed)
        self._moments = FeatureMomentEstimator(rows)
        self.alarm_policy = AlarmPolicy(release_ratio=1.0, merge_gap=window)
        self.search_rows = max(64, 4 * window)
        self.warmup_rows = rows

    def score(self, values: Floats) -> tuple[Floats, Floats]:
        """Process rows (n, d); return the statistic and its threshold, both (n,)."""
        statistic = np.zeros(values.shape[0])
        threshold = np.full(values.shape[0], np.inf)
        consumed = 0
        if "centre" not in self.state:
            consumed = collect_warmup(values, self.state)
            if self.state["head"].shape[0] == HEAD:
                head = self.state.pop("head")
                self.state["centre"], self.state["factor"] = learn_scale(head)
                self._walk(head, np.empty(HEAD), np.empty(HEAD))
        if consumed < values.shape[0]:
            self._walk(values[consumed:], statistic[consumed:], threshold[consumed:])
        return statistic, threshold

    def _walk(self, values: Floats, statistic: Floats, threshold: Floats) -> None:
        state = self.state
        features = self._map(apply_scaling(values, state["centre"], state["factor"]))
        if "ring" not in state:
            self._start(features)
        done = 0
        while done < features.shape[0]:
            learning = self._moments.learning(state)
            missing = self._moments.missing(state) if learning else features.shape[0]
            part = features[done : done + missing]
            count = self._follow(part, statistic[done:])
            threshold[done : done + abs(count)] = state["level"][0]
            if learning:
                self._moments.add(part[: abs(count)], state)
            if count < 0:
                # A weak change would cross the old level repeatedly; one change is one alarm.
                self._moments.start(state)
                state["level"] = np.array([np.inf])
            elif learning and not self._moments.missing(state):
                self._conclude()
            done += abs(count)
        # Without a reference there is no distance.
        statistic[np.isinf(threshold)] = 0.0

    def _start(self, features: Array) -> None:
        state, m = self.state, features.shape[1]
        state["ring"] = np.zeros((self.window, m), features.dtype)
        state["total"] = np.zeros(m)
        state["mean"] = np.zeros(m)
        state["rows"] = np.zeros(1, np.int64)
        state["level"] = np.array([np.inf])
        state["last_above"] = np.array([-1 - self.window])
        last_digit = np.finfo(features.dtype).eps * np.linalg.norm(features[0])
        state["least"] = np.array([ROUNDING * last_digit])
        self._moments.start(state)

    def _follow(self, features: Array, statistic: Floats) -> int:
        """Process rows up to the first alarm; return their number, negative if there is one."""
        state = self.state
        count = reference_rows(
            features,
            state["ring"],
            state["total"],
            state["mean"],
            int(state["rows"][0]),
            float(state["level"][0]),
            state["last_above"],
            self.window,
            statistic,
        )
        state["rows"] += abs(count)
        return count

    def _conclude(self) -> None:
        """Adopt the completed reference."""
        state = self.state
        moments, level = self._moments.read(state), 0.0
        if moments.trace > 0:
            level = math.sqrt(self._level(moments))
        state["mean"] = state["null_mean"]
        state["level"] = np.array([max(level, float(state["least"][0]))])
        self._moments.stop(state)

    def _level(self, moments: FeatureMoments) -> float:
        # Weights 1/B on the last rows, -1/R on those of the reference.
        b, r = float(self.window), float(self.warmup_rows)
        sums = [b ** (1 - k) + (-1) ** k * r ** (1 - k) for k in POWERS]
        return float(level_of(self.arl, 1.0 / self.window, cumulants_of(sums, moments), moments))


def _reference_for(window: int) -> int:
    return BLOCK * math.ceil(max(SHORTEST, WINDOWS * window) / BLOCK)
