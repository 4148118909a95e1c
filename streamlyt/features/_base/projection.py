"""Base class of the projection maps: parameters, draws and calls of the compiled loops."""

import json
import math
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import numpy as np

from streamlyt.core import Array, FeatureMap, Floats
from streamlyt.core.errors import StateError
from streamlyt.core.former_names import current_class
from streamlyt.core.numerics.counter_rng import key_of
from streamlyt.core.numerics.hadamard import GROUP, LANES
from streamlyt.core.validation import check_choice, check_even, check_integer, check_number
from streamlyt.features._array_api.feature_maps import is_foreign, portable_features
from streamlyt.features._draws import Draws
from streamlyt.features._kernels.hadamard_blocks import wide_rows
from streamlyt.features._kernels.projection import PANEL, dense_rows, structured_rows, weigh_rows
from streamlyt.features._kernels.response import CENTRED, COSINES, PHASE
from streamlyt.features._kernels.streamed_matrix import streamed_rows

from .inputs import as_rows, not_finite, rows_of

__all__ = [
    "CONSTRUCTIONS",
    "MATRIX",
    "ProjectionMap",
    "as_rows",
    "check_choice",
    "check_even",
    "check_integer",
    "check_number",
    "padded_power",
    "panels",
]

VERSION = 1  # of saved maps and pickles: increased when the same parameters give another map


MATRIX = 1  # stream of the seed: entries of a dense matrix (uses two streams)


CONSTRUCTIONS = ("auto", "dense", "structured")


_DTYPES = ("float32", "float64")


_SMALLEST_TRANSFORM = 64  # below, structured maps are visibly biased (3 % at 16, under 1 % here)


# Rows and inputs copied per call: a streamed tile serves this many rows, and a copy in single
# precision stays below 4 MB, except for wider rows.
_MOST_ROWS = 1024


_MOST_INPUTS = 1 << 20


_FEW_INPUTS = 4  # up to this a dense matrix product costs less than the transforms


class ProjectionMap(FeatureMap):
    """A map of random projections and a response, drawn on the first call.

    Subclasses set their parameters as attributes and define ``_draw``. The draws for the last
    number of inputs are cached; they depend on the parameters alone, not on the data.
    """

    construction: str
    seed: int
    dtype: str
    threads: int
    bias: float = 0.0
    _constructions: tuple[str, ...] = CONSTRUCTIONS
    _kind: int
    _exponent: float = 1.0
    _real: bool = False  # whether the projections are real

    def _check_common(self) -> None:
        check_integer("n_components", self.n_components, 1)
        check_integer("seed", self.seed, 0)
        check_integer("threads", self.threads, 1)
        check_number("scale", self.scale, positive=True)
        check_choice("construction", self.construction, self._constructions)
        check_choice("dtype", self.dtype, _DTYPES)
        self._cached: tuple[int, Draws] | None = None

    def clone(self) -> Self:
        """Return the map itself: it has no state, so that all series can share it."""
        return self

    @abstractmethod
    def _draw(self, d: int) -> Draws:
        """Draw the map for d inputs."""

    def _drawn(self, d: int) -> Draws:
        """Draw the tables of the compiled loops."""
        if self.construction == "tiles":
            return self._dense(d)
        draws = self._draw(d)
        n_ordered = draws.first.size - draws.first.size % max(draws.width, GROUP)
        if not draws.structured or draws.order is not None or not n_ordered:
            return draws
        first = in_working_order(draws.first, draws.width, n_ordered)
        if self._real:  # the other table is empty, or in the order of the transform's output
            return draws._replace(first=first, n_ordered=n_ordered)
        second = in_working_order(draws.second, draws.width, n_ordered)
        return draws._replace(first=first, second=second, n_ordered=n_ordered)

    def _dense(self, d: int, *matrices: Floats) -> Draws:
        """Return the draws of a dense map, given real and imaginary part of its matrix.

        A real matrix has no second part, a streamed one neither.
        """
        rows = self.n_components // 2 if self._kind in (COSINES, PHASE) else self.n_components
        inputs = d + (self.bias != 0)
        tables = [panels(matrix, self.dtype) for matrix in matrices]
        tables += [np.empty((0, 0), dtype=self.dtype)] * (2 - len(tables))
        return Draws(
            structured=False,
            weights=np.array([self.scale], dtype=np.float64),
            constant=self.bias,
            width=-(-inputs // 4) * 4,
            first=tables[0],
            second=tables[1],
            factor=1.0 / math.sqrt(rows),
            offset=float(self._kind == CENTRED),
            n_inputs=inputs,
        )

    def _loop(self, draws: Draws, inputs: Array, out: Array) -> None:
        """Compute the features of weighted and padded rows."""
        exponent = draws.offset if self._kind == CENTRED else self._exponent
        if self.construction == "tiles":
            angles, radii = (key_of(self.seed, MATRIX + k) for k in (0, 1))
            gain = math.sqrt(2.0) if self._real else 1.0  # a part of CN(0, 1) has variance 1/2
            drawn = angles, radii, draws.n_inputs, gain, self._real
            with np.errstate(over="ignore"):  # counters are multiplied modulo 2**64
                streamed_rows(inputs, *drawn, self._kind, exponent, draws.factor, out)
            return
        if draws.n_ordered:
            tables = draws.first, draws.second, draws.n_ordered
            wide_rows(inputs, *tables, self._kind, exponent, draws.factor, out)
            return
        loop = structured_rows if draws.structured else dense_rows
        loop(inputs, draws.first, draws.second, self._kind, exponent, draws.factor, out)

    def _is_structured(self, inputs: int) -> bool:
        if self.construction == "auto":
            return inputs > _FEW_INPUTS
        return self.construction.startswith("structured")

    def __call__(self, values: Any) -> Array:
        """Return the features, shape (n, m), of ``values``, shape (n, d).

        Parameters
        ----------
        values
            An array of numbers or booleans, a sparse matrix of SciPy, or ``PackedBits``.

        Raises
        ------
        DataError
            If ``values`` has not two dimensions, or no column, or is complex, or is not finite in
            the type of the features.
        """
        if not isinstance(values, np.ndarray) and is_foreign(values):
            # For arrays of another library, return features of that library on their device.
            foreign: Array = portable_features(self, values)
            return foreign
        rows = rows_of(values)
        n, d = rows.shape
        cached = self._cached
        if cached is None or cached[0] != d:
            cached = self._cached = (d, self._drawn(d))  # concurrent threads draw the same
        draws = cached[1]
        out = np.empty((n, self.n_components), dtype=self.dtype)
        # Process rows in parts: copies stay small, and each thread has its share. The features of
        # a row do not depend on other rows.
        part = max(1, min(_MOST_ROWS, _MOST_INPUTS // draws.width, -(-n // self.threads)))
        if part >= n:
            self._fill(draws, rows, out)
            return out
        starts = range(0, n, part)

        def fill(start: int) -> None:
            span = slice(start, start + part)
            self._fill(draws, rows[span], out[span])

        if self.threads == 1:
            for start in starts:
                fill(start)
        else:
            with ThreadPoolExecutor(min(self.threads, len(starts))) as pool:
                list(pool.map(fill, starts))  # list() re-raises exceptions of the threads
        return out

    def _fill(self, draws: Draws, rows: Any, out: Array) -> None:
        values = rows if isinstance(rows, np.ndarray) else rows.toarray()
        inputs = np.empty((values.shape[0], draws.width), dtype=self.dtype)
        values = np.ascontiguousarray(values)
        row = weigh_rows(values, draws.weights, draws.constant, inputs)
        if row >= 0:
            raise not_finite(values[row], self.dtype)
        self._loop(draws, inputs, out)

    def save(self) -> bytes:
        """Return the map as bytes: name, parameters and version, without its matrix."""
        known = {"version": VERSION, "map": type(self).__name__, "params": self.get_params()}
        return json.dumps(known, default=_plain).encode()

    @classmethod
    def load(cls, blob: bytes) -> Self:
        """Return the map from the bytes of :meth:`save`.

        Raises
        ------
        StateError
            If the bytes are not a map of this class, or of another version.
        """
        try:
            known = json.loads(blob)
            version, name, params = known["version"], known["map"], known["params"]
        except (ValueError, TypeError, KeyError) as error:
            raise StateError(
                f"saved map must come from save(), got {blob[:40]!r}; save it again"
            ) from error
        _check_version(version)
        name = current_class(str(name), cls.__name__)
        if name != cls.__name__:
            raise StateError(f"saved map must be of {cls.__name__!r}, got {name!r}")
        return cls._of(params)

    @classmethod
    def _of(cls, params: dict[str, Any]) -> Self:
        try:
            return cls(**params)
        except TypeError as error:
            raise StateError(
                f"saved map must have the parameters of its class, got {params!r}: {error}"
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {"version": VERSION, "params": self.get_params()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        _check_version(state.get("version"))
        self.__dict__.update(self._of(state.get("params", {})).__dict__)


def _check_version(version: object) -> None:
    if version != VERSION:
        raise StateError(
            f"saved map must have version {VERSION}, got {version!r}; "
            "create the map again from its parameters"
        )


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"parameters must be numbers or text, got {value!r}")


def padded_power(inputs: int) -> int:
    """Return the length D of the transforms for ``inputs`` inputs."""
    return max(_SMALLEST_TRANSFORM, 1 << (inputs - 1).bit_length())


def in_working_order(table: Array, width: int, n_ordered: int) -> Array:
    """Reorder the first ``n_ordered`` table positions, complete groups, for ``wide_rows``."""
    blocks = max(1, GROUP // width)
    high = max(1, LANES // blocks)
    groups = table[:n_ordered].reshape(-1, blocks, high, width // high)
    ordered = table.copy()
    ordered[:n_ordered] = groups.transpose(0, 3, 1, 2).reshape(-1)
    return ordered


def panels(matrix: Floats, dtype: str) -> Array:
    """Split a matrix of shape (K, m) into the panels of ``dense_rows``."""
    k, m = matrix.shape
    padded = np.zeros((-(-k // 4) * 4, -(-m // PANEL) * PANEL), dtype=dtype)
    padded[:k, :m] = matrix
    blocks = padded.reshape(padded.shape[0], -1, PANEL).transpose(1, 0, 2)
    return np.ascontiguousarray(blocks).reshape(blocks.shape[0], -1)
