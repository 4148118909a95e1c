"""Describe in one line where two sets of arrays differ in their bits."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["difference"]


def difference(actual: Any, expected: Any, name: str = "array") -> str:
    """Say how two arrays differ in their bits, or nothing where they do not.

    Minus zero is not zero here, and NaN is NaN where its sign and its payload are the same.

    Parameters
    ----------
    actual, expected
        Arrays or numbers of any shape; or sequences, mappings or batches of them, compared one by
        one. Whatever else is in them must be equal.
    name
        What to call them.

    Returns
    -------
    str
        The type or the shape that differs; or the first place, how many places, and by how much.

    Examples
    --------
    >>> difference(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.5, 4.0]))
    'array: 2 of 3 values differ, first at (1,): 2.0, not 2.5; by at most 1.0'
    >>> difference({"a": 0.0}, {"a": -0.0})
    "array['a']: 1 of 1 values differ, first at (): 0.0, not -0.0; by at most 0.0"
    >>> difference([np.arange(3)], [np.arange(3)])
    ''
    """
    if all(hasattr(each, "schema") and hasattr(each, "times") for each in (actual, expected)):
        return (
            difference(actual.schema, expected.schema, f"{name}.schema")
            or difference(actual.key, expected.key, f"{name}.key")
            or difference(actual.times, expected.times, f"{name}.times")
            or difference(actual.values, expected.values, f"{name}.values")
        )
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if actual.keys() != expected.keys():
            return f"{name} has the keys {list(actual)!r}, not {list(expected)!r}"
        return _first((actual[key], expected[key], f"{name}[{key!r}]") for key in expected)
    if _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            return f"{name} has {len(actual)} parts, not {len(expected)}"
        pairs = zip(actual, expected, strict=True)
        return _first((a, b, f"{name}[{i}]") for i, (a, b) in enumerate(pairs))
    if _is_numeric(actual) and _is_numeric(expected):
        return _places(np.asarray(actual), np.asarray(expected), name)
    return "" if actual == expected else f"{name} is {actual!r}, not {expected!r}"


def _first(pairs: Any) -> str:
    return next((told for pair in pairs if (told := difference(*pair))), "")


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _is_numeric(value: object) -> bool:
    return isinstance(value, np.ndarray | np.generic | int | float | complex)


def _places(actual: NDArray[Any], expected: NDArray[Any], name: str) -> str:
    if actual.dtype != expected.dtype:
        return f"{name} has the type {actual.dtype}, not {expected.dtype}"
    if actual.shape != expected.shape:
        return f"{name} has the shape {actual.shape!r}, not {expected.shape!r}"
    if actual.dtype.hasobject:
        other = np.asarray(actual != expected)
    else:
        other = _octets(actual) != _octets(expected)
        other = other.any(axis=1).reshape(actual.shape)
    if not other.any():
        return ""
    place = tuple(int(i) for i in np.argwhere(other)[0])
    one, two = actual[place], expected[place]
    shown = f"{_plain(one)!r}, not {_plain(two)!r}"
    if one != one and two != two:
        shown = f"NaN of bits {one.tobytes()[::-1].hex()}, not {two.tobytes()[::-1].hex()}"
    told = f"{name}: {int(other.sum())} of {actual.size} values differ, first at {place!r}: {shown}"
    if actual.dtype.kind not in "biufc":
        return told
    wide = np.complex128 if actual.dtype.kind == "c" else np.float64
    left, right = actual[other].astype(wide), expected[other].astype(wide)
    known = np.isfinite(left) & np.isfinite(right)
    if not known.any():
        return told
    return f"{told}; by at most {float(np.abs(left[known] - right[known]).max())!r}"


def _octets(array: NDArray[Any]) -> NDArray[np.uint8]:
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(np.uint8).reshape(flat.size, -1 if flat.size else array.dtype.itemsize or 1)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
