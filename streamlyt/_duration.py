"""Spans of time as text (``"5s"``) or as a number in the unit of the rows."""

import re

from streamlyt.errors import ParameterError

__all__ = ["check_duration", "duration"]

# Femtoseconds: the smallest of them, so that every unit is a whole number of it.
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
    """Hold a parameter to a span of time.

    Raises
    ------
    ParameterError
        If it is none, or a number below ``least``.
    """
    if isinstance(given, str):
        found = _TEXT.fullmatch(given)
        if found is None or found[2] not in _FS:
            raise ParameterError(
                f"{name} must be a whole number in the unit of the times, or like '5s', '250ms' "
                f"or '2min' (one of {', '.join(_FS)}), got {given!r}"
            )
        if least > 0 and float(found[1]) == 0:
            raise ParameterError(f"{name} must be longer than nothing, got {given!r}")
    elif isinstance(given, bool) or given < least:
        raise ParameterError(f"{name} must be at least {least!r}, got {given!r}")


def duration(name: str, given: int | str, unit: str) -> int:
    """Return a span in the unit of the times of a stream.

    Raises
    ------
    ParameterError
        If the stream counts steps and the span seconds, or the span is no whole number of units.

    Examples
    --------
    >>> duration("width", "1.5s", "ns"), duration("width", 40, "step")
    (1500000000, 40)
    """
    if not isinstance(given, str):
        return given
    if unit not in _FS:
        raise ParameterError(
            f"{name} must be a whole number where times count {unit!r}, got {given!r}"
        )
    found = _TEXT.fullmatch(given)
    if found is None:
        raise ParameterError(f"{name} must be like '5s', got {given!r}")
    whole, _, part = found[1].partition(".")
    parts: int = 10 ** len(part)
    span, rest = divmod(int(whole + part) * _FS[found[2]], _FS[unit] * parts)
    if rest:
        raise ParameterError(
            f"{name} must be a whole number of {unit!r}, the unit of the times, got {given!r}"
        )
    return span
