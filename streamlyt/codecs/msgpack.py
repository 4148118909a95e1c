"""MessagePack: a map a row, or an array; one row a message, or a list of them."""

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
        Names of the fields that are the channels, in order; each must be there.
    time, key
        Names of the fields with the time and the name of the series.
    time_unit
        What numbers in the field of the time count.
    fields
        Rows are arrays of these fields, in this order, in place of maps.

    Raises
    ------
    ParameterError
        If names are missing or stand twice.

    Examples
    --------
    >>> codec = MsgpackCodec(["x", "y"])
    >>> codec.decode(bytes.fromhex("82a178cb3ff8000000000000a179c0")).values
    array([[1.5, nan]])
    """

    def __init__(
        self,
        columns: Sequence[str],
        time: str | None = None,
        key: str | None = None,
        time_unit: str = "ms",
        fields: Sequence[str] | None = None,
    ) -> None:
        super().__init__(columns, time, key, time_unit, fields, msgspec.msgpack)

    def encode(self, rows: MessageRows) -> bytes:
        """Return rows as one message: one map where there is one row, else a list."""
        return self._encoded(self._untabled(rows))
