"""Describe in one line where two sets of arrays differ in their bits."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["difference"]


def difference(actual: Any, expected: Any, name: str = "array") -> str:
    """Describe how two arrays differ in their bits; empty if they do not.

    Minus zero differs from zero. NaNs are equal if their sign and payload are.

    Parameters
    ----------
    actual, expected
        Arrays or numbers of any shape; or sequences, mappings or batches of them, compared one by
        one. Other values in them must be equal.
    name
        Name of the arrays in the description.

    Returns
    -------
    str
        The type or shape that differs; or the first position, the count and the largest difference.

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
        return _describe(np.asarray(actual), np.asarray(expected), name)
    return "" if actual == expected else f"{name} is {actual!r}, not {expected!r}"


def _first(pairs: Any) -> str:
    return next((text for pair in pairs if (text := difference(*pair))), "")


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _is_numeric(value: object) -> bool:
    return isinstance(value, np.ndarray | np.generic | int | float | complex)


def _describe(actual: NDArray[Any], expected: NDArray[Any], name: str) -> str:
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
    position = tuple(int(i) for i in np.argwhere(other)[0])
    one, two = actual[position], expected[position]
    shown = f"{_plain(one)!r}, not {_plain(two)!r}"
    if one != one and two != two:
        shown = f"NaN of bits {one.tobytes()[::-1].hex()}, not {two.tobytes()[::-1].hex()}"
    count = f"{int(other.sum())} of {actual.size} values"
    text = f"{name}: {count} differ, first at {position!r}: {shown}"
    if actual.dtype.kind not in "biufc":
        return text
    wide = np.complex128 if actual.dtype.kind == "c" else np.float64
    left, right = actual[other].astype(wide), expected[other].astype(wide)
    known = np.isfinite(left) & np.isfinite(right)
    if not known.any():
        return text
    return f"{text}; by at most {float(np.abs(left[known] - right[known]).max())!r}"


def _octets(array: NDArray[Any]) -> NDArray[np.uint8]:
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(np.uint8).reshape(flat.size, -1 if flat.size else array.dtype.itemsize or 1)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
