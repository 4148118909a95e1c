"""Comparisons of arrays whose failures say where, in how many places and by how much."""

from streamlyt._bits import difference


def assert_same_bits(actual, expected):
    """Hold arrays, or sequences, mappings and batches of them, to the same types and bits."""
    __tracebackhide__ = True
    told = difference(actual, expected, "actual")
    if told:
        raise AssertionError(told)
