"""JSON: an object a row, or an array; one row a message, or a list of them."""

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
        Names of the fields that are the channels, in order; each must be there.
    time, key
        Names of the fields with the time and the name of the series.
    time_unit
        What numbers in the field of the time count.
    fields
        Rows are arrays of these fields, in this order, in place of objects: ``[1.5, null]``.

    Raises
    ------
    ParameterError
        If names are missing or stand twice.

    Notes
    -----
    Fields that are not named are passed over. Text and ``true`` are no numbers. Where an object
    names a field twice, the last one counts, as in every JSON reader.

    Examples
    --------
    >>> codec = JsonCodec(["x", "y"], time="at", time_unit="s")
    >>> rows = codec.decode(b'{"at": 1.5, "y": null, "x": 2}')
    >>> rows.values, rows.times
    (array([[ 2., nan]]), array([1500000000]))
    >>> JsonCodec(["x", "y"], fields=["x", "y"]).decode(b"[[1, 2], [3, 4]]").values.tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """

    def __init__(
        self,
        columns: Sequence[str],
        time: str | None = None,
        key: str | None = None,
        time_unit: str = "ms",
        fields: Sequence[str] | None = None,
    ) -> None:
        super().__init__(columns, time, key, time_unit, fields, msgspec.json)

    def encode(self, rows: MessageRows) -> bytes:
        """Return rows as one message: one object where there is one row, else a list."""
        if np.isinf(rows.values).any():
            raise DataError("JSON has no word for infinity: leave the row out, or use MessagePack")
        return self._encoded(self._untabled(rows))
