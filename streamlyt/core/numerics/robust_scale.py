"""Location and scale of channels by median and interquartile range."""

import numpy as np

from .arrays import Floats

__all__ = ["robust_scale"]

NORMAL = 1.349  # interquartile range of a normal distribution, in standard deviations

STILL = 1e-12  # of a channel's magnitude: a smaller spread is rounding, the channel is constant

SMALLEST = 1e-290  # smaller magnitudes count as zero

LARGEST = 1e100  # a value whose square is finite


def robust_scale(rows: Floats) -> tuple[Floats, Floats]:
    """Return the median (d,) of each channel of rows (n, d), and its spread (d,).

    The spread is the interquartile range over 1.349, which is the standard deviation of normal
    rows and robust to outliers. If more than half of the values are equal, it is the standard
    deviation; if the channel is constant, 0.

    Examples
    --------
    >>> robust_scale(np.array([[1.0, 7.0], [2.0, 7.0], [3.0, 7.0], [4.0, 7.0], [99.0, 7.0]]))
    (array([3., 7.]), array([1.48257969, 0.        ]))
    """
    # In units of the upper quartile no difference overflows, and no outlier hides the other values.
    sizes = np.abs(rows)
    largest = np.maximum(sizes.max(axis=0), SMALLEST)
    usual = np.quantile(sizes, 0.75, axis=0)
    usual = np.where(usual > SMALLEST, usual, largest)
    with np.errstate(over="ignore"):
        units = np.clip(rows / usual, -LARGEST, LARGEST)
    low, middle, high = np.quantile(units, [0.25, 0.5, 0.75], axis=0)
    moving = high - low > STILL
    spread = np.where(moving, (high - low) / NORMAL * usual, (rows / largest).std(axis=0) * largest)
    return middle * usual, np.where(moving | (spread > STILL * largest), spread, 0.0)
