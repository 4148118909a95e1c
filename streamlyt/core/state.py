"""Serialization of operator states, and the fingerprint of their parameters."""

import io
import json
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np

from .component import Component
from .errors import StateError
from .former_names import current_fingerprint
from .numerics.arrays import Array

__all__ = [
    "STATE_VERSION",
    "check_fingerprint",
    "pack",
    "parameter_fingerprint",
    "stamp",
    "state_digest",
    "unpack",
]

STATE_VERSION = 2  # raised when the format of the bytes changes; 1 was an npz archive

_MAGIC = b"STRMLYT2"  # no archive and no time stamp starts like this


def pack(state: Mapping[str, Array]) -> bytes:
    """Serialize a state; equal states give equal bytes.

    Parameters
    ----------
    state
        Name -> array of numbers, booleans or fixed-width text.

    Raises
    ------
    StateError
        If an array contains Python objects, which only pickle could write.

    Examples
    --------
    >>> unpack(pack({"mean": np.arange(3.0)}))
    {'mean': array([0., 1., 2.])}
    """
    entries, parts = [], []
    for name, value in state.items():
        array = np.asarray(value)
        if array.dtype.hasobject:
            raise StateError(
                f"state {name!r} must be an array of numbers or text, got dtype "
                f"{array.dtype!r}; keep only plain arrays in the state"
            )
        entries.append([name, array.dtype.str, array.shape])
        parts.append(array.tobytes())
    header = json.dumps(entries, separators=(",", ":")).encode()
    return b"".join([_MAGIC, len(header).to_bytes(4, "little"), header, *parts])


def unpack(blob: bytes) -> dict[str, Array]:
    """Return the state that :func:`pack` wrote.

    Raises
    ------
    StateError
        If the bytes are not a valid state.
    """
    if not blob.startswith(_MAGIC):
        return _unpack_npz(blob)
    state: dict[str, Array] = {}
    try:
        start = len(_MAGIC) + 4
        end = start + int.from_bytes(blob[start - 4 : start], "little")
        for name, dtype_name, shape in json.loads(blob[start:end]):
            dtype = np.dtype(dtype_name)
            count = math.prod(shape)
            if dtype.hasobject or not isinstance(dtype_name, str):
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
    """Read a state of version 1."""
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
    """Read one array of an archive; raise ValueError unless the bytes fill its shape."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read_header = np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError(f"an array of {dtype}")
    flat = np.frombuffer(data, dtype, math.prod(shape), file.tell())
    return flat.reshape(shape, order="F" if is_fortran else "C").copy()


def state_digest(blob: bytes) -> str:
    """Return the hash that names and verifies a saved state (SHA-256, hexadecimal)."""
    return sha256(blob).hexdigest()


NAME = "parameters"  # the entry of the fingerprint in a state


def parameter_fingerprint(component: Component) -> str:
    """Return all parameters of a component as JSON, those of nested components by path."""
    return json.dumps(dict(_flat(component, "")))


def check_fingerprint(state: dict[str, Array], own: str) -> None:
    """Raise a StateError if a state has the fingerprint of other parameters.

    Parameters
    ----------
    state
        State of an operator.
    own
        Its :func:`parameter_fingerprint`.
    """
    if NAME not in state or str(state[NAME]) == own:
        return
    saved, mine = json.loads(str(state[NAME])), json.loads(own)
    saved = current_fingerprint(saved, mine)
    differing = [name for name in {**mine, **saved} if saved.get(name) != mine.get(name)]
    if not differing:
        return
    differences = "; ".join(
        f"{name} was {saved.get(name, 'missing')} and is {mine.get(name, 'missing')}"
        for name in differing
    )
    raise StateError(
        f"a saved state must be of the same parameters: {differences}; use those of the saved run, "
        "or start a new series"
    )


def stamp(own: str) -> Array:
    """Return a fingerprint as an entry of a state."""
    return np.array(own)


def _flat(value: Any, path: str) -> list[tuple[str, str]]:
    if isinstance(value, Component):
        params = [(path or "name", type(value).__name__)]
        for name, part in value.get_params().items():
            params += _flat(part, f"{path}.{name}" if path else name)
        return params
    if isinstance(value, Sequence) and any(isinstance(part, Component) for part in value):
        return [entry for i, part in enumerate(value) for entry in _flat(part, f"{path}[{i}]")]
    is_plain = value is None or isinstance(value, bool | int | float | str | np.generic)
    return [(path, repr(value) if is_plain else type(value).__name__)]
