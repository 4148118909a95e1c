"""Checks of parameters and of rows."""

import math
import operator

import numpy as np

from .batch import Batch
from .errors import DataError, ParameterError, series_prefix

__all__ = [
    "check_choice",
    "check_even",
    "check_finite",
    "check_integer",
    "check_number",
    "check_width",
]


def check_width(batch: Batch, known: int | None) -> None:
    """Raise a DataError unless a batch has ``known`` channels; None before the first rows."""
    if known is not None and known != batch.schema.n_channels:
        raise DataError(
            f"{series_prefix(batch.key)}the number of channels must stay {known} as in the "
            f"first rows, got {batch.schema.n_channels}; start a new series for other channels"
        )


def check_finite(batch: Batch) -> None:
    """Raise a DataError at the first missing (NaN) or infinite value of a batch."""
    bad = ~np.isfinite(batch.values)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"{series_prefix(batch.key)}values must be finite, got {batch.values[row, column]} in "
            f"channel {batch.schema.channel_names[column]!r} at time {batch.times[row]} "
            f"{batch.schema.time_unit}; add the missing_values operator before "
            f"this one, or with detect give --missing drop"
        )


def check_integer(name: str, value: object, least: int) -> None:
    """Raise a ParameterError unless value is an integer from ``least`` to 2**63 - 1."""
    try:
        number = operator.index(value)  # type: ignore[arg-type] # raises TypeError
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or not least <= number < 1 << 63:
        raise ParameterError(f"{name} must be an integer of at least {least}, got {value!r}")


def check_number(name: str, value: object, *, positive: bool) -> None:
    """Raise a ParameterError unless value is finite and positive (or 0, if not ``positive``)."""
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(
        value, bool
    )
    if not (is_number and math.isfinite(value) and (value > 0 or (value == 0 and not positive))):  # type: ignore[arg-type, operator] # checked by is_number
        raise ParameterError(
            f"{name} must be a finite number {'above' if positive else 'of at least'} 0, "
            f"got {value!r}"
        )


def check_even(n_components: int) -> None:
    """Raise a ParameterError unless the number of components is even: cosines and sines."""
    if n_components % 2:
        raise ParameterError(
            "n_components must be even (a cosine and a sine each), "
            f"got {n_components!r}; take {n_components + 1}"
        )


def check_choice(name: str, value: object, known: tuple[str, ...]) -> None:
    """Raise a ParameterError unless value is one of ``known``."""
    if value not in known:
        listed = ", ".join(map(repr, known))
        raise ParameterError(f"{name} must be one of {listed}, got {value!r}")
