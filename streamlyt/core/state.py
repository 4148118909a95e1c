"""Operator states as bytes, and the fingerprint of the parameters behind them."""

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
from .former_names import current_class
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


def state_digest(blob: bytes) -> str:
    """Return the hash by which saved states are named and checked (SHA-256, hexadecimal)."""
    return sha256(blob).hexdigest()


NAME = "parameters"  # of the entry in a state


def parameter_fingerprint(component: Component) -> str:
    """Return all parameters of a component, those of its parts by their path, as JSON."""
    return json.dumps(dict(_flat(component, "")))


def check_fingerprint(state: dict[str, Array], own: str) -> None:
    """Raise a StateError unless a state, if it says so at all, is of these parameters.

    Parameters
    ----------
    state
        Of an operator.
    own
        What ``configuration_of`` gave for it.
    """
    if NAME not in state or str(state[NAME]) == own:
        return
    saved, mine = json.loads(str(state[NAME])), json.loads(own)
    saved = {name: current_class(value, mine.get(name, "")) for name, value in saved.items()}
    differing = [name for name in {**mine, **saved} if saved.get(name) != mine.get(name)]
    listed = "; ".join(
        f"{name} was {saved.get(name, 'not there')} and is {mine.get(name, 'not there')}"
        for name in differing
    )
    raise StateError(
        f"a saved state must be of the same parameters: {listed}; take those of the saved run, or "
        "begin a new series"
    )


def stamp(own: str) -> Array:
    """Return the entry of a state."""
    return np.array(own)


def _flat(value: Any, path: str) -> list[tuple[str, str]]:
    if isinstance(value, Component):
        found = [(path or "name", type(value).__name__)]
        for name, part in value.get_params().items():
            found += _flat(part, f"{path}.{name}" if path else name)
        return found
    if isinstance(value, Sequence) and any(isinstance(part, Component) for part in value):
        return [each for i, part in enumerate(value) for each in _flat(part, f"{path}[{i}]")]
    plain = value is None or isinstance(value, bool | int | float | str | np.generic)
    return [(path, repr(value) if plain else type(value).__name__)]
