"""Durations and ISO 8601 times as integers."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DecodeError, ParameterError

__all__ = ["UNITS", "check_duration", "from_unit", "parse_duration", "parse_iso_time", "to_unit"]

# In femtoseconds, the smallest unit, so that every unit is an integer.
_FS = {
    "fs": 1,
    "ps": 10**3,
    "ns": 10**6,
    "us": 10**9,
    "ms": 10**12,
    "s": 10**15,
    "min": 60 * 10**15,
    "h": 3600 * 10**15,
    "d": 86400 * 10**15,
}


_TEXT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*")


def check_duration(name: str, given: int | str, least: int) -> None:
    """Check that a parameter is a duration.

    Raises
    ------
    ParameterError
        If it is no duration, or a number below ``least``.
    """
    if isinstance(given, str):
        match = _TEXT.fullmatch(given)
        if match is None or match[2] not in _FS:
            raise ParameterError(
                f"{name} must be a whole number in the unit of the times, or like '5s', '250ms' "
                f"or '2min' (one of {', '.join(_FS)}), got {given!r}"
            )
        if least > 0 and float(match[1]) == 0:
            raise ParameterError(f"{name} must be longer than nothing, got {given!r}")
    elif isinstance(given, bool) or given < least:
        raise ParameterError(f"{name} must be at least {least!r}, got {given!r}")


def parse_duration(name: str, given: int | str, unit: str) -> int:
    """Return a duration in the time unit of a stream.

    Raises
    ------
    ParameterError
        If the stream counts steps and the duration seconds, or it is no whole number of units.

    Examples
    --------
    >>> parse_duration("width", "1.5s", "ns"), parse_duration("width", 40, "step")
    (1500000000, 40)
    """
    if not isinstance(given, str):
        return given
    if unit not in _FS:
        raise ParameterError(
            f"{name} must be a whole number where times count {unit!r}, got {given!r}"
        )
    match = _TEXT.fullmatch(given)
    if match is None:
        raise ParameterError(f"{name} must be like '5s', got {given!r}")
    integer, _, decimals = match[1].partition(".")
    scale: int = 10 ** len(decimals)
    duration, remainder = divmod(int(integer + decimals) * _FS[match[2]], _FS[unit] * scale)
    if remainder:
        raise ParameterError(
            f"{name} must be a whole number of {unit!r}, the unit of the times, got {given!r}"
        )
    return duration


UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "step": 1}


_LARGEST = 2**63 - 1


# The common form of ISO 8601, with up to nine decimals: datetime would silently drop all after the
# sixth.
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def from_unit(given: Sequence[Any], unit: str, field: str) -> NDArray[np.int64]:
    """Return times as integers.

    Parameters
    ----------
    given
        Integers, floats or text.
    unit
        Unit of numbers, a key of :data:`UNITS`.
    field
        Name of the field, for the error.

    Raises
    ------
    DecodeError
        If one is not a time, or outside the range of 64 bits.
    """
    factor = UNITS[unit]
    kinds = set(map(type, given))
    if kinds <= {int}:
        if given and not -_LARGEST <= min(given) * factor <= max(given) * factor <= _LARGEST:
            raise DecodeError(f"time in {field!r} is out of range: {max(given)} {unit}")
        return np.array(given, dtype=np.int64) * factor
    return np.array([_time(value, unit, factor, field) for value in given], dtype=np.int64)


def parse_iso_time(text: str) -> int:
    """Return nanoseconds since 1970 of a time in ISO 8601; UTC unless it names a zone.

    Raises
    ------
    DecodeError
        If it is no such time.

    Examples
    --------
    >>> parse_iso_time("1970-01-01T00:00:01.5Z")
    1500000000
    """
    return _from_iso(text, "ns", "the text")


def to_unit(times: NDArray[np.int64], unit: str) -> list[int] | list[float]:
    """Return times as numbers in a unit: integers, unless that would lose decimals."""
    factor = UNITS[unit]
    quotient, remainder = np.divmod(times, factor)
    if remainder.any():
        fractions: list[float] = (times / factor).tolist()
        return fractions
    numbers: list[int] = quotient.tolist()
    return numbers


def _time(given: Any, unit: str, factor: int, field: str) -> int:
    time: int
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise DecodeError(f"time in {field!r} must be a number or text, got {given!r}")
    if isinstance(given, str):
        time = _from_iso(given, unit, field)
    elif isinstance(given, int):
        time = given * factor
    elif not np.isfinite(given) or (unit == "step" and given != int(given)):
        raise DecodeError(f"time in {field!r} must be a whole number of {unit}, got {given!r}")
    else:
        time = round(given * factor)
    if not -_LARGEST <= time <= _LARGEST:
        raise DecodeError(f"time in {field!r} is out of range: {given!r}")
    return time


def _from_iso(text: str, unit: str, field: str) -> int:
    parts = _ISO.fullmatch(text)
    if parts is None or unit == "step":
        expected = "a whole number" if unit == "step" else "ISO 8601 (2024-01-31T12:00:00Z)"
        raise DecodeError(f"time in {field!r} must be {expected}, got {text[:40]!r}")
    day, clock, fraction, zone = parts.groups()
    zone = "+00:00" if zone in (None, "Z") else zone
    try:
        parsed = datetime.fromisoformat(f"{day}T{clock or '00:00:00'}{zone}")
    except ValueError as error:
        raise DecodeError(
            f"time in {field!r} must be an existing day and time, got {text!r}"
        ) from error
    elapsed = parsed - _EPOCH
    seconds = elapsed.days * 86400 + elapsed.seconds
    return seconds * 10**9 + int((fraction or "0").ljust(9, "0"))
