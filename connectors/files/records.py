"""Divide text into complete records: lines, where a quoted cell of CSV may contain line ends."""

import re
from collections.abc import Iterator

import numpy as np

from streamlyt.core import Array

__all__ = ["complete_length", "first_length", "line_of_record", "open_quote"]

_LF, _CR, _QUOTE = b'\n\r"'
_INNER = re.compile(rb'[^"]*(?:""[^"]*)*')  # what is between the quotes of a cell


def complete_length(text: bytes | bytearray, delimiter: bytes, stop: int | None = None) -> int:
    r"""Return the length of all complete records at the start of a text.

    Parameters
    ----------
    text
        It starts at the start of a record.
    delimiter
        Delimiter of the cells; empty where a record is a line, whatever it contains.
    stop
        Where the text ends; None for its end.

    Examples
    --------
    >>> complete_length(b'1,"one"\n2,"two\nlines', b",")
    8
    """
    stop = len(text) if stop is None else stop
    starts, ends = _quoted_cells(text, delimiter, stop)
    while True:
        at = text.rfind(b"\n", 0, stop)
        if delimiter:  # a line may also end in a carriage return only
            at = max(at, text.rfind(b"\r", at + 1, stop))
        cell = int(np.searchsorted(starts, at)) - 1
        if cell < 0 or at > ends[cell]:
            return at + 1
        stop = int(starts[cell])


def first_length(text: bytes, delimiter: bytes) -> int:
    r"""Return the length of the first record with its line end; 0 if it is not complete.

    Blank lines before it belong to it.

    Examples
    --------
    >>> first_length(b"\nx,y\n1,2\n", b",")
    5
    """
    for _, stop in _records(text, delimiter):
        return stop
    return 0


def line_of_record(text: bytes, delimiter: bytes, number: int) -> int:
    r"""Return the line, from 1 on, at which a record starts; records count from 1, too.

    Examples
    --------
    >>> line_of_record(b'"one\ntwo"\n\nthree\n', b",", 2)
    4
    """
    for found, (start, _) in enumerate(_records(text + b"\n", delimiter), start=1):
        if found == number:
            return text.count(b"\n", 0, start) + 1
    return text.count(b"\n") + 1


def open_quote(text: bytes | bytearray, delimiter: bytes, stop: int | None = None) -> int | None:
    r"""Return where the quote opens that the text does not close; None if there is none.

    Examples
    --------
    >>> open_quote(b'1,"a"\n2,"b', b",")
    8
    """
    stop = len(text) if stop is None else stop
    starts, ends = _quoted_cells(text, delimiter, stop)
    return int(starts[-1]) if starts.size and ends[-1] == stop else None


def _records(text: bytes, delimiter: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of each complete record; blank lines are no records."""
    starts, ends = _quoted_cells(text, delimiter)
    data = np.frombuffer(text, np.uint8)
    line_ends = np.flatnonzero((data == _LF) | (data == _CR) if delimiter else data == _LF)
    cells = np.searchsorted(starts, line_ends) - 1
    inside = (cells >= 0) & (line_ends <= np.append(ends, -1)[cells])
    start = 0
    for at in line_ends[~inside].tolist():
        if at > start if delimiter else text[start:at].strip():
            yield start, at + 1
        start = at + 1


def _quoted_cells(
    text: bytes | bytearray, delimiter: bytes, stop: int | None = None
) -> tuple[Array, Array]:
    """Return where quoted cells open and close; a cell that is not closed ends with the text.

    As Arrow does, a quote opens a cell only at its start, and two quotes within it are one.
    """
    none = np.empty(0, np.intp)
    stop = len(text) if stop is None else stop
    if not delimiter or text.find(b'"', 0, stop) < 0:
        return none, none
    data = np.frombuffer(text, np.uint8, stop)
    quotes = np.flatnonzero(data == _QUOTE)
    starts, ends = quotes[::2], quotes[1::2]
    if starts.size > ends.size:
        ends = np.append(ends, stop)
    before = data[starts - 1]
    if starts[0] == 0:
        before[0] = _LF
    # Every second quote opens a cell, or follows the one before: two quotes within a cell.
    at_start = (before == ord(delimiter)) | (before == _LF) | (before == _CR)
    if (at_start | (before == _QUOTE)).all():
        return starts, ends
    return _quoted_cells_one_by_one(bytes(text[:stop]), delimiter)


def _quoted_cells_one_by_one(text: bytes, delimiter: bytes) -> tuple[Array, Array]:
    starts, ends = [], []
    openers = (delimiter, b"\n", b"\r", b"")
    at = text.find(b'"')
    while at >= 0:
        stop = at + 1
        if text[max(at - 1, 0) : at] in openers:
            close = _closing_quote(text, at)
            starts.append(at)
            ends.append(close)
            stop = close + 1
        at = text.find(b'"', stop)
    return np.array(starts, np.intp), np.array(ends, np.intp)


def _closing_quote(text: bytes, start: int) -> int:
    """Return where a quoted cell closes: its quote, or the end of the text."""
    inner = _INNER.match(text, start + 1)
    return len(text) if inner is None else inner.end()
