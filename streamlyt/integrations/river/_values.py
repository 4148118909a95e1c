"""Convert values of river's dictionaries to numbers."""

import math

from streamlyt.core.errors import DataError

__all__ = ["to_float"]


def to_float(name: object, value: object) -> float:
    """Return a value as a finite number, or raise with its name."""
    try:
        number = float(value)  # type: ignore[arg-type] # raises for other types
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or isinstance(value, str):
        raise DataError(
            f"values must be finite numbers, got {value!r} for {name!r}; "
            "encode, fill or drop it first"
        )
    return number
