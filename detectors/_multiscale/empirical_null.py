"""Three windows, each against a null learnt from the stream, for rows that hang on their past."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import stdtrit

from streamlyt.core import Array, Floats
from streamlyt.detectors._kernels.empirical_null import bank_rows

__all__ = ["SMALLEST", "WHITENED", "EmpiricalNull"]

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
KNOBS = np.array([RATIO, MEMORY, CLIP, RIDGE, SUSPECT, HEIGHT, READY, START])
# Run lengths asked for and the nominal ones behind them, for rows as they come: what is nominally
# 1e8 is near 1e5 for autoregressive rows of .9, and one decade more nominally is worth .4 there.
ASKED, NOMINAL, DECADES = 1e5, 1e8, 2.4

State = MutableMapping[str, Array]


@dataclass(frozen=True)
class EmpiricalNull:
    r"""Three windows on the same features, each against a null learnt from the stream.

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
    :math:`c = t_{n-1}^{-1}(1 - 2B/A) \sqrt{1 + 1/n}` for a nominal run length A.

    The statistic is the evidence :math:`g \leftarrow \max(0, g + (\min(\max R, 2) - 0.6)/40)`, and
    1 is its threshold: a change must stand out for 29 rows or more, so that no outlier alarms.
    While :math:`\max R > 0.6` nothing is learnt. After an event everything is learnt anew: what
    came before is another regime.

    Parameters
    ----------
    window
        The largest window in rows, at least 16.
    arl
        Run length asked for; A is :math:`10^8 (\mathrm{arl} / 10^5)^{2.4}`, from 1e3 to 1e15.
    """

    window: int
    arl: float

    @property
    def learning(self) -> int:
        """Rows before an alarm is possible."""
        return int((START + READY) * _windows(self.window)[0])

    def follow(self, features: Array, state: State) -> tuple[Floats, Floats]:
        """Absorb rows (n, m); return the evidence and its height, both (n,)."""
        statistic, threshold = np.empty(len(features)), np.empty(len(features))
        windows = _windows(self.window)
        if "fast" not in state:
            count, width, whitened = windows.size, features.shape[1], WHITENED
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
            windows,
            _critical(self.window, self.arl),
            KNOBS,
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


def _chosen(width: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the features of the whitened statistic: as many cosines as sines of the same waves."""
    half = np.arange(WHITENED // 2)
    return np.concatenate([half, width // 2 + half])


@lru_cache(maxsize=64)
def _critical(window: int, arl: float) -> Floats:
    """Return the critical values by window and by the number of independent values learnt from."""
    nominal = min(max(NOMINAL * (arl / ASKED) ** DECADES, 1e3), 1e15)
    windows, values = _windows(window), np.arange(int(MEMORY) + 1)
    table = np.full((windows.size, values.size), np.inf)
    for w, each in enumerate(windows):
        n = values[3:]
        tail = min(0.5, 2.0 * each / nominal)
        table[w, 3:] = -stdtrit(n - 1.0, tail) * np.sqrt(1.0 + 1.0 / n)
    return table
