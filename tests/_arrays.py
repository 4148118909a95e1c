"""Comparisons of arrays whose failures say where, in how many places and by how much."""

import numpy as np

from streamlyt.core.numerics.array_difference import difference


def assert_same_bits(actual, expected):
    """Hold arrays, or sequences, mappings and batches of them, to the same types and bits."""
    __tracebackhide__ = True
    told = difference(actual, expected, "actual")
    if told:
        raise AssertionError(told)


def assert_all(holds, array):
    """Hold every value of an array to a condition, ``np.isfinite`` for one."""
    __tracebackhide__ = True
    array = np.asarray(array)
    failed = ~holds(array)
    if failed.any():
        place = tuple(int(i) for i in np.argwhere(failed)[0])
        raise AssertionError(
            f"{getattr(holds, '__name__', 'the condition')} fails in {int(failed.sum())} of "
            f"{array.size} values, first at {place!r}: {array[place]!r}"
        )
