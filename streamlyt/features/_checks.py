"""What a parameter of a map may be."""

import math
import operator

import numpy as np

from streamlyt.errors import ParameterError

__all__ = ["check_choice", "check_even", "check_integer", "check_number"]


def check_integer(name: str, value: object, least: int) -> None:
    """Raise a ParameterError unless value is an integer from ``least`` to 2**63 - 1."""
    try:
        number = operator.index(value)  # type: ignore[arg-type] # what is no integer raises
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or not least <= number < 1 << 63:
        raise ParameterError(f"{name} must be an integer of at least {least}, got {value!r}")


def check_number(name: str, value: object, *, positive: bool) -> None:
    """Raise a ParameterError unless value is finite and positive (or zero, where it may be)."""
    good = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not (good and math.isfinite(value) and (value > 0 or (value == 0 and not positive))):  # type: ignore[arg-type, operator] # good says it is a number
        raise ParameterError(
            f"{name} must be a finite number {'above' if positive else 'of at least'} 0, "
            f"got {value!r}"
        )


def check_even(n_components: int) -> None:
    """Raise a ParameterError unless every cosine has its sine."""
    if n_components % 2:
        raise ParameterError(
            "n_components must be even (a cosine and a sine each), "
            f"got {n_components!r}; take {n_components + 1}"
        )


def check_choice(name: str, value: object, known: tuple[str, ...]) -> None:
    """Raise a ParameterError unless value is one of those known."""
    if value not in known:
        listed = ", ".join(map(repr, known))
        raise ParameterError(f"{name} must be one of {listed}, got {value!r}")
