"""Columns on their way to a page: as a screen needs them, and as bytes."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from streamlyt.core import Array

__all__ = ["pack_frame", "to_float32"]

_PLACES = ("x", "left", "right")  # on the axis: single precision would round dates to minutes
_LARGEST = float(np.finfo(np.float32).max)


def to_float32(name: str, column: Array) -> Any:
    """Return a column as glyphs get it: single precision, but for places; no infinite values.

    A table of shape (n, rows, columns) holds n images.
    """
    if column.dtype.kind == "f":
        kept = np.where(np.isfinite(column), column, np.nan)
        single = name not in _PLACES and np.nanmax(np.abs(kept), initial=0.0) < _LARGEST
        kept = kept.astype(np.float32) if single else kept
    else:
        kept = column.astype(np.int32) if column.dtype.kind in "iu" else column
    return list(kept) if kept.ndim == 3 else kept


def pack_frame(told: Mapping[str, Any], sources: Mapping[str, Mapping[str, Array]]) -> bytes:
    """Return what is told, as JSON, and columns, as their bytes, in one message.

    The message begins with the length of the JSON (4 bytes, little end first); each column stands
    therein by its kind, its shape and where its bytes begin behind the JSON, always at a multiple
    of 8. Columns of text stand in the JSON as they are.

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
    listed: dict[str, dict[str, Any]] = {}
    for source, columns in sources.items():
        listed[source] = {}
        for name, column in columns.items():
            kept = np.asarray(to_float32(name, column))
            if kept.dtype.kind not in "fiu":
                listed[source][name] = [str(value) for value in kept]
                continue
            listed[source][name] = [kept.dtype.name, list(kept.shape), len(body)]
            body += kept.astype(kept.dtype.newbyteorder("<"), copy=False).tobytes()
            body += bytes(-len(body) % 8)
    head = json.dumps({**told, "sources": listed}, separators=(",", ":"), allow_nan=False).encode()
    head += b" " * (-(4 + len(head)) % 8)
    return len(head).to_bytes(4, "little") + head + bytes(body)
