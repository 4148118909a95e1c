"""States as bytes: plain arrays behind a list of them, never pickled, checked by their hash."""

import io
import json
import math
import zipfile
import zlib
from collections.abc import Mapping
from hashlib import sha256

import numpy as np

from streamlyt.base import Array
from streamlyt.errors import StateError

__all__ = ["STATE_VERSION", "digest", "pack", "unpack"]

STATE_VERSION = 2  # raised when these bytes change their meaning; 1 was an npz archive
_MAGIC = b"STRMLYT2"  # never the beginning of an archive, nor of a time stamp


def pack(state: Mapping[str, Array]) -> bytes:
    """Return a state as bytes; equal states give equal bytes.

    Parameters
    ----------
    state
        Name -> array of numbers, booleans or fixed-width text.

    Raises
    ------
    StateError
        If an array holds Python objects, which only pickle could write.

    Examples
    --------
    >>> unpack(pack({"mean": np.arange(3.0)}))
    {'mean': array([0., 1., 2.])}
    """
    listed, parts = [], []
    for name, value in state.items():
        array = np.asarray(value)
        if array.dtype.hasobject:
            raise StateError(
                f"state {name!r} must be an array of numbers or text, got dtype "
                f"{array.dtype!r}; keep only plain arrays in the state"
            )
        listed.append([name, array.dtype.str, array.shape])
        parts.append(array.tobytes())
    head = json.dumps(listed, separators=(",", ":")).encode()
    return b"".join([_MAGIC, len(head).to_bytes(4, "little"), head, *parts])


def unpack(blob: bytes) -> dict[str, Array]:
    """Return the state that :func:`pack` wrote.

    Raises
    ------
    StateError
        If the bytes are no such archive.
    """
    if not blob.startswith(_MAGIC):
        return _unpack_npz(blob)
    state: dict[str, Array] = {}
    try:
        at = len(_MAGIC) + 4
        end = at + int.from_bytes(blob[at - 4 : at], "little")
        for name, kind, shape in json.loads(blob[at:end]):
            dtype = np.dtype(kind)
            count = math.prod(shape)
            if dtype.hasobject or not isinstance(kind, str):
                raise ValueError(f"an array of {dtype}")
            if not all(isinstance(size, int) and size >= 0 for size in shape):
                raise ValueError(f"an array of shape {shape}")
            state[name] = np.frombuffer(blob, dtype, count, end).reshape(shape).copy()
            end += count * dtype.itemsize
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise StateError(f"a saved state cannot be read: {error}") from error
    if end != len(blob):
        raise StateError(f"a saved state must have {end} bytes, got {len(blob)}")
    return state


def _unpack_npz(blob: bytes) -> dict[str, Array]:
    """Read what version 1 wrote."""
    state = {}
    try:
        with zipfile.ZipFile(io.BytesIO(blob)) as archive:
            for info in archive.infolist():
                array = _array(archive.read(info))
                state[info.filename.removesuffix(".npy")] = array
    except (
        zipfile.BadZipFile,
        ValueError,
        EOFError,
        NotImplementedError,
        OverflowError,
        RuntimeError,
        zlib.error,
    ) as error:
        raise StateError(f"a saved state cannot be read: {error}") from error
    return state


def _array(data: bytes) -> Array:
    """Read one array of an archive; a shape that its bytes do not fill makes none."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read_head = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read_head = np.lib.format.read_array_header_2_0
    shape, columns_first, dtype = read_head(file)
    if dtype.hasobject:
        raise ValueError(f"an array of {dtype}")
    found = np.frombuffer(data, dtype, math.prod(shape), file.tell())
    return found.reshape(shape, order="F" if columns_first else "C").copy()


def digest(blob: bytes) -> str:
    """Return the hash by which saved states are named and checked (SHA-256, hexadecimal)."""
    return sha256(blob).hexdigest()
