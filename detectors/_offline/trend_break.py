"""The best break of a series: two lines against one bend, whatever its noise remembers."""

import numpy as np

from streamlyt.core import Floats
from streamlyt.core.numerics.periodicity import dominant_period

__all__ = ["best_trend_break"]

FEWEST = 5  # rows of a line: two for the line, three for its spread
PRIOR = 5.0  # rows that the common spread counts for on either side: few rows may lie in line
HEIGHT = 20.0  # of the likelihood ratio that is a break
OUTLYING = 4.0  # times the upper quartile of the distances from the median of five rows
LONGEST = 0.98  # autocorrelation of the noise that is believed
ROUNDING = 1e-6  # of the whole variance: less is no spread


def best_trend_break(values: Floats, turn: int = 1) -> tuple[float, int]:
    r"""Return how far above chance the best break of a series is (1 is enough), and its row.

    On either side of the break k the rows are a line and noise of its own spread; without a break
    they are one parabola and noise. The logarithm of the likelihood ratio, twice, falls into what
    the lines explain and what the spreads do,

    .. math:: L_k = (n - 2) \log \frac{v_0}{v_k}
        + \frac{(n - 2) \log v_k - (k - 2) \log v_- - (n - k - 2) \log v_+}{\max(1, (\kappa-1)/2)},

    with :math:`v_0` the variance about the parabola, :math:`v_k` that about the two lines together,
    and :math:`v_-, v_+` those about each, drawn to :math:`v_k` as by five rows more. A parabola, so
    that a smooth bend is no break. The second part is divided by how much more a variance scatters
    than it does for Gaussian noise, by the kurtosis :math:`\kappa` of the residuals at the best k.
    The whole is multiplied by :math:`(1-\rho)/(1+\rho)`, the share of the rows that are independent
    where the noise has the autocorrelation :math:`\rho`, or by one over its period where it has
    one, and compared with 20. A row far from the median of the five around it counts as that
    median: a single outlier is no change.

    Parameters
    ----------
    values
        Shape (n,), finite.
    turn
        Period that the rows are known to have, 1 for none: at most a row a period is independent.
    """
    n = len(values)
    if n < 2 * FEWEST:
        return 0.0, 0
    size = float(np.abs(values).max())
    rows = without_outliers(values / (size or 1.0))
    rows = rows - rows.mean()
    spread = float(rows.std())
    if not spread > 1e-13:
        return 0.0, 0
    rows /= spread
    k = np.arange(FEWEST, n - FEWEST + 1)
    before = _about_lines(rows)[k - 1]
    after = _about_lines(rows[::-1])[::-1][k]
    least = ROUNDING
    place = np.linspace(-1.0, 1.0, n)
    bend = rows - np.polynomial.legendre.legval(
        place, np.polynomial.legendre.legfit(place, rows, 2)
    )
    whole = np.maximum(bend @ bend / (n - 2), least)
    common = (before + after) / (n - 4)
    left = (before + PRIOR * common) / (k - 2 + PRIOR)
    right = (after + PRIOR * common) / (n - k - 2 + PRIOR)
    common, left, right = (np.maximum(v, least) for v in (common, left, right))
    lines = (n - 2) * np.log(whole / common)
    spreads = (n - 2) * np.log(common) - (k - 2) * np.log(left) - (n - k - 2) * np.log(right)
    best = int(np.argmax(lines + spreads))
    row = int(k[best])
    noise = np.concatenate([_residuals(rows[:row]), _residuals(rows[row:])])
    power = float((noise**2).mean())
    if not power > 0:
        return float((lines[best] + spreads[best]) / HEIGHT), row
    tails = max(1.0, (float((noise**4).mean()) / power**2 - 1) / 2)
    # Residuals of two lines are less alike than the noise is: by about 4 / n.
    alike = float(noise[1:] @ noise[:-1]) / (n * power) + 4 / n
    alike = min(max(alike, 0.0), LONGEST)
    own, known = dominant_period(noise)
    share = min((1 - alike) / (1 + alike), 1 / turn, 1 / own if known else 1.0)
    ratio = (lines[best] + spreads[best] / tails) * share
    return float(ratio / HEIGHT), row


def without_outliers(values: Floats) -> Floats:
    """Return the rows with each that lies far from the median of the five around it put there."""
    around = np.lib.stride_tricks.sliding_window_view(np.pad(values, 2, mode="reflect"), 5)
    middle = np.median(around, axis=1)
    away = np.abs(values - middle)
    usual = np.sort(away)[int(0.75 * len(away))]
    return np.where(away > OUTLYING * max(usual, 1e-12), middle, values)


def _about_lines(rows: Floats) -> Floats:
    """Return the sum of squares of the first k rows about their line, for each k from 1 on."""
    k = np.arange(1.0, len(rows) + 1)
    time = k - 1
    sums = np.cumsum(rows)
    slopes = np.cumsum(time * rows) - time / 2 * sums
    spread = np.maximum(k * (k * k - 1) / 12, 1e-9)
    about = np.cumsum(rows * rows) - sums * sums / k - np.where(k > 1, slopes**2 / spread, 0.0)
    least: Floats = np.maximum(about, 0.0)
    return least


def _residuals(rows: Floats) -> Floats:
    """Return the rows about their line, in units of their own spread."""
    time = np.arange(len(rows)) - (len(rows) - 1) / 2
    about = rows - rows.mean()
    about -= time * (time @ about) / (time @ time)
    scaled: Floats = about / np.sqrt(max(float((about**2).mean()), ROUNDING))
    return scaled
