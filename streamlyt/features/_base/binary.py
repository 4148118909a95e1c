"""Binary rows times a binary matrix, for the ``"binary"`` construction."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Array, Floats
from streamlyt.core.numerics.counter_rng import bits, key_of
from streamlyt.features._draws import Draws
from streamlyt.features._kernels.binary import WORDS, binary_rows
from streamlyt.features._kernels.response import CENTRED

from .inputs import PackedBits
from .projection import ProjectionMap

__all__ = ["BinaryRows"]

_REAL, _IMAGINARY, _CONSTANT = 8, 9, 10  # streams of the seed


class BinaryRows(ProjectionMap):
    """Mixin that multiplies packed bits if ``construction`` is ``"binary"``."""

    def _drawn(self, d: int) -> Draws:
        return self._dense(d) if self.construction == "binary" else super()._drawn(d)

    def _bits(self, d: int, m: int) -> list[Floats]:
        # Real and imaginary part of the matrix in memory: inputs (and the constant) by features.
        words = -(-d // 64)
        parts = []
        streams = (_REAL,) if self._real else (_REAL, _IMAGINARY)
        for part, stream in enumerate(streams):
            drawn = bits(self.seed, stream, m * words).astype("<u8").view(np.uint8)
            matrix = np.unpackbits(drawn.reshape(m, -1), axis=1, count=d, bitorder="little").T
            if self.bias:
                constant = bits(self.seed, _CONSTANT, m) >> np.uint64(63 - part) & np.uint64(1)
                matrix = np.concatenate([matrix, constant.astype(np.uint8)[None, :]])
            parts.append((1.0 - 2.0 * matrix.astype(np.float64)) / math.sqrt(len(streams)))
        return parts

    def _fill(self, draws: Draws, rows: Any, out: Array) -> None:
        if self.construction != "binary":
            super()._fill(draws, rows, out)
            return
        packed = rows if isinstance(rows, PackedBits) else PackedBits.of(rows)
        n, words = packed.words.shape
        inputs: NDArray[np.uint64] = np.zeros((n, -(-words // WORDS) * WORDS), dtype=np.uint64)
        inputs[:, :words] = packed.words
        part = 1.0 if self._real else math.sqrt(0.5)
        keys = np.array([key_of(self.seed, stream) for stream in (_REAL, _IMAGINARY, _CONSTANT)])
        exponent = draws.offset if self._kind == CENTRED else self._exponent
        sizes = part * self.scale, part * self.bias, self._real
        with np.errstate(over="ignore"):  # counters are multiplied modulo 2**64
            binary_rows(inputs, words, keys, *sizes, self._kind, exponent, draws.factor, out)
