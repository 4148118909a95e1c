"""Empirical null model of three windows, for serially dependent rows."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import stdtrit

from streamlyt.core import Array, Floats
from streamlyt.detectors._kernels.empirical_null import empirical_null_rows

__all__ = ["SMALLEST", "WHITENED", "EmpiricalNull"]

STEPS = 10**0.5  # ratio of adjacent windows: three of them span a decade
RATIO = 10.0  # slow over fast: the slow average is a reference of ten windows
MEMORY = 20.0  # windows, of a null
CLIP = 3.0  # standard deviations: largest value a null learns from one row
RIDGE = 0.1  # of the mean variance: the covariance of 64 features of few angles is singular
WHITENED = 64  # features of the whitened statistic; its cost grows with their square
SUSPECT = 0.6  # of its critical value: above it a statistic is evidence and is not learned
HEIGHT = 40.0  # evidence of an event: at least 29 rows
READY = 10.0  # windows of a null before it is used
START = 2.0  # windows before the averages are compared; earlier they overlap almost completely
SMALLEST = 16  # rows: minimum of the largest window
SETTINGS = np.array([RATIO, MEMORY, CLIP, RIDGE, SUSPECT, HEIGHT, READY, START])
# Target ARL and the nominal one used for it: a nominal 1e8 is near 1e5 for autoregressive rows of
# .9, where one nominal decade changes the ARL by .4 decades.
TARGET, NOMINAL, DECADES = 1e5, 1e8, 2.4

State = MutableMapping[str, Array]


@dataclass(frozen=True)
class EmpiricalNull:
    r"""Three windows on the same features, each with a null learned from the stream.

    For windows B of a tenth, a third and all of ``window``, two exponential averages of the random
    features have the rates :math:`1/B` and :math:`1/(10 B)`, both with bias correction. Their gap
    :math:`d`, in units of its standard deviation for independent rows, gives two statistics,

    .. math:: s^2 = |d|^2, \qquad T^2 = d_w^\top (S + 0.1 \bar S I)^{-1} d_w,

    the second over 64 of the features, with S the running mean of :math:`d_w d_w^\top` and
    :math:`\bar S` the mean of its diagonal. :math:`s` detects a change in any direction of the
    features, but fast motion that is always present hides it; :math:`T` accounts for that motion
    and detects a small change in a direction of low variance. Cube roots of both are near normal.
    Their running means and deviations over 20 B rows are the null, used after 10 B rows. Each of
    the six is normalized, :math:`R = (y - \mathrm{mean}) / (\mathrm{sd} \cdot c)`, where c is the
    one-sided prediction bound of a normal sample: with n independent values in the null,
    :math:`c = t_{n-1}^{-1}(1 - 2B/A) \sqrt{1 + 1/n}` for a nominal run length A.

    The statistic is the evidence :math:`g \leftarrow \max(0, g + (\min(\max R, 2) - 0.6)/40)`, and
    1 is its threshold: a change must last 29 rows or more, so that no outlier alarms. While
    :math:`\max R > 0.6` nothing is learned. After an event the state is reset, since earlier rows
    belong to another regime.

    Parameters
    ----------
    window
        Largest window in rows, at least 16.
    arl
        Target run length; A is :math:`10^8 (\mathrm{arl} / 10^5)^{2.4}`, from 1e3 to 1e15.
    """

    window: int
    arl: float

    @property
    def learning(self) -> int:
        """Rows before an alarm is possible."""
        return int((START + READY) * _windows(self.window)[0])

    def follow(self, features: Array, state: State) -> tuple[Floats, Floats]:
        """Process rows (n, m); return the evidence and its threshold, both (n,)."""
        statistic, threshold = np.empty(len(features)), np.empty(len(features))
        windows = _windows(self.window)
        if "fast" not in state:
            count, m, whitened = windows.size, features.shape[1], WHITENED
            state["fast"] = np.zeros((count, m))
            state["slow"] = np.zeros((count, m))
            state["covariance"] = np.zeros((count, whitened, whitened))
            state["factor_of_covariance"] = np.zeros((count, whitened, whitened))
            state["terms"] = np.zeros(count)
            state["nulls"] = np.zeros((count, 2, 3))
            state["clock"] = np.zeros(4)
        empirical_null_rows(
            features,
            _whitened_features(features.shape[1]),
            windows,
            _critical(self.window, self.arl),
            SETTINGS,
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
        return statistic, threshold


@lru_cache(maxsize=64)
def _windows(window: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([max(4, round(window / STEPS**k)) for k in (2, 1, 0)])


def _whitened_features(n_components: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the indices of the whitened statistic: cosines, and sines of the same phases."""
    half = np.arange(WHITENED // 2)
    return np.concatenate([half, n_components // 2 + half])


@lru_cache(maxsize=64)
def _critical(window: int, arl: float) -> Floats:
    """Return the critical values by window and by the number of independent values in the null."""
    nominal = min(max(NOMINAL * (arl / TARGET) ** DECADES, 1e3), 1e15)
    windows, values = _windows(window), np.arange(int(MEMORY) + 1)
    table = np.full((windows.size, values.size), np.inf)
    for w, rows in enumerate(windows):
        n = values[3:]
        tail = min(0.5, 2.0 * rows / nominal)
        table[w, 3:] = -stdtrit(n - 1.0, tail) * np.sqrt(1.0 + 1.0 / n)
    return table
