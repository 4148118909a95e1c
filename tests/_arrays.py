"""Comparisons of arrays whose failures state the position, the count and the size."""

import numpy as np

from streamlyt.core.numerics.array_difference import difference


def assert_same_bits(actual, expected):
    """Assert that arrays, or sequences, mappings and batches of them, have equal types and bits."""
    __tracebackhide__ = True
    text = difference(actual, expected, "actual")
    if text:
        raise AssertionError(text)


def assert_all(holds, array):
    """Assert a condition, such as ``np.isfinite``, for every value of an array."""
    __tracebackhide__ = True
    array = np.asarray(array)
    failed = ~holds(array)
    if failed.any():
        position = tuple(int(i) for i in np.argwhere(failed)[0])
        raise AssertionError(
            f"{getattr(holds, '__name__', 'the condition')} fails in {int(failed.sum())} of "
            f"{array.size} values, first at {position!r}: {array[position]!r}"
        )
