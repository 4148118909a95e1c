"""CSV: one line per row, without a header; a message has one or more lines."""

import csv
import io
import math
import re
from collections.abc import Sequence

from streamlyt.core.errors import DecodeError, ParameterError

from ._base import MOST_ROWS, MessageRows, Record, RecordCodec

__all__ = ["CsvCodec"]

# Other input that float() accepts ("1_000", digits of other scripts) is no number in a CSV file.
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)
_MISSING = ("", "nan", "null")
_INFINITE = ("inf", "+inf", "-inf")
_WHOLE = re.compile(r"[+-]?\d{1,40}", re.ASCII)


class CsvCodec(RecordCodec):
    """Rows as lines of comma-separated values.

    Parameters
    ----------
    columns
        Names of the fields that are the channels, in order.
    time_column, key_column
        Names of the fields with the time and the key of the series.
    time_unit
        Unit of numbers in the time field.
    fields
        Names of all fields in the order of the line. None: the time and the key if named, then
        the columns.
    delimiter
        Separator of fields.

    Raises
    ------
    ParameterError
        If names are missing or repeated, or the delimiter is invalid.

    Notes
    -----
    An empty field, ``nan`` and ``null`` are missing values. Text may be in double quotes.

    Examples
    --------
    >>> CsvCodec(["x", "y"]).decode(b"1.5,").values
    array([[1.5, nan]])
    """

    def __init__(
        self,
        columns: Sequence[str],
        time_column: str | None = None,
        key_column: str | None = None,
        time_unit: str = "ms",
        fields: Sequence[str] | None = None,
        delimiter: str = ",",
    ) -> None:
        super().__init__(columns, time_column, key_column, time_unit)
        self.fields = None if fields is None else tuple(fields)
        self.delimiter = delimiter
        if len(delimiter) != 1 or delimiter in '"\r\n+-.' or delimiter.isalnum():
            raise ParameterError(
                f"delimiter must be one character that no number has, got {delimiter!r}"
            )
        leading = [name for name in (time_column, key_column) if name is not None]
        order = [*leading, *self.columns] if fields is None else list(fields)
        if not set(self._named) <= set(order) or len(set(order)) != len(order):
            raise ParameterError(
                f"fields must name every field once, {self._named!r} among them, got {order!r}"
            )
        self._order = order
        self._plain = b"0123456789+-.eE\r\n" + delimiter.encode()
        self._indices = [order.index(name) for name in self.columns]
        self._time_index = -1 if time_column is None else order.index(time_column)
        self._key_index = -1 if key_column is None else order.index(key_column)

    def _records(self, message: bytes) -> list[Record]:
        try:
            text = message.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DecodeError(f"text must be UTF-8: {error}") from error
        if '"' in text:
            try:
                lines = list(csv.reader(io.StringIO(text), delimiter=self.delimiter, strict=True))
            except csv.Error as error:
                raise DecodeError(f"text must be CSV: {error}") from error
        else:
            # Line ends only: splitlines() splits at nine other characters too.
            normalized = text.replace("\r\n", "\n").removesuffix("\n")
            lines = [line.split(self.delimiter) for line in normalized.split("\n")]
        if len(lines) > MOST_ROWS:
            raise DecodeError(f"a message must hold at most {MOST_ROWS} rows, got {len(lines)}")
        plain = not message.translate(None, self._plain)
        return [self._record(line, plain) for line in lines]

    def encode(self, rows: MessageRows) -> bytes:
        """Return rows as lines: exact numbers, empty fields for missing values."""
        output = io.StringIO()
        writer = csv.writer(output, delimiter=self.delimiter, lineterminator="\n")
        for record in self._to_records(rows):
            named = dict(zip(self._named, record, strict=True))
            cells = (named.get(name) for name in self._order)
            writer.writerow(["" if cell is None else cell for cell in cells])
        return output.getvalue().removesuffix("\n").encode()

    def _record(self, cells: Sequence[str], plain: bool) -> Record:
        if len(cells) != len(self._order):
            raise DecodeError(f"a line must have {len(self._order)} fields, got {len(cells)}")
        record: list[object]
        try:
            # From these characters float() accepts nothing but numbers.
            record = [float(cells[i]) for i in self._indices] if plain else [math.inf]
        except ValueError:
            record = [math.inf]
        if math.inf in record or -math.inf in record:
            record = [self._number(cells[i], i) for i in self._indices]
        if self.time_column is not None:
            text = cells[self._time_index].strip()
            number = _WHOLE.fullmatch(text)
            if number:
                record.append(int(text))
            else:
                record.append(float(text) if _NUMBER.fullmatch(text) else text)
        if self.key_column is not None:
            record.append(cells[self._key_index])
        return tuple(record)

    def _number(self, cell: str, index: int) -> float | None:
        if _NUMBER.fullmatch(cell):
            value = float(cell)
            if math.isinf(value):
                raise DecodeError(f"field {self._order[index]!r} is out of range: {cell[:40]!r}")
            return value
        text = cell.strip().lower()
        if text in _MISSING:
            return None
        if text in _INFINITE:
            return float(text)
        raise DecodeError(f"field {self._order[index]!r} must be a number, got {cell[:40]!r}")
