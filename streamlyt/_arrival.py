"""Rows that come in any order, as batches within which time does not go back."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from streamlyt.base import Batch, Floats, Schema

__all__ = ["as_they_came"]


def as_they_came(
    key: str, times: NDArray[np.int64], values: Floats, schema: Schema
) -> Iterator[Batch]:
    """Yield the rows in the order in which they came; where time goes back, a batch begins."""
    goes_back = times[1:] < times[:-1]
    if len(times) and not goes_back.any():
        yield Batch(key, times, values, schema)
        return
    back = (np.flatnonzero(goes_back) + 1).tolist()
    for start, end in zip([0, *back], [*back, len(times)], strict=True):
        if end > start:
            yield Batch(key, times[start:end], values[start:end], schema)
