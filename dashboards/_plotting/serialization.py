"""Columns for a page: reduced precision, packed as bytes."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from streamlyt.core import Array

__all__ = ["pack_frame", "to_float32"]

_POSITION_COLUMNS = (
    "x",
    "left",
    "right",
)  # axis positions: single precision would round dates to minutes
_MAX_FLOAT32 = float(np.finfo(np.float32).max)


def to_float32(name: str, column: Array) -> Any:
    """Return a column for glyphs: single precision except for axis positions, no infinite values.

    A table of shape (n, rows, columns) has n images.
    """
    if column.dtype.kind == "f":
        values = np.where(np.isfinite(column), column, np.nan)
        single = (
            name not in _POSITION_COLUMNS and np.nanmax(np.abs(values), initial=0.0) < _MAX_FLOAT32
        )
        values = values.astype(np.float32) if single else values
    else:
        values = column.astype(np.int32) if column.dtype.kind in "iu" else column
    return list(values) if values.ndim == 3 else values


def pack_frame(header: Mapping[str, Any], sources: Mapping[str, Mapping[str, Array]]) -> bytes:
    """Return one message with a header as JSON and columns as bytes.

    The message begins with the length of the JSON (4 bytes, little endian). The JSON describes
    each column by type, shape and the offset of its bytes after the JSON, a multiple of 8. Columns
    of text are in the JSON.

    Examples
    --------
    >>> message = pack_frame({"rows": 2}, {"main": {"x": np.array([0.5, 1.0])}})
    >>> size = int.from_bytes(message[:4], "little")
    >>> json.loads(message[4 : 4 + size])
    {'rows': 2, 'sources': {'main': {'x': ['float64', [2], 0]}}}
    >>> np.frombuffer(message[-16:]).tolist()
    [0.5, 1.0]
    """
    body = bytearray()
    described: dict[str, dict[str, Any]] = {}
    for source, columns in sources.items():
        described[source] = {}
        for name, column in columns.items():
            array = np.asarray(to_float32(name, column))
            if array.dtype.kind not in "fiu":
                described[source][name] = [str(value) for value in array]
                continue
            described[source][name] = [array.dtype.name, list(array.shape), len(body)]
            body += array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
            body += bytes(-len(body) % 8)
    head = json.dumps(
        {**header, "sources": described}, separators=(",", ":"), allow_nan=False
    ).encode()
    head += b" " * (-(4 + len(head)) % 8)
    return len(head).to_bytes(4, "little") + head + bytes(body)
