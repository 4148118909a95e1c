"""JSON: a row is an object or an array; a message is one row or a list of rows."""

from collections.abc import Sequence

import msgspec.json
import numpy as np

from streamlyt.core.errors import DataError

from ._base import MessageRows
from ._msgspec_codec import StructCodec

__all__ = ["JsonCodec"]


class JsonCodec(StructCodec):
    """Rows as JSON: ``{"x": 1.5, "y": null}``, or a list of such objects.

    Parameters
    ----------
    columns
        Names of the fields that are the channels, in order; all are required.
    time_column, key_column
        Names of the fields with the time and the key of the series.
    time_unit
        Unit of numbers in the time field.
    fields
        Rows are arrays of these fields, in this order, instead of objects: ``[1.5, null]``.

    Raises
    ------
    ParameterError
        If names are missing or repeated.

    Notes
    -----
    Other fields are ignored. Text and ``true`` are not accepted as numbers. If an object repeats a
    field, the last value counts, as in every JSON reader.

    Examples
    --------
    >>> codec = JsonCodec(["x", "y"], time_column="at", time_unit="s")
    >>> rows = codec.decode(b'{"at": 1.5, "y": null, "x": 2}')
    >>> rows.values, rows.times
    (array([[ 2., nan]]), array([1500000000]))
    >>> JsonCodec(["x", "y"], fields=["x", "y"]).decode(b"[[1, 2], [3, 4]]").values.tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """

    def __init__(
        self,
        columns: Sequence[str],
        time_column: str | None = None,
        key_column: str | None = None,
        time_unit: str = "ms",
        fields: Sequence[str] | None = None,
    ) -> None:
        super().__init__(columns, time_column, key_column, time_unit, fields, msgspec.json)

    def encode(self, rows: MessageRows) -> bytes:
        """Return rows as one message: an object for one row, else a list."""
        if np.isinf(rows.values).any():
            raise DataError("JSON cannot represent infinity; drop the row, or use MessagePack")
        return self._encode_records(self._to_records(rows))
