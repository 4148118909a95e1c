"""Rolling root mean square error."""

import numpy as np

from streamlyt.core import Floats

__all__ = ["rolling_error"]


def rolling_error(error: Floats, memory: int, *, before: bool = False) -> Floats:
    """Return the root mean square over the last ``memory`` errors, including the current one.

    With ``before``, the current one is excluded. NaN where all of them are unknown.

    Examples
    --------
    >>> rolling_error(np.array([3.0, np.nan, 3.0, 1.0, 1.0]), 2).round(3).tolist()
    [3.0, 3.0, 3.0, 2.236, 1.0]
    >>> rolling_error(np.array([3.0, 1.0]), 2, before=True).tolist()
    [nan, 3.0]
    """
    known = np.isfinite(error)
    squares = np.concatenate([[0.0], np.cumsum(np.where(known, error, 0.0) ** 2)])
    counts = np.concatenate([[0], np.cumsum(known)])
    stop = np.arange(len(error)) + (0 if before else 1)
    start = np.maximum(stop - memory, 0)
    n_known = counts[stop] - counts[start]
    total = np.maximum(squares[stop] - squares[start], 0.0)
    mean = np.divide(total, n_known, out=np.full(len(error), np.nan), where=n_known > 0)
    return np.asarray(np.sqrt(mean), dtype=np.float64)
