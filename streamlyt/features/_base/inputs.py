"""Inputs of the maps: arrays, sparse matrices, and packed bits."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError

__all__ = ["PackedBits", "as_rows", "check_shape", "not_finite", "rows_of"]

_WORD = 64  # bits


class PackedBits:
    """Rows of zeros and ones, 64 per word: an eighth of a byte per input.

    Every map accepts them; ``construction="binary"`` multiplies them directly. Bit j of a row
    is bit j % 64 (of value 2**(j % 64)) of its word j // 64; bits from d on are zero.

    Parameters
    ----------
    words
        Shape (n, ceil(d / 64)), unsigned 64-bit integers; they are copied.
    n_channels
        Number of bits d per row.

    Raises
    ------
    DataError
        If the words do not have ``n_channels`` bits per row.

    Examples
    --------
    >>> import numpy as np
    >>> bits = PackedBits.of(np.array([[1, 0, 1], [0, 1, 1]]))
    >>> bits.shape, bits.words.ravel().tolist()
    ((2, 3), [5, 6])
    """

    def __init__(self, words: NDArray[np.uint64], n_channels: int) -> None:
        good = isinstance(words, np.ndarray) and words.dtype == np.uint64 and words.ndim == 2
        if not good or n_channels < 1 or words.shape[1] != -(-n_channels // _WORD):
            raise DataError(
                "words must be unsigned 64-bit integers of shape (n, ceil(n_channels / 64)), got "
                f"{getattr(words, 'dtype', type(words))!s} of shape {np.shape(words)!r} for "
                f"{n_channels!r} channels; pack rows with PackedBits.of"
            )
        rest = n_channels % _WORD
        if rest and (words[:, -1] >> np.uint64(rest)).any():
            raise DataError(
                f"words must be zero from bit {n_channels!r} on, got other bits; clear these bits"
            )
        self.words = np.array(words, dtype=np.uint64, order="C")
        self.words.flags.writeable = False
        self.n_channels = n_channels

    @classmethod
    def of(cls, values: Any) -> "PackedBits":
        """Pack rows, shape (n, d), of zeros and ones or of False and True.

        Raises
        ------
        DataError
            If there are other values.
        """
        rows = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
        check_shape(rows.shape)
        if rows.dtype != np.bool_ and not ((rows == 0) | (rows == 1)).all():
            raise DataError(
                "values must be 0 or 1 to be packed into bits, got others; "
                "threshold them first, as in values > 0"
            )
        n, d = rows.shape
        octets = np.packbits(rows.astype(np.bool_), axis=1, bitorder="little")
        padded = np.zeros((n, -(-d // _WORD) * 8), dtype=np.uint8)
        padded[:, : octets.shape[1]] = octets
        return cls(padded.view("<u8").astype(np.uint64), d)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of bits per row."""
        return self.words.shape[0], self.n_channels

    def __getitem__(self, rows: slice) -> "PackedBits":
        return PackedBits(self.words[rows], self.n_channels)

    def toarray(self) -> Floats:
        """Return the rows as numbers, shape (n, d)."""
        octets = self.words.astype("<u8").view(np.uint8)
        bits = np.unpackbits(octets, axis=1, count=self.n_channels, bitorder="little")
        return bits.astype(np.float64)


def as_rows(values: Any) -> Floats:
    """Return finite rows as float64 of shape (n, d).

    Raises
    ------
    DataError
        If there are not two dimensions and a column, or the values are complex or not finite.
    """
    found = rows_of(values)
    rows: Floats = np.asarray(
        found if isinstance(found, np.ndarray) else found.toarray(), dtype=np.float64
    )
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise not_finite(rows[int(np.argmin(finite))], "float64")
    return rows


def rows_of(values: Any) -> Any:
    """Return a sliceable form of the rows: numbers of shape (n, d), CSR, or packed bits.

    Numbers have double precision, or keep single precision.

    Raises
    ------
    DataError
        If there are not two dimensions and a column, or the values are complex.
    """
    if isinstance(values, np.ndarray) and (
        values.dtype == np.float64 or values.dtype == np.float32
    ):
        check_shape(values.shape)  # fast path: a single row must have little overhead
        return values
    if isinstance(values, PackedBits):
        return values
    sparse = hasattr(values, "tocsr")
    rows = values.tocsr() if sparse else np.asarray(values)
    if rows.dtype.kind == "c":
        raise DataError(
            f"values must be real, got {rows.dtype!s}; give real and imaginary parts as columns"
        )
    check_shape(rows.shape)
    if sparse:
        return rows.astype(np.float64)
    numbers: Array = np.asarray(rows, dtype=np.float64)
    return numbers


def check_shape(shape: tuple[int, ...]) -> None:
    """Raise a DataError unless the shape is (n, d) with at least one column."""
    if len(shape) != 2 or shape[1] == 0:
        raise DataError(
            f"values must have shape (n, d) with d at least 1, got {shape!r}; "
            "give one row as values[None, :], one channel as values[:, None]"
        )


def not_finite(row: Array, dtype: str) -> DataError:
    """Return the error for a row, shape (d,), with a value not finite in ``dtype``."""
    channel = int(np.argmax(~(np.abs(row) < np.inf)))
    if np.isfinite(row).all():
        channel = int(np.argmax(np.abs(row)))
    return DataError(
        f"values must be finite as {dtype}, got {row[channel].item()!r} in channel {channel}; "
        "drop these rows or fill missing values first"
    )
