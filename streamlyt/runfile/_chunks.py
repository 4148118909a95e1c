"""Columns of the run file as Arrow IPC, in chunks that start at multiples of their size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc

from streamlyt.core import Array, Floats
from streamlyt.core.errors import FormatError

__all__ = ["Column", "Layout", "chunk_rows", "decode", "encode"]

Column = tuple[str, Array]
"""Name, and values (n,) or (n, block)."""

_BLOCK = 64  # channels per Arrow column in wide series: 3,000 columns cost more than their data
_LARGEST = 4096  # rows in a chunk: the last chunk is rewritten at each checkpoint
_SMALLEST = 16  # rows in a chunk: with fewer, the header is larger than the data


def chunk_rows(columns: int, chunk_bytes: int) -> int:
    """Return the number of rows in a chunk with ``columns`` columns: a power of two."""
    rows = max(1, chunk_bytes // (8 * max(1, columns)))
    return int(min(_LARGEST, max(_SMALLEST, 2 ** (rows.bit_length() - 1))))


@dataclass(frozen=True)
class Layout:
    """Assignment of channels to Arrow columns: single channels, or blocks of 64.

    Parameters
    ----------
    starts
        First channel of each column.
    names
        Names of the channels.
    """

    starts: tuple[int, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, names: Sequence[str], wide: Sequence[bool]) -> "Layout":
        """Return the layout: channels with ``wide`` set are grouped in blocks."""
        starts: list[int] = []
        for channel, is_wide in enumerate(wide):
            in_block = starts and wide[starts[-1]] and channel - starts[-1] < _BLOCK
            if not (is_wide and in_block):
                starts.append(channel)
        return cls(tuple(starts), tuple(names))

    def columns(self, table: Floats, of: str = "") -> list[Column]:
        """Split a table (n, d) into columns to write, (n, block) each."""
        ends = [*self.starts[1:], len(self.names)][: len(self.starts)]
        return [
            (
                self.names[a] + of
                if b - a == 1
                else f"{self.names[a]} ... {self.names[b - 1]}{of}",
                table[:, a:b],
            )
            for a, b in zip(self.starts, ends, strict=True)
        ]

    def positions(self, channels: Sequence[int]) -> tuple[list[int], list[tuple[int, int]]]:
        """Return the columns of some channels, and each channel's (column, position) in them."""
        blocks = [int(np.searchsorted(self.starts, c, side="right")) - 1 for c in channels]
        needed = sorted(set(blocks))
        positions = [
            (needed.index(block), channel - self.starts[block])
            for block, channel in zip(blocks, channels, strict=True)
        ]
        return needed, positions


def encode(columns: Sequence[Column]) -> bytes:
    """Encode named columns, (n,) or blocks of channels (n, block), as Arrow IPC."""
    arrays: list[pa.Array[Any]] = []
    for _, column in columns:
        flat = pa.array(np.ascontiguousarray(column).ravel())
        single = column.ndim == 1 or column.shape[1] == 1
        arrays.append(flat if single else pa.FixedSizeListArray.from_arrays(flat, column.shape[1]))
    batch = pa.RecordBatch.from_arrays(arrays, names=[name for name, _ in columns])
    sink = pa.BufferOutputStream()
    options = ipc.IpcWriteOptions(compression="lz4", use_threads=False)
    with ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def decode(blob: bytes, fields: Sequence[int], where: str) -> list[Array]:
    """Decode some columns that :func:`encode` wrote: integers (n,), channels (n, block).

    Raises
    ------
    FormatError
        If the bytes cannot be decoded; the message starts with ``where``.
    """
    try:
        options = ipc.IpcReadOptions(included_fields=sorted(fields), use_threads=False)
        with ipc.open_stream(pa.py_buffer(blob), options=options) as reader:
            batch = reader.read_next_batch()
    except (pa.ArrowInvalid, OSError, StopIteration) as error:
        raise FormatError(f"{where} cannot be decoded: {error}") from error
    columns: dict[int, Array] = {}
    for field, column in zip(sorted(fields), batch.columns, strict=True):
        flat = column.flatten() if isinstance(column, pa.FixedSizeListArray) else column
        values = flat.to_numpy(zero_copy_only=False)
        columns[field] = values if values.dtype == np.int64 else values.reshape(batch.num_rows, -1)
    return [columns[field] for field in fields]
