"""Moments of the features without a change, in one pass and bounded memory."""

from collections.abc import MutableMapping
from dataclasses import dataclass

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import ParameterError

from .u_statistics import PRODUCTS, product_averages, trace_averages

__all__ = ["BLOCK", "LEAST", "FeatureMomentEstimator", "FeatureMoments"]

BLOCK = 32  # rows of one Gram matrix: 496 pairs, and small compared with the features
SETTLING = 5  # blocks before the running mean is accurate enough to center products
LEAST = (SETTLING + 1) * BLOCK  # minimum number of rows of an estimate

State = MutableMapping[str, Array]


@dataclass(frozen=True)
class FeatureMoments:
    r"""Moments of the centered features f of independent rows, with covariance C.

    With :math:`u_i = |f_i|^2 - \mathrm{tr}\, C` and :math:`q_{ij} = f_i \cdot f_j` of distinct
    rows. For Gaussian features of many components all but the traces are small.

    Parameters
    ----------
    trace, trace2, trace3, trace4
        Traces of C and of its powers.
    u2, u3, u4
        Cumulants of u.
    q3, q4
        :math:`E q^3`; :math:`E q^4 - 3 (\mathrm{tr}\, C^2)^2`.
    u_qq, uu_q
        :math:`E u_1 q_{12}^2`; :math:`E u_1 u_2 q_{12}`.
    u2_qq, uu_qq
        :math:`E u_1^2 q_{12}^2 - E u^2\, E q^2`; :math:`E u_1 u_2 q_{12}^2`.
    u_qqq, u2u_q
        :math:`E u_1 q_{12}^3`; :math:`E u_1^2 u_2 q_{12}`.
    u_ring, fork
        :math:`E u_1 q_{12} q_{23} q_{31}`; :math:`E q_{12}^2 q_{13}^2 - (\mathrm{tr}\, C^2)^2`.
    qq_ring, uu_path, qq_path
        :math:`E q_{12}^2 q_{23} q_{31}`; :math:`E u_1 u_3 q_{12} q_{23}`;
        :math:`E q_{12}^2 q_{23} u_3`.
    """

    trace: float
    trace2: float
    trace3: float
    trace4: float
    u2: float = 0.0
    u3: float = 0.0
    u4: float = 0.0
    q3: float = 0.0
    q4: float = 0.0
    u_qq: float = 0.0
    uu_q: float = 0.0
    u2_qq: float = 0.0
    uu_qq: float = 0.0
    u_qqq: float = 0.0
    u2u_q: float = 0.0
    u_ring: float = 0.0
    fork: float = 0.0
    qq_ring: float = 0.0
    uu_path: float = 0.0
    qq_path: float = 0.0


@dataclass(frozen=True)
class FeatureMomentEstimator:
    """Estimate :class:`FeatureMoments` from feature rows, block by block, in a dict of arrays.

    The first trace comes from the running mean and the sum of squares about it; the others are
    full U-statistics of each block of 32 rows (over every tuple of distinct rows in it), averaged
    over the blocks. The second and third trace are exactly unbiased. The others need centered
    features: they take the running mean of the earlier blocks and skip the first five blocks, so
    that their bias is that of one in hundreds of rows.

    All names in the dict start with ``null_``.

    Parameters
    ----------
    rows
        Rows of the reference, a multiple of 32 of at least 192.

    Raises
    ------
    ParameterError
        If ``rows`` is not such a number.

    Examples
    --------
    >>> moments, state = FeatureMomentEstimator(rows=2048), {}
    >>> moments.start(state)
    >>> moments.add(np.random.default_rng(0).normal(size=(2048, 5)), state)
    >>> moments.missing(state), round(moments.read(state).trace, 1)
    (0, 5.0)
    """

    rows: int = 1024

    def __post_init__(self) -> None:
        if self.rows < LEAST or self.rows % BLOCK:
            raise ParameterError(
                f"rows must be a multiple of {BLOCK} of at least {LEAST}, got {self.rows!r}"
            )

    def start(self, state: State) -> None:
        """Start or restart: the reference consists of the next rows."""
        self.stop(state)
        state["null_rows"] = np.zeros(1, np.int64)

    def stop(self, state: State) -> None:
        """Remove all collected data."""
        for name in [name for name in state if name.startswith("null_")]:
            del state[name]

    def learning(self, state: State) -> bool:
        """Return whether a reference is being collected."""
        return "null_rows" in state

    def missing(self, state: State) -> int:
        """Return the number of rows the reference still needs."""
        return self.rows - int(state["null_rows"][0])

    def add(self, features: Array, state: State) -> None:
        """Add rows (n, m), at most as many as are missing."""
        if "null_block" not in state:
            _reserve(features, state)
        done = 0
        while done < features.shape[0]:
            filled = int(state["null_rows"][0]) % BLOCK
            count = min(BLOCK - filled, features.shape[0] - done)
            state["null_block"][filled : filled + count] = features[done : done + count]
            state["null_rows"] += count
            done += count
            if filled + count == BLOCK:
                _close_block(state)

    def trace(self, state: State) -> float:
        """Return the first trace alone, from the complete blocks so far: one suffices."""
        rows = int(state["null_rows"][0]) // BLOCK * BLOCK
        return float(state["null_spread"][0]) / (rows - 1)

    def read(self, state: State) -> FeatureMoments:
        """Return the estimates from the complete blocks so far; six are needed."""
        blocks = int(state["null_rows"][0]) // BLOCK
        settled = blocks - SETTLING
        if settled < 1:
            raise ParameterError(
                f"rows added must be at least {LEAST}, got {blocks * BLOCK}; add more first"
            )
        first = self.trace(state)
        if not first > 0:  # every row the same
            return FeatureMoments(0.0, 0.0, 0.0, 0.0)
        second, third = state["null_traces"] / blocks
        mean = state["null_products"] / settled
        # The traces of a covariance bound one another; estimates may violate the bounds.
        second = _within(second, 1e-12 * first**2, first**2)
        third = _within(third, second**2 / first, second**1.5)
        fourth = _within(mean[14], third**2 / second, second**2)
        u2, u3, u4 = _cumulants(state["null_powers"], settled * BLOCK)
        return FeatureMoments(
            *(first, second, third, fourth, u2, u3, u4),
            q3=float(mean[1]),
            q4=float(mean[2] - 3.0 * second**2),
            u_qq=float(mean[3]),
            uu_q=float(mean[4]),
            u2_qq=float(mean[5] - u2 * mean[0]),
            uu_qq=float(mean[6]),
            u_qqq=float(mean[7]),
            u2u_q=float(mean[8]),
            u_ring=float(mean[9]),
            fork=float(mean[10] - second**2),
            qq_ring=float(mean[11]),
            uu_path=float(mean[12]),
            qq_path=float(mean[13]),
        )


def _reserve(features: Array, state: State) -> None:
    m = features.shape[1]
    state["null_block"] = np.zeros((BLOCK, m), features.dtype)
    state["null_mean"] = np.zeros(m)
    state["null_spread"] = np.zeros(1)
    state["null_traces"] = np.zeros(2)
    state["null_products"] = np.zeros(PRODUCTS)
    state["null_powers"] = np.zeros(5)  # a center of |f|^2, and sums of powers 1 to 4 about it


def _close_block(state: State) -> None:
    """Add a full block to the sums."""
    earlier = int(state["null_rows"][0]) - BLOCK
    block = state["null_block"].astype(np.float64)
    # Any center would do for the traces; one near the mean keeps their digits.
    center = state["null_mean"] if earlier else block[0].copy()
    rows = block - center
    gram: Floats = rows @ rows.T
    step = rows.mean(axis=0)
    state["null_mean"][:] = center + step * (BLOCK / (earlier + BLOCK))
    # Sums of squares about the common mean of two parts (Chan, Golub, LeVeque 1979).
    between = float(step @ step) * (BLOCK * earlier / (BLOCK + earlier) - BLOCK)
    state["null_spread"] += max(float(np.trace(gram)) + between, 0.0)
    state["null_traces"] += trace_averages(gram)
    if earlier >= SETTLING * BLOCK:
        _add_products(gram, earlier - SETTLING * BLOCK, state)


def _add_products(gram: Floats, count: int, state: State) -> None:
    lengths, powers = np.diagonal(gram), state["null_powers"]
    if not count:
        powers[0] = lengths.mean()
    level = float(powers[0] + (powers[1] / count if count else 0.0))
    state["null_products"] += product_averages(gram, level)
    excess = lengths - powers[0]
    for power in range(1, 5):
        powers[power] += (excess**power).sum()


def _cumulants(powers: Floats, n: int) -> tuple[float, float, float]:
    """Return the second to fourth cumulant from sums of powers about a number near the mean."""
    mean, second, third, fourth = (float(power) / n for power in powers[1:])
    variance = second - mean**2
    skew = third - 3.0 * mean * second + 2.0 * mean**3
    tail = fourth - 4.0 * mean * third + 6.0 * mean**2 * second - 3.0 * mean**4
    return variance * n / (n - 1), skew, tail - 3.0 * variance**2


def _within(value: float, low: float, high: float) -> float:
    return float(min(max(value, low), high))
