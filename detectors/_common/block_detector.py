"""Base class of the detectors that compare the newest block of rows with the blocks before it."""

import math
from abc import abstractmethod
from collections.abc import MutableMapping
from dataclasses import dataclass

import numpy as np

from streamlyt.core import AlarmPolicy, Array, Detector, FeatureMap, Floats
from streamlyt.core.errors import ParameterError
from streamlyt.detectors._kernels.windows import block_rows
from streamlyt.detectors._null_model.calibration import MEMORIES, Calibration
from streamlyt.detectors._null_model.feature_moments import FeatureMoments
from streamlyt.detectors._null_model.first_passage import level_of
from streamlyt.detectors._null_model.forgetting_factors import forgetting_factors, n_components_for

from .feature_maps import EVEN, feature_map
from .input_scaling import HEAD, apply_scaling, collect_warmup, learn_scale

__all__ = ["ROUNDING", "BlockDetector", "block_cumulants", "block_step", "check_run", "map_for"]

FEWEST, MOST = 64, 16_384  # default bounds of the number of features, as for NEWMA
ROUNDING = 32.0  # smallest threshold, in last digits of a row of features

State = MutableMapping[str, Array]


def check_run(window: int, arl: float) -> None:
    """Check the window and the run length.

    Raises
    ------
    ParameterError
        If one of them is out of its range.
    """
    if not 2 <= window <= 10_000:
        raise ParameterError(f"window must be from 2 to 10000 rows, got {window!r}")
    if not max(100, window) <= arl <= 1e9:
        raise ParameterError(
            f"arl must be from 100 and the window ({window} rows) to 1e9 rows, got {arl!r}"
        )


def map_for(
    window: int, features: FeatureMap | str, n_components: int | None, seed: int
) -> FeatureMap:
    """Return the map itself, or the named one with NEWMA's default number of features."""
    if isinstance(features, FeatureMap):
        if n_components is not None:
            raise ParameterError(
                f"n_components must be None with a feature map, got {n_components!r}; the map "
                "has its own"
            )
        return features
    m = n_components
    if m is None:
        published = n_components_for(*forgetting_factors(window))
        m = 2 * round(min(max(FEWEST, published), MOST) / 2)
    return feature_map(features, m, seed, bias=EVEN)


def block_form(others: int) -> Floats:
    r"""Return M of :math:`s^2 = \sum_{pq} M_{pq}\, \bar f_p \cdot \bar f_q`, f the block means."""
    form = np.eye(others + 1) / others
    form[0, 0] = 1.0
    form[0, 1:] = form[1:, 0] = -1.0 / others
    return form


def block_cumulants(others: int, window: int, moments: FeatureMoments) -> tuple[float, ...]:
    r"""Return the first four cumulants of the squared statistic of independent rows.

    Row a has the coefficient :math:`K_{ab} = M_{pq} / B^2` with row b, of blocks p and q. The mean
    is :math:`\mathrm{tr} K\, \mathrm{tr}\, C` and the variance
    :math:`2 \sum_{a \ne b} K_{ab}^2\, \mathrm{tr}\, C^2 + \sum_a K_{aa}^2 \mathrm{Var} |f|^2`, both
    exact; the others, :math:`8\, \mathrm{tr} K^3\, \mathrm{tr}\, C^3` and
    :math:`48\, \mathrm{tr} K^4\, \mathrm{tr}\, C^4`, are those of Gaussian features, good to one
    part in B.
    """
    form = block_form(others)
    traces = [
        float(np.trace(np.linalg.matrix_power(form, k))) / float(window) ** k for k in (1, 2, 3, 4)
    ]
    own = float((np.diagonal(form) ** 2).sum()) / float(window) ** 3
    return (
        traces[0] * moments.trace,
        2.0 * (traces[1] - own) * moments.trace2 + own * moments.u2,
        8.0 * traces[2] * moments.trace3,
        48.0 * traces[3] * moments.trace4,
    )


def block_step(others: int, window: int) -> float:
    r"""Return one minus the correlation of the unsquared statistic between adjacent rows.

    The squares have the correlation :math:`\mathrm{tr} K K' / \mathrm{tr} K^2`, with K' the
    coefficients one row later; the unsquared statistic has its square root.
    """
    form, blocks = block_form(others), others + 1
    # Rows that a block and one of a row later have in common.
    common = (window - 1.0) * np.eye(blocks) + np.eye(blocks, k=1)
    square = window**2 * float((form * form).sum())
    return 1.0 - math.sqrt(float(np.trace(form @ common @ form @ common.T)) / square)


@dataclass(frozen=True)
class BlockCalibration(Calibration):
    """Threshold of blocks of ``window`` rows; earlier rows have no weight.

    Parameters
    ----------
    arl, fast, slow, join
        As in :class:`Calibration`; ``slow`` is such that a reference covers all the blocks.
    others, window
        Number of blocks before the newest, and rows of each.
    """

    others: int = 1
    window: int = 2

    def _levels_from(self, first: int, least: float, state: State) -> tuple[Floats, Floats]:
        moments = self._moments.read(state)
        level = 0.0
        if moments.trace > 0:
            cumulants = block_cumulants(self.others, self.window, moments)
            step = block_step(self.others, self.window)
            level = math.sqrt(float(level_of(self.arl, step, cumulants, moments)))
        return np.array([float(first)]), np.array([max(level, least)])


class BlockDetector(Detector):
    """Compare the last ``window`` rows with earlier blocks of equal length, in random features.

    Subclasses store their parameters, call ``_prepare`` and define the features of a row in
    ``_features``.
    """

    _window: int
    _others: int
    _calibration: BlockCalibration
    _gaps: Floats = np.zeros((0, 0))  # scratch: mean differences of the newest block

    def _prepare(self, window: int, others: int, arl: float) -> None:
        check_run(window, arl)
        memory = (others + 1) * window
        self._window, self._others = window, others
        # Crossings within the memory of all blocks belong to the same change.
        self.alarm_policy = AlarmPolicy(release_ratio=1.0, merge_gap=memory)
        self.search_rows = max(64, memory)
        slow = MEMORIES / memory
        self._calibration = BlockCalibration(arl, slow, slow, memory, others, window)
        self.warmup_rows = self._calibration.reference

    @abstractmethod
    def _features(self, values: Floats) -> Array:
        """Return the features (n, m) of rows (n, d); the scale is known at this point."""

    def _learn(self, head: Floats) -> None:
        """Learn center and scale from the first rows."""
        self.state["centre"], self.state["factor"] = learn_scale(head)

    def _scaled(self, values: Floats) -> Floats:
        return apply_scaling(values, self.state["centre"], self.state["factor"])

    def score(self, values: Floats) -> tuple[Floats, Floats]:
        """Absorb rows (n, d); return the statistic and its threshold, both (n,)."""
        statistic = np.zeros(values.shape[0])
        threshold = np.full(values.shape[0], np.inf)
        consumed = 0
        if "centre" not in self.state:
            consumed = collect_warmup(values, self.state)
            if self.state["head"].shape[0] == HEAD:
                head = self.state.pop("head")
                self._learn(head)
                self._walk(head)
        if consumed < values.shape[0]:
            statistic[consumed:], threshold[consumed:] = self._walk(values[consumed:])
        return statistic, threshold

    def _walk(self, values: Floats) -> tuple[Floats, Floats]:
        state = self.state
        features = self._features(values)
        if "ring" not in state:
            blocks, m = self._others + 1, features.shape[1]
            state["ring"] = np.zeros((blocks * self._window, m), features.dtype)
            state["sums"] = np.zeros((blocks, m))
            state["rows"] = np.zeros(1, np.int64)
            last_digit = np.finfo(features.dtype).eps * np.linalg.norm(features[0])
            state["least"] = np.array([ROUNDING * last_digit])
        rows = int(state["rows"][0])
        statistic = np.empty(features.shape[0])
        ring, sums = state["ring"], state["sums"]
        block_rows(features, ring, sums, self._window, rows, statistic, self._gaps)
        state["rows"] += features.shape[0]
        least = float(state["least"][0])
        return statistic, self._calibration.follow(features, statistic, rows, least, state)
