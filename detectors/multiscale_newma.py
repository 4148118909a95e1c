"""Default detector: NEWMA at many scales, with automatic selection of the null model."""

from typing import Literal

import numpy as np

from streamlyt.core import AlarmPolicy, Detector, FeatureMap, Floats
from streamlyt.core.errors import ParameterError

from ._common.feature_maps import EVEN, STRONG, feature_map
from ._common.input_scaling import HEAD, apply_scaling, learn_scale
from ._multiscale.empirical_null import SMALLEST, WHITENED, EmpiricalNull
from ._multiscale.scales import MultiscaleAverages
from ._null_model.dependence import (
    ORDERS,
    PAST,
    autoregression,
    innovations,
    lagged_dependence,
    serial_dependence,
)

__all__ = ["MultiscaleNEWMA"]

INDEPENDENT, INNOVATIONS, LEARNED = range(3)  # values of state["null"]
WINDOWS = {"auto": 1024, "iid": 1024, "empirical": 316}
COMPONENTS = 1024, 256  # features of the scales and of the empirical null
LOOK, SLOTS = 512, 128  # search rows and search bins for the start of a change
JOIN = 64  # rows after the last crossing that belong to the same event


class MultiscaleNEWMA(Detector):
    r"""NEWMA at many scales on the same features; selects its null model from the stream.

    The default choice without further knowledge. It buffers the first 512 rows and then selects:

    * independent rows: **scales with exact levels** (below);
    * rows whose residuals from a linear prediction of each channel by its own last rows, four at
      most, are independent: the same on the residuals. Most sensors are of this kind;
    * all others, such as simulations and metastable systems: an **empirical null**, three windows
      of NEWMA whose statistics are compared with their own past.

    **Scales.** Exponential averages :math:`z_k` of the features have the rates
    :math:`1, 1/4, 1/16, \dots` down to :math:`1/\mathrm{window}`, with bias correction. Each is
    compared with a common reference z' four times as long as the largest,

    .. math:: g = \max_k \|z_k - z'\| / h_k, \qquad \text{alarm where } g > 1.

    The row itself and the shortest average change with every row; the others and the reference take
    the mean of four rows in one step. At the level :math:`h_k` the mean first passage time for
    independent rows is :math:`0.75\,(\sum_i p_i / p_k)` ``arl`` rows, with :math:`p_k = 0.8^k` the
    share of scale k in the false alarms. The levels come from the first four cumulants of the
    squared distance, exact for any distribution of the rows, and a first-passage model, as in
    :class:`~streamlyt.detectors.NEWMA`; for single rows from the tail of their distances. The
    factor 0.75 accounts for scales that do not cross independently. Levels are set after 512 rows
    and updated after 1024, 2048, 4096 ... A lasting change (128 more rows above than below) resets
    the detector, which relearns from the rows that follow; the old levels apply until it has 512.

    **Guarantee.** For independent rows: a mean of ``arl`` rows from the end of the first 512 to the
    first false alarm; measured on five distributions .74 to 1.20 of it at 1e3, .84 to 1.49 at 1e4,
    and .74 to 1.23 at 1e5. For autoregressive rows: within a factor 2 (.81 to 1.21). With heavy
    tails, or fewer features than the default, it is shorter (.6 to .9). Under the empirical null
    the run length is nominal: ``arl`` orders the thresholds, and the default gave at most 0.3 false
    events in 1e5 rows of twenty channels or more, 1 for five and 6 to 16 for one channel with a
    long memory. None detects a change in the first 512 rows, or a weak change of correlation alone.

    Parameters
    ----------
    window
        Longest scale in rows, at least 16: small changes must last this long. None: 1024, and 316
        for the empirical null.
    null_model
        Null model: ``"auto"``, ``"iid"`` or ``"empirical"`` (empirical).
    arl
        Target mean number of rows between false alarms (average run length), from 1e3 to 1e8.
    scale
        Factor on the rows before the feature map, whose kernel width is one. None: the first 100
        rows set the center and scale of each channel, and the kernel width.
    features
        ``"optical"``, ``"fourier"``, or a map from (n, d) to (n, m).
    n_components
        Number of features m when ``features`` is a name, even and at least 64. None: 1024, and 256
        under the empirical null.
    min_consecutive
        Consecutive rows the statistic must be above its level before an event: 3, for example,
        ignores outliers of one or two rows. The run length is then longer than ``arl``.
    seed
        Seed of the features when ``features`` is a name.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    Notes
    -----
    Two averages and their distance are those of NEWMA [1]_. The scales, their common reference and
    levels, the selection and the empirical null are not published elsewhere.

    References
    ----------
    .. [1] N. Keriven, D. Garreau, I. Poli, "NEWMA: a new method for scalable model-free online
       change-point detection", IEEE Trans. Signal Process. 68, 2020 (arXiv 1805.08061), eqs. 3-5.

    Examples
    --------
    >>> from streamlyt.core import Batch, Schema
    >>> rows = np.random.default_rng(0).normal(size=(3000, 3))
    >>> rows[2000:, 1] += 1
    >>> detector = MultiscaleNEWMA()
    >>> out, events = detector.update(Batch("", np.arange(3000), rows, Schema.of("a", "b", "c")))
    >>> [1980 <= event.change_index <= 2020 for event in events], events[0].channels[0]
    ([True], 'b')
    >>> detector.selected_null_model
    'iid'
    """

    reloadable_params = frozenset({"arl"})

    def __init__(
        self,
        window: int | None = None,
        *,
        null_model: Literal["auto", "iid", "empirical"] = "auto",
        arl: float = 1e5,
        scale: float | None = None,
        features: FeatureMap | str = "optical",
        n_components: int | None = None,
        min_consecutive: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if null_model not in WINDOWS:
            raise ParameterError(
                f"null_model must be 'auto', 'iid' or 'empirical', got {null_model!r}"
            )
        if window is not None and window < SMALLEST:
            raise ParameterError(f"window must be at least {SMALLEST} rows or None, got {window!r}")
        if not 1e3 <= arl <= 1e8:
            raise ParameterError(f"arl must be from 1e3 to 1e8 rows, got {arl!r}")
        if scale is not None and not 0 < scale < np.inf:
            raise ParameterError(f"scale must be a positive number or None, got {scale!r}")
        self.window = window
        self.null_model = null_model
        self.arl = arl
        self.scale = scale
        self.features = features
        self.n_components = n_components
        self.min_consecutive = min_consecutive
        self.seed = seed
        of_scales, of_empirical = (n_components or default for default in COMPONENTS)
        self._map = feature_map(features, of_scales, seed, bias=EVEN)
        self._empirical_map = feature_map(features, of_empirical, seed, bias=STRONG)
        m = self._empirical_map.n_components
        if m < WHITENED:
            raise ParameterError(f"n_components must be at least {WHITENED}, got {m!r}")
        self._scales = MultiscaleAverages(window or WINDOWS["iid"], arl)
        self._empirical = EmpiricalNull(window or WINDOWS["empirical"], arl)
        self.search_rows = window or WINDOWS[null_model]
        if null_model != "empirical":
            self.search_rows, self.search_bins = min(self.search_rows, LOOK), SLOTS
        self.warmup_rows = (
            self._empirical.learning if null_model == "empirical" else self._scales.reference
        )
        self.alarm_policy = AlarmPolicy(min_consecutive)
        if null_model != "empirical":
            self.alarm_policy = AlarmPolicy(min_consecutive, release_ratio=1.0, merge_gap=JOIN)

    @property
    def selected_null_model(self) -> str | None:
        """Null model in use: iid, ar_residuals or empirical; None before row 512."""
        if "null" not in self.state:
            return None
        return ("iid", "ar_residuals", "empirical")[int(self.state["null"][0])]

    @property
    def dependence(self) -> float:
        """Serial dependence of the reference rows, relative to the limit of the test.

        Above 1 the guarantee for independent rows does not apply; 0 before row 512 and under
        ``null="empirical"``.
        """
        return float(self.state["dependence"][0]) if "dependence" in self.state else 0.0

    def score(self, values: Floats) -> tuple[Floats, Floats]:
        """Process rows (n, d); return the statistic and its level, both (n,)."""
        statistic = np.zeros(values.shape[0])
        threshold = np.full(values.shape[0], np.inf)
        done = 0
        while done < len(values):
            if "null" not in self.state and "held" not in self.state:
                self.state["held"] = np.empty((0, values.shape[1]))
            rows, changed = values[done : done + self._missing()], False
            if "null" in self.state:
                scores, level, changed = self._follow(rows)
                rows = rows[: len(scores)]
                statistic[done : done + len(rows)] = scores
                threshold[done : done + len(rows)] = level
            if changed:
                self.state["held"] = np.empty((0, values.shape[1]))
            elif "held" in self.state:
                self._buffer(rows)
            done += len(rows)
        return statistic, threshold

    def on_params_changed(self) -> None:
        """Update the levels to the current ``arl``."""
        if "levels" in self.state:
            self._scales.set_levels(self.state)

    def _missing(self) -> int:
        """Return the rows until the buffer is full; a large number if there is no buffer."""
        return self._needed - len(self.state["held"]) if "held" in self.state else 1 << 62

    @property
    def _needed(self) -> int:
        if self.null_model != "empirical":
            return self._scales.reference
        return 1 if self.scale is not None else HEAD

    def _buffer(self, rows: Floats) -> None:
        buffered = np.concatenate([self.state["held"], rows])
        self.state["held"] = buffered
        if buffered.shape[0] == self._needed:
            del self.state["held"]
            self._start(buffered)

    def _follow(self, rows: Floats) -> tuple[Floats, Floats | float, bool]:
        """Process rows up to a new regime; return statistic, level, and whether one started."""
        state = self.state
        scaled = apply_scaling(rows, state["centre"], state["factor"])
        if state["null"][0] == LEARNED:
            return *self._empirical.follow(self._empirical_map(scaled), state), False
        if state["null"][0] == INDEPENDENT:
            scores, changed = self._scales.follow(self._map(scaled), state)
            return scores, 1.0, changed
        past = state["past"]
        residuals = innovations(scaled, state["weights"], past.copy())
        residuals = apply_scaling(residuals, state["rest_centre"], state["rest_factor"])
        scores, changed = self._scales.follow(self._map(residuals), state)
        state["past"] = np.concatenate([scaled[: len(scores)][::-1], past])[: len(past)]
        return scores, 1.0, changed

    def _start(self, buffered: Floats) -> None:
        """Select the null model for the buffered rows, and let it learn them."""
        state = self.state
        if self.scale is None:
            state["centre"], state["factor"] = learn_scale(buffered[:HEAD])
        else:
            d = buffered.shape[1]
            state["centre"], state["factor"] = np.zeros(d), np.full(d, self.scale)
        scaled = apply_scaling(buffered, state["centre"], state["factor"])
        null = LEARNED if self.null_model == "empirical" else self._start_scales(scaled)
        state["null"] = np.array([null])
        if null == LEARNED:
            self._scales.forget(state)
            self._empirical.follow(self._empirical_map(scaled), state)

    def _start_scales(self, scaled: Floats) -> int:
        features = self._map(scaled)
        test = serial_dependence(features)
        self.state["dependence"] = np.array([test.excess])
        if test.independent or self.null_model == "iid":
            self._scales.start(features, self.state)
            return INDEPENDENT
        weights = autoregression(scaled)
        residuals = innovations(scaled, weights, np.zeros_like(weights))[ORDERS:]
        center, factor = learn_scale(residuals[:HEAD])
        residual_features = self._map(apply_scaling(residuals, center, factor))
        if (
            not serial_dependence(residual_features).independent
            or lagged_dependence(residual_features, features[ORDERS - 1 : -1]) > PAST
        ):
            return LEARNED
        self._scales.start(residual_features, self.state)
        self.state["weights"], self.state["past"] = weights, scaled[::-1][:ORDERS].copy()
        self.state["rest_centre"], self.state["rest_factor"] = center, factor
        return INNOVATIONS
