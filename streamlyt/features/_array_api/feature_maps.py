"""The maps in the Python array API: for arrays of any library, on their device.

On the CPU every sum is a sequence of array additions, so that the order of its terms is fixed: the
last bits of a matrix product depend on its shape, the position of a row, the processor and the
number of threads. On other devices the projections are matrix products, for speed. Nothing here is
compiled.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj
from array_api_compat import device as device_of

from streamlyt.core import Array
from streamlyt.core.errors import DataError
from streamlyt.core.numerics.hadamard import GROUP
from streamlyt.features._kernels.projection import PANEL
from streamlyt.features._kernels.response import (
    CENTRED,
    COSINES,
    EXPONENTIAL,
    MODULUS,
    PHASE,
    SQUARE,
)

from .hadamard import by_products, by_sums, factors

if TYPE_CHECKING:
    from streamlyt.features._base.projection import ProjectionMap
    from streamlyt.features._draws import Draws

__all__ = ["is_foreign", "portable_features"]

# Values of one plane per tile: few enough for the second-level cache of a CPU with the results of a
# stage, and enough to fill a GPU. There tiles have a fixed number of rows, the last one padded,
# since a matrix product of another shape may have other last bits.
_CPU_VALUES, _DEVICE_VALUES, _MOST_ROWS = 1 << 17, 1 << 22, 256

_cache: "WeakKeyDictionary[ProjectionMap, tuple[Any, _Tables]]" = WeakKeyDictionary()


class _Piece(NamedTuple):
    """Blocks that are transformed together, g of them in a group.

    Parameters
    ----------
    first, second
        Tables, shape (D, 1, groups, g); ``second`` is None if unused, as for real projections.
    order
        Input index at each position, shape (D * groups * g,); None if inputs are not permuted.
    """

    first: Any
    second: Any
    order: Any


class _Tables(NamedTuple):
    """The draws of a map, on the device.

    Parameters
    ----------
    weights
        Factors on the inputs, shape (1, d) or (1, 1).
    constant, width, factor, offset
        As in :class:`Draws`.
    structured
        Whether the projections are transforms.
    sums
        Whether every sum has a fixed order.
    factors
        Matrix factors of the transform of D values; empty if it is computed by sums.
    pieces
        Pieces of a structured map.
    matrices
        Real part and, if complex, imaginary part of a dense map, shape (inputs, m).
    """

    weights: Any
    constant: float
    width: int
    factor: float
    offset: float
    structured: bool
    sums: bool
    factors: Sequence[Any]
    pieces: Sequence[_Piece]
    matrices: Sequence[Any]


def is_foreign(values: object) -> bool:
    """Return whether ``values`` is an array of another library than NumPy.

    Examples
    --------
    >>> is_foreign(np.zeros((2, 2))), is_foreign([[0.0]])
    (False, False)
    """
    return not isinstance(values, np.ndarray | np.generic | list | tuple) and bool(
        is_array_api_obj(values)
    )


def portable_features(features: "ProjectionMap", values: Any) -> Any:
    """Return the features (n, m), in the library and on the device of ``values`` (n, d).

    Raises
    ------
    DataError
        If ``values`` does not have two dimensions and a column, or is complex, or is not finite in
        the type of the features (this check waits for a GPU).
    """
    xp, device = array_namespace(values), device_of(values)
    if len(values.shape) != 2 or values.shape[1] == 0:
        raise DataError(
            f"values must have shape (n, d) with d at least 1, got {tuple(values.shape)!r}; "
            "give one row as values[None, :], one channel as values[:, None]"
        )
    if xp.isdtype(values.dtype, "complex floating"):
        raise DataError(
            f"values must be real, got {values.dtype!s}; give real and imaginary part as columns"
        )
    n, d = values.shape
    m, dtype = features.n_components, getattr(xp, features.dtype)
    tables = _tables(features, d, xp, device)
    x = xp.astype(values, dtype)
    if not bool(xp.all(xp.isfinite(x))):
        raise DataError(
            f"values must be finite as {features.dtype}, got others; "
            "drop these rows or fill missing values first"
        )
    if n == 0:
        return xp.zeros((0, m), dtype=dtype, device=device)
    rows = _rows_of_a_tile(features, tables)
    short = 0 if tables.sums else -n % rows
    if short:
        x = xp.concat([x, xp.zeros((short, d), dtype=dtype, device=device)], axis=0)
    stops = range(rows, x.shape[0] + rows, rows)
    tiles = [x[stop - rows : min(stop, x.shape[0]), :] for stop in stops]
    phi = _joined(xp, [_tile(xp, tile, tables, features) for tile in tiles])
    return phi[:n, :] if short else phi


def _is_cpu(device: Any) -> bool:
    return "cpu" in str(device).lower()


def _rows_of_a_tile(features: "ProjectionMap", tables: _Tables) -> int:
    capacity = _CPU_VALUES if tables.sums else _DEVICE_VALUES
    max_rows = capacity // max(features.n_components, tables.width)
    return min(_MOST_ROWS, 1 << max(max_rows.bit_length() - 1, 0))


def _tile(xp: Any, x: Any, tables: _Tables, features: "ProjectionMap") -> Any:
    x = x * tables.weights
    inputs = [x]
    if tables.constant:
        inputs.append(xp.zeros_like(x[:, :1]) + tables.constant)
    if tables.structured:
        padding = tables.width - x.shape[1] - len(inputs) + 1
        if padding:
            inputs.append(xp.zeros((x.shape[0], padding), dtype=x.dtype, device=device_of(x)))
    x = _joined(xp, inputs, axis=1)
    kind = features._kind
    center = tables.offset * _squares(xp, x) if kind == CENTRED else None
    if tables.structured:
        # Rows last, so that each step of a transform accesses contiguous memory.
        x = _transform(xp, _turned(xp, x, (1, 0)), tables)
        planes = [_project(xp, x, piece, kind, tables) for piece in tables.pieces]
        re, im = (_joined(xp, plane, axis=1) for plane in zip(*planes, strict=True))
    else:
        product = _product if tables.sums else xp.matmul
        re = product(x, tables.matrices[0])
        im = re if features._real else product(x, tables.matrices[1])
    return _respond(xp, re, im, center, features, tables.factor)


def _joined(xp: Any, parts: Sequence[Any], axis: int = 0) -> Any:
    return parts[0] if len(parts) == 1 else xp.concat(list(parts), axis=axis)


def _turned(xp: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """Return ``x`` with permuted axes, contiguous in memory: reshaping to 1-D copies."""
    shape = tuple(x.shape[axis] for axis in axes)
    return xp.reshape(xp.reshape(xp.permute_dims(x, axes), (-1,)), shape)


def _squares(xp: Any, x: Any) -> Any:
    """Return the sum of squares of each row, shape (n, 1), by pairwise halving."""
    terms = x * x
    while (count := terms.shape[1]) > 1:
        half = count // 2
        halves = terms[:, :half] + terms[:, half : 2 * half]
        terms = xp.concat([halves, terms[:, 2 * half :]], axis=1) if count % 2 else halves
    return terms


def _product(x: Any, matrix: Any) -> Any:
    """Return ``x`` (n, k) times ``matrix`` (k, m), with terms added in order."""
    total = x[:, :1] * matrix[:1, :]
    for k in range(1, x.shape[1]):
        total += x[:, k : k + 1] * matrix[k : k + 1, :]
    return total


def _transform(xp: Any, x: Any, tables: _Tables) -> Any:
    """Transform the first axis; the others are flattened during the transform."""
    shape = tuple(x.shape)
    flat = xp.reshape(x, (shape[0], -1))
    return xp.reshape(
        by_sums(xp, flat) if tables.sums else by_products(xp, flat, tables.factors), shape
    )


def _project(xp: Any, x: Any, piece: _Piece, kind: int, tables: _Tables) -> tuple[Any, Any]:
    width, n = x.shape
    in_order = (1, 2, 0, 3)  # rows, groups, positions in a block, blocks of a group
    if piece.order is not None:  # a permutation of the inputs for each block
        _, _, groups, g = piece.first.shape
        x = xp.reshape(xp.take(x, piece.order, axis=0), (width, groups, g, n))
        re = _transform(xp, xp.permute_dims(x, (0, 3, 1, 2)) * piece.first, tables) * piece.second
        re = xp.reshape(xp.permute_dims(re, in_order), (n, -1))
        return re, re
    x = xp.reshape(x, (width, n, 1, 1))
    re = _transform(xp, x * piece.first, tables)
    if kind == COSINES:
        re = _transform(xp, re * piece.second, tables)
        # The third transform of the compiled loop ends block by block.
        re = xp.reshape(xp.permute_dims(re, (1, 2, 3, 0)), (n, -1))
        return re, re
    re = xp.reshape(xp.permute_dims(re, in_order), (n, -1))
    if piece.second is None:
        return re, re
    im = _transform(xp, x * piece.second, tables)
    return re, xp.reshape(xp.permute_dims(im, in_order), (n, -1))


def _respond(
    xp: Any, re: Any, im: Any, center: Any, features: "ProjectionMap", factor: float
) -> Any:
    kind, m = features._kind, features.n_components
    n_projections = m // 2 if kind in (COSINES, PHASE) else m
    re, im = re[:, :n_projections], im[:, :n_projections]
    if kind == COSINES:
        return xp.concat([xp.cos(re), xp.sin(re)], axis=1) * factor
    intensity = re * re if features._real else re * re + im * im
    if kind == PHASE:
        return xp.concat([xp.cos(intensity), xp.sin(intensity)], axis=1) * factor
    if kind == MODULUS:
        return xp.sqrt(intensity) * factor
    if kind == CENTRED:
        return (intensity - center) * factor
    if kind == SQUARE:
        return intensity * factor
    if kind == EXPONENTIAL:
        return xp.exp(-intensity) * factor
    return intensity ** (0.5 * features._exponent) * factor


def _tables(features: "ProjectionMap", d: int, xp: Any, device: Any) -> _Tables:
    key = (d, xp.__name__, str(device))
    cached = _cache.get(features)
    if cached is None or cached[0] != key:
        cached = _cache[features] = (key, _moved(features, features._draw(d), d, xp, device))
    return cached[1]


def _moved(features: "ProjectionMap", draws: "Draws", d: int, xp: Any, device: Any) -> _Tables:
    def move(table: Array) -> Any:
        # Copy first: some libraries share memory with their input.
        return xp.asarray(np.array(table, dtype=features.dtype, order="C"), device=device)

    weights = move(draws.weights[None, :])
    constant, width = float(draws.constant), draws.width
    numbers = constant, width, float(draws.factor), float(draws.offset)
    sums = _is_cpu(device)
    if not draws.structured:
        inputs = d + (constant != 0)
        parts = (draws.first,) if features._real else (draws.first, draws.second)
        m = features.n_components // (2 if features._kind in (COSINES, PHASE) else 1)
        matrices = [move(_without_panels(part, width)[:inputs, :m]) for part in parts]
        return _Tables(weights, *numbers, False, sums, (), (), matrices)
    side = max(1, GROUP // width)
    blocks = draws.first.size // width
    grouped = blocks - blocks % side
    pieces = []
    for start, stop, g in ((0, grouped, side), (grouped, blocks, blocks - grouped)):
        if start == stop:
            continue
        positions = slice(start * width, stop * width)
        first, second, order = _block_by_block(draws.first[positions], g, width), None, None
        if features._kind == COSINES:  # this table is in the order of the transform's output
            second = move(draws.second[positions].reshape(1, -1, width, g).transpose(2, 0, 1, 3))
        elif not features._real:
            second = move(_block_by_block(draws.second[positions], g, width))
        if draws.order is not None:
            turned = _block_by_block(draws.order[positions], g, width)
            order = xp.asarray(np.array(turned.reshape(-1), dtype=np.int64), device=device)
        pieces.append(_Piece(move(first), second, order))
    matrices = [] if sums else [move(matrix) for matrix in factors(width)]
    return _Tables(weights, *numbers, True, sums, matrices, pieces, ())


def _block_by_block(table: Array, g: int, width: int) -> Array:
    """Return a table drawn block by block as (D, 1, groups, g)."""
    return table.reshape(1, -1, g, width).transpose(3, 0, 1, 2)


def _without_panels(panels: Array, k: int) -> Array:
    return panels.reshape(-1, k, PANEL).transpose(1, 0, 2).reshape(k, -1)
