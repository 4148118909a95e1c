"""Values of river's dictionaries as numbers."""

import math

from streamlyt.core.errors import DataError

__all__ = ["to_float"]


def to_float(name: object, value: object) -> float:
    """Return a finite number; the name of what is none is told."""
    try:
        found = float(value)  # type: ignore[arg-type] # what is no number raises
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found) or isinstance(value, str):
        raise DataError(
            f"values must be finite numbers, got {value!r} for {name!r}; "
            "encode, fill or drop it before"
        )
    return found
