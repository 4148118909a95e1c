"""Random numbers as a pure function of (seed, stream, position), the same bits everywhere.

Integers come from the SplitMix64 finalizer over a counter. Angles and logarithms are series of
sums, products and quotients, which IEEE 754 rounds identically on every machine; cosines and
logarithms of libraries differ in the last bit.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .arrays import Floats

__all__ = [
    "bits",
    "chi_squares",
    "complex_normals",
    "key_of",
    "permutation",
    "signs",
    "unit_phases",
]

_WORD = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15  # odd, 2**64 over the golden ratio: spreads neighboring counters
_RIGHT_ANGLE = math.pi / 2
# Series up to terms below 1e-17 at the end of their interval (pi/2; and 3 - 2 sqrt 2 for log).
COSINE = [(-1.0) ** k / math.factorial(2 * k) for k in range(13)]
SINE = [(-1.0) ** k / math.factorial(2 * k + 1) for k in range(12)]
LOG = [2.0 / (2 * k + 1) for k in range(12)]


def bits(seed: int, stream: int, n: int) -> NDArray[np.uint64]:
    """Return n uniform 64-bit integers of one stream (one purpose) of a seed."""
    z = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(_STEP) + key_of(seed, stream)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def key_of(seed: int, stream: int) -> np.uint64:
    """Return the offset of the counter of a stream."""
    return np.uint64(_mix_one(_mix_one(seed & _WORD) ^ stream))


def signs(seed: int, stream: int, n: int) -> Floats:
    """Return n values -1 or 1 with equal probability."""
    return 1.0 - 2.0 * (bits(seed, stream, n) >> np.uint64(63)).astype(np.float64)


def unit_phases(seed: int, stream: int, n: int) -> tuple[Floats, Floats]:
    """Return cosine and sine of n uniform angles."""
    word = bits(seed, stream, n)
    angle = _fraction(word << np.uint64(2)) * _RIGHT_ANGLE
    square = angle * angle
    cosine, sine = _series(COSINE, square), angle * _series(SINE, square)
    quarter = word >> np.uint64(62)  # number of right angles to rotate by
    odd = (quarter & np.uint64(1)) == 1
    re = np.where(odd, -sine, cosine)
    im = np.where(odd, cosine, sine)
    flip = np.where(quarter >= 2, -1.0, 1.0)
    return flip * re, flip * im


def complex_normals(seed: int, stream: int, n: int) -> tuple[Floats, Floats]:
    """Return real and imaginary part of n values of CN(0, 1): each has variance 1/2.

    Uses the streams ``stream`` and ``stream + 1`` (Box and Muller).
    """
    cosine, sine = unit_phases(seed, stream, n)
    # 1 - fraction is in (0, 1]: its logarithm is finite.
    radius = np.sqrt(-_log(1.0 - _fraction(bits(seed, stream + 1, n))))
    return radius * cosine, radius * sine


def chi_squares(seed: int, stream: int, n: int, degrees: int) -> Floats:
    """Return n chi-squared values with ``degrees`` degrees of freedom, at least 2.

    Marsaglia and Tsang's rejection from a cubed normal ("A simple method for generating gamma
    variables", ACM TOMS 2000). Each round uses three streams from ``stream`` on.
    """
    d = 0.5 * degrees - 1.0 / 3.0
    values = np.zeros(n)
    open_ = np.arange(n)
    while open_.size:  # the rejection rate is below 5 %, for 64 degrees below 0.1 %
        x = (math.sqrt(2.0) * complex_normals(seed, stream, n)[0])[open_]
        u = (1.0 - _fraction(bits(seed, stream + 2, n)))[open_]
        v = 1.0 + x / math.sqrt(9.0 * d)
        v = v * v * v
        positive = v > 0
        safe = np.where(positive, v, 1.0)
        accepted = positive & (_log(u) < 0.5 * x * x + d - d * safe + d * _log(safe))
        values[open_[accepted]] = 2.0 * d * v[accepted]
        open_ = open_[~accepted]
        stream += 3
    return values


def permutation(seed: int, stream: int, n: int) -> NDArray[np.int64]:
    """Return the numbers below n in random order."""
    return np.argsort(bits(seed, stream, n), kind="stable").astype(np.int64)


def _mix_one(word: int) -> int:
    z = (word + _STEP) & _WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
    return z ^ (z >> 31)


def _fraction(word: NDArray[np.uint64]) -> Floats:
    return (word >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _series(coefficients: Sequence[float], x: Floats) -> Floats:
    total = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total


def _log(x: Floats) -> Floats:
    mantissa, power = np.frexp(x)
    low = mantissa < math.sqrt(0.5)
    mantissa = np.where(low, 2.0 * mantissa, mantissa)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    return (power - low) * math.log(2.0) + s * _series(LOG, s * s)
