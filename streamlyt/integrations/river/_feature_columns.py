"""Convert feature dictionaries to rows; each name keeps its column."""

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
    """Raise if a parameter is no integer of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ParameterError(f"{name} must be an integer of at least 1, got {value!r}")


def register_names(
    columns: Mapping[Hashable, int], names: Sequence[Any], most: int
) -> dict[Hashable, int]:
    """Return the columns by name, new names appended in sorted order.

    Raises
    ------
    DataError
        If there are more names than ``most``.
    """
    new = [name for name in names if name not in columns]
    if len(columns) + len(new) > most:
        raise DataError(
            f"rows must have at most {most!r} different names in total, got "
            f"{len(columns) + len(new)}, the last ones {sorted(map(str, new))[:3]!r}; "
            "increase max_features, or hash the names first (river's FeatureHasher)"
        )
    new.sort(key=lambda name: (type(name).__name__, str(name)))
    return {**columns, **{name: len(columns) + i for i, name in enumerate(new)}}


def to_row(x: Mapping[Any, Any], columns: Mapping[Hashable, int]) -> Floats:
    """Return one row, shape (1, d); an absent, None or NaN value is missing."""
    if columns and columns.keys() == x.keys():
        values = [x[name] for name in columns]
        # Fast path: nearly all rows have only finite numbers.
        if _PLAIN.issuperset(map(type, values)) and math.isfinite(sum(values)):
            return np.array([values], dtype=np.float64)
    row = np.full((1, max(1, len(columns))), math.nan)
    for name, value in x.items():
        column = columns.get(name)
        if column is not None and value is not None and value == value:
            row[0, column] = to_float(name, value)
    return row
