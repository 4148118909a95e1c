"""Arrow IPC: many rows per message, column by column; the fastest format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc

from streamlyt.core import Array
from streamlyt.core.errors import DataError, DecodeError, ParameterError
from streamlyt.core.times import UNITS

from ._base import MOST_ROWS, Codec, MessageRows

__all__ = ["ArrowCodec"]

_COMPRESSIONS: Mapping[str, Any] = {"none": None, "lz4": "lz4", "zstd": "zstd"}
_LARGEST = 2**63 - 1
_READ = ipc.IpcReadOptions(use_threads=False)


class ArrowCodec(Codec):
    """Rows as one Arrow IPC stream per message.

    Parameters
    ----------
    columns
        Names of the fields that are the channels, in order: columns of numbers.
    time_column, key_column
        Names of the fields with the time (integers or timestamps) and the key of the series
        (text).
    time_unit
        Unit of integers in the time field; timestamps have their own unit.
    compression
        Compression of encoded messages: ``"none"``, ``"lz4"`` or ``"zstd"``.

    Raises
    ------
    ParameterError
        If names are missing or repeated, or the compression is unknown.

    Notes
    -----
    The format has no checksum; in transit, the checksum of Kafka protects it.

    Examples
    --------
    >>> codec = ArrowCodec(["x"])
    >>> codec.decode(codec.encode(MessageRows(np.array([[1.0], [np.nan]])))).values.ravel()
    array([ 1., nan])
    """

    columnar = True

    def __init__(
        self,
        columns: Sequence[str],
        time_column: str | None = None,
        key_column: str | None = None,
        time_unit: str = "ns",
        compression: str = "none",
    ) -> None:
        super().__init__(columns, time_column, key_column, time_unit)
        self.compression = compression
        if compression not in _COMPRESSIONS:
            raise ParameterError(
                f"compression must be one of {list(_COMPRESSIONS)!r}, got {compression!r}"
            )
        self._options = ipc.IpcWriteOptions(
            compression=_COMPRESSIONS[compression], use_threads=False
        )
        self._layout: _Layout | None = None  # of the last message; usually unchanged

    def decode(self, message: bytes) -> MessageRows:
        """Return the rows of one message; raise a DecodeError if it is invalid."""
        try:
            with ipc.open_stream(pa.py_buffer(message), options=_READ) as reader:
                layout = self._layout_of(reader.schema)
                batches = []
                n = 0
                for batch in reader:
                    n += batch.num_rows
                    if n > MOST_ROWS:
                        raise DecodeError(f"a message must hold at most {MOST_ROWS} rows")
                    batch.validate(full=True)
                    batches.append(batch)
            return self._concatenate([self._rows(batch, layout) for batch in batches])
        except DecodeError:
            raise
        except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError, MemoryError) as e:
            raise DecodeError(f"no Arrow stream: {str(e) or type(e).__name__}") from e

    def encode(self, rows: MessageRows) -> bytes:
        """Return rows as one message, missing values as NaN."""
        if rows.values.shape[1] != len(self.columns):
            raise DataError(
                f"rows must have the columns {list(self.columns)!r}, got {rows.values.shape[1]}"
            )
        arrays: list[Any] = [pa.array(column) for column in np.ascontiguousarray(rows.values.T)]
        if self.time_column is not None:
            if rows.times is None:
                raise DataError("rows must have times, got none: they are a field of the message")
            step = self.time_unit == "step"
            arrays.append(pa.array(rows.times, pa.int64() if step else pa.timestamp("ns", "UTC")))
        if self.key_column is not None:
            if rows.keys is None:
                raise DataError("rows must have keys, got none: they are a field of the message")
            arrays.append(pa.array(rows.keys, pa.string()))
        batch = pa.RecordBatch.from_arrays(arrays, names=self._named)
        sink = pa.BufferOutputStream()
        with ipc.new_stream(sink, batch.schema, options=self._options) as writer:
            writer.write_batch(batch)
        return sink.getvalue().to_pybytes()

    def _layout_of(self, schema: Any) -> "_Layout":
        """Return the layout of a message; every named field must occur exactly once."""
        if self._layout is None or not self._layout.schema.equals(schema):
            indices = [_field_index(schema, name) for name in self._named]
            kinds = [schema.field(i).type for i in indices[: len(self.columns)]]
            for name, kind in zip(self.columns, kinds, strict=True):
                if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
                    raise DecodeError(f"field {name!r} must be numbers, got {kind}")
            self._layout = _Layout(schema, indices, all(map(pa.types.is_float64, kinds)))
        return self._layout

    def _rows(self, batch: Any, layout: "_Layout") -> MessageRows:
        d, indices = len(self.columns), layout.indices
        values: Array
        if layout.float64:
            # In one pass over all columns; nulls become NaN.
            tensor = batch.select(indices[:d]).to_tensor(null_to_nan=True, row_major=True)
            values = tensor.to_numpy()
        else:
            values = np.empty((batch.num_rows, d))
            for i, index in enumerate(indices[:d]):
                values[:, i] = batch.column(index).to_numpy(zero_copy_only=False)
        times = keys = None
        if self.time_column is not None:
            times = self._times(batch.column(indices[d]), self.time_column)
        if self.key_column is not None:
            column = batch.column(indices[-1])
            if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
                raise DecodeError(f"field {self.key_column!r} must be text, got {column.type}")
            keys = tuple(key or "" for key in column.to_pylist())
        return MessageRows(values, times, keys)

    def _times(self, column: Any, name: str) -> Array:
        if column.null_count:
            raise DecodeError(f"every row must have a time, got a null in {name!r}")
        if pa.types.is_timestamp(column.type) and self.time_unit != "step":
            unit = column.type.unit
            column = column.view(pa.int64())
        elif pa.types.is_integer(column.type):
            unit = self.time_unit
        else:
            raise DecodeError(f"time in {name!r} must be timestamps or whole, got {column.type}")
        times = column.to_numpy(zero_copy_only=False)
        factor = UNITS[unit]
        limit = _LARGEST // factor
        if times.size and (times.min() < -limit or times.max() > limit):
            raise DecodeError(f"time in {name!r} is out of range: {times.max()} {unit}")
        integers: Array = times.astype(np.int64)
        return integers if factor == 1 else integers * factor


@dataclass(frozen=True, slots=True)
class _Layout:
    """Indices of the named fields in a schema, and whether all columns are float64."""

    schema: Any
    indices: list[int]
    float64: bool


def _field_index(schema: Any, name: str) -> int:
    indices: list[int] = schema.get_all_field_indices(name)
    if len(indices) != 1:
        raise DecodeError(
            f"there must be one field {name!r}, got {len(indices)} among {schema.names[:20]!r}"
        )
    return indices[0]
