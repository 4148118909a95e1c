"""States as bytes: plain arrays in an npz archive, never pickled, checked by their hash."""

import io
import zipfile
from collections.abc import Mapping
from hashlib import sha256

import numpy as np

from streamlyt.base import Array
from streamlyt.errors import StateError

__all__ = ["STATE_VERSION", "digest", "pack", "unpack"]

STATE_VERSION = 1  # raised when these bytes change their meaning


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
    buffer = io.BytesIO()
    # A ZipInfo made from a name alone is dated 1980, so the bytes tell nothing of the clock.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, value in state.items():
            array = np.asarray(value)
            if array.dtype.hasobject:
                raise StateError(
                    f"state {name!r} must be an array of numbers or text, got dtype "
                    f"{array.dtype!r}; keep only plain arrays in the state"
                )
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    return buffer.getvalue()


def unpack(blob: bytes) -> dict[str, Array]:
    """Return the state that :func:`pack` wrote.

    Raises
    ------
    StateError
        If the bytes are no such archive.
    """
    state = {}
    try:
        with zipfile.ZipFile(io.BytesIO(blob)) as archive:
            for info in archive.infolist():
                with archive.open(info) as file:
                    array = np.lib.format.read_array(file, allow_pickle=False)
                    state[info.filename.removesuffix(".npy")] = array
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
        raise StateError(f"a saved state cannot be read: {error}") from error
    return state


def digest(blob: bytes) -> str:
    """Return the hash by which saved states are named and checked (SHA-256, hexadecimal)."""
    return sha256(blob).hexdigest()
