"""Best trend break of a series: two lines against one parabola, with correlated noise."""

import numpy as np

from streamlyt.core import Floats
from streamlyt.core.numerics.periodicity import dominant_period

__all__ = ["best_trend_break"]

FEWEST = 5  # rows of a line: two for the line, three for its spread
PRIOR = 5.0  # weight of the common variance on either side, in rows: a few rows may be collinear
HEIGHT = 20.0  # log-likelihood ratio, twice, of a break
OUTLYING = 4.0  # times the upper quartile of the distances from the median of five rows
LONGEST = 0.98  # largest autocorrelation of the noise
ROUNDING = 1e-6  # of the total variance: a smaller variance is rounding


def best_trend_break(values: Floats, cycle: int = 1) -> tuple[float, int]:
    r"""Return the score of the best break of a series (1 is significant), and its row.

    On either side of the break k the rows are a line and noise of its own variance; without a break
    they are one parabola and noise. Twice the logarithm of the likelihood ratio has one term for
    the lines and one for the variances,

    .. math:: L_k = (n - 2) \log \frac{v_0}{v_k}
        + \frac{(n - 2) \log v_k - (k - 2) \log v_- - (n - k - 2) \log v_+}{\max(1, (\kappa-1)/2)},

    with :math:`v_0` the variance about the parabola, :math:`v_k` that about the two lines together,
    and :math:`v_-, v_+` those about each, shrunk to :math:`v_k` as by five more rows. The parabola
    keeps a smooth bend from being a break. The second term is divided by the excess scatter of a
    variance over that of Gaussian noise, by the kurtosis :math:`\kappa` of the residuals at the
    best k. The sum is multiplied by :math:`(1-\rho)/(1+\rho)`, the fraction of independent rows if
    the noise has the autocorrelation :math:`\rho`, or by one over its period if it has one, and
    compared with 20. A row far from the median of the five around it is replaced by that median:
    a single outlier is no change.

    Parameters
    ----------
    values
        Shape (n,), finite.
    cycle
        Known period of the rows, 1 for none: at most one row per period is independent.
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
    position = np.linspace(-1.0, 1.0, n)
    bend = rows - np.polynomial.legendre.legval(
        position, np.polynomial.legendre.legfit(position, rows, 2)
    )
    total = np.maximum(bend @ bend / (n - 2), least)
    common = (before + after) / (n - 4)
    left = (before + PRIOR * common) / (k - 2 + PRIOR)
    right = (after + PRIOR * common) / (n - k - 2 + PRIOR)
    common, left, right = (np.maximum(v, least) for v in (common, left, right))
    lines = (n - 2) * np.log(total / common)
    spreads = (n - 2) * np.log(common) - (k - 2) * np.log(left) - (n - k - 2) * np.log(right)
    best = int(np.argmax(lines + spreads))
    row = int(k[best])
    noise = np.concatenate([_residuals(rows[:row]), _residuals(rows[row:])])
    power = float((noise**2).mean())
    if not power > 0:
        return float((lines[best] + spreads[best]) / HEIGHT), row
    tails = max(1.0, (float((noise**4).mean()) / power**2 - 1) / 2)
    # Residuals of two lines are less correlated than the noise, by about 4 / n.
    correlation = float(noise[1:] @ noise[:-1]) / (n * power) + 4 / n
    correlation = min(max(correlation, 0.0), LONGEST)
    own, known = dominant_period(noise)
    independent = min((1 - correlation) / (1 + correlation), 1 / cycle, 1 / own if known else 1.0)
    ratio = (lines[best] + spreads[best] / tails) * independent
    return float(ratio / HEIGHT), row


def without_outliers(values: Floats) -> Floats:
    """Return the rows, outliers replaced by the median of the five rows around them."""
    around = np.lib.stride_tricks.sliding_window_view(np.pad(values, 2, mode="reflect"), 5)
    middle = np.median(around, axis=1)
    distance = np.abs(values - middle)
    quartile = np.sort(distance)[int(0.75 * len(distance))]
    return np.where(distance > OUTLYING * max(quartile, 1e-12), middle, values)


def _about_lines(rows: Floats) -> Floats:
    """Return the sum of squares of the first k rows about their fitted line, for each k >= 1."""
    k = np.arange(1.0, len(rows) + 1)
    time = k - 1
    sums = np.cumsum(rows)
    slopes = np.cumsum(time * rows) - time / 2 * sums
    spread = np.maximum(k * (k * k - 1) / 12, 1e-9)
    about = np.cumsum(rows * rows) - sums * sums / k - np.where(k > 1, slopes**2 / spread, 0.0)
    least: Floats = np.maximum(about, 0.0)
    return least


def _residuals(rows: Floats) -> Floats:
    """Return the residuals of the fitted line, in units of their own spread."""
    time = np.arange(len(rows)) - (len(rows) - 1) / 2
    about = rows - rows.mean()
    about -= time * (time @ about) / (time @ time)
    scaled: Floats = about / np.sqrt(max(float((about**2).mean()), ROUNDING))
    return scaled
