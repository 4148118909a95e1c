"""MessagePack: a row is a map or an array; a message is one row or a list of rows."""

from collections.abc import Sequence

import msgspec.msgpack

from ._base import MessageRows
from ._msgspec_codec import StructCodec

__all__ = ["MsgpackCodec"]


class MsgpackCodec(StructCodec):
    """Rows as MessagePack: a map of names to numbers, or a list of such maps.

    Parameters
    ----------
    columns
        Names of the fields that are the channels, in order; all are required.
    time_column, key_column
        Names of the fields with the time and the key of the series.
    time_unit
        Unit of numbers in the time field.
    fields
        Rows are arrays of these fields, in this order, instead of maps.

    Raises
    ------
    ParameterError
        If names are missing or repeated.

    Examples
    --------
    >>> codec = MsgpackCodec(["x", "y"])
    >>> codec.decode(bytes.fromhex("82a178cb3ff8000000000000a179c0")).values
    array([[1.5, nan]])
    """

    def __init__(
        self,
        columns: Sequence[str],
        time_column: str | None = None,
        key_column: str | None = None,
        time_unit: str = "ms",
        fields: Sequence[str] | None = None,
    ) -> None:
        super().__init__(columns, time_column, key_column, time_unit, fields, msgspec.msgpack)

    def encode(self, rows: MessageRows) -> bytes:
        """Return rows as one message: a map for one row, else a list."""
        return self._encode_records(self._to_records(rows))
