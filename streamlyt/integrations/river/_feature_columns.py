"""Dictionaries by feature name as rows: a name keeps its column for good."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from streamlyt.core import Floats
from streamlyt.core.errors import DataError, ParameterError

from ._values import to_float

__all__ = ["check_most", "register_names", "to_row"]

_PLAIN = frozenset((float, int, bool))


def check_most(name: str, value: object) -> None:
    """Raise where a parameter is no integer of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ParameterError(f"{name} must be an integer of at least 1, got {value!r}")


def register_names(
    columns: Mapping[Hashable, int], names: Sequence[Any], most: int
) -> dict[Hashable, int]:
    """Return the columns by name with those of new names behind, these in sorted order.

    Raises
    ------
    DataError
        If there are more names than ``most``.
    """
    new = [name for name in names if name not in columns]
    if len(columns) + len(new) > most:
        raise DataError(
            f"there must be at most {most!r} different names in all, got "
            f"{len(columns) + len(new)}, the last ones {sorted(map(str, new))[:3]!r}; "
            "raise max_features, or hash the names first (river's FeatureHasher)"
        )
    new.sort(key=lambda name: (type(name).__name__, str(name)))
    return {**columns, **{name: len(columns) + i for i, name in enumerate(new)}}


def to_row(x: Mapping[Any, Any], columns: Mapping[Hashable, int]) -> Floats:
    """Return one row, shape (1, d); a name that is absent, None or NaN is a hole."""
    if columns and columns.keys() == x.keys():
        given = [x[name] for name in columns]
        # Nearly all rows are numbers throughout, and are told by three calls.
        if _PLAIN.issuperset(map(type, given)) and math.isfinite(sum(given)):
            return np.array([given], dtype=np.float64)
    row = np.full((1, max(1, len(columns))), math.nan)
    for name, value in x.items():
        at = columns.get(name)
        if at is not None and value is not None and value == value:
            row[0, at] = to_float(name, value)
    return row
