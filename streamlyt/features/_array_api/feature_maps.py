"""The maps written once over the Python array API: for arrays of any library, on their device.

On the CPU every sum is written out, one addition of whole arrays after another, so that no library
orders its terms: a matrix product has other last bits for another shape, another place of a row in
it, another processor and another number of threads. On other devices the projections are matrix
products, which is what these do best. Nothing here is compiled by us.
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

# Values of one plane worked on at a time: few enough for the second-level cache of a CPU with the
# results of a stage, and enough to fill a GPU. There rows come in tiles of a fixed number, the last
# one padded, since a matrix product of another shape may have other last bits.
_CPU_VALUES, _DEVICE_VALUES, _MOST_ROWS = 1 << 17, 1 << 22, 256

_kept: "WeakKeyDictionary[ProjectionMap, tuple[Any, _Tables]]" = WeakKeyDictionary()


class _Piece(NamedTuple):
    """Blocks that are transformed side by side, g of them in a group.

    Parameters
    ----------
    first, second
        Tables, shape (D, 1, groups, g); of real projections and of permuted inputs, ``second`` is
        None where it is not used.
    order
        Shape (D * groups * g,): the input at each place; None where inputs are not permuted.
    """

    first: Any
    second: Any
    order: Any


class _Tables(NamedTuple):
    """What was drawn, on the device.

    Parameters
    ----------
    weights
        Shape (1, d), or (1, 1): multiplies the inputs.
    constant, width, factor, offset
        As in the draws.
    structured
        Whether the projections are transforms.
    sums
        Whether every sum is written out, in a fixed order.
    factors
        Of the transform of D values, where it is not written out as sums.
    pieces
        Of a structured map.
    matrices
        Of a dense map: real part and, where it is complex, imaginary part, shape (inputs, m).
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
    """Tell whether these are arrays of another library than NumPy, to be answered in kind.

    Examples
    --------
    >>> is_foreign(np.zeros((2, 2))), is_foreign([[0.0]])
    (False, False)
    """
    return not isinstance(values, np.ndarray | np.generic | list | tuple) and bool(
        is_array_api_obj(values)
    )


def portable_features(features: "ProjectionMap", values: Any) -> Any:
    """Return the features, shape (n, m), of the kind and on the device of ``values``, (n, d).

    Raises
    ------
    DataError
        If ``values`` has not two dimensions, or no column, or is complex, or is not finite in the
        type of the features (a GPU is waited for to know).
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
            "leave such rows out, or fill the holes first"
        )
    if n == 0:
        return xp.zeros((0, m), dtype=dtype, device=device)
    rows = _rows_of_a_tile(features, tables)
    short = 0 if tables.sums else -n % rows
    if short:
        x = xp.concat([x, xp.zeros((short, d), dtype=dtype, device=device)], axis=0)
    ends = range(rows, x.shape[0] + rows, rows)
    tiles = [x[end - rows : min(end, x.shape[0]), :] for end in ends]
    phi = _joined(xp, [_tile(xp, tile, tables, features) for tile in tiles])
    return phi[:n, :] if short else phi


def _is_cpu(device: Any) -> bool:
    return "cpu" in str(device).lower()


def _rows_of_a_tile(features: "ProjectionMap", tables: _Tables) -> int:
    room = _CPU_VALUES if tables.sums else _DEVICE_VALUES
    at_most = room // max(features.n_components, tables.width)
    return min(_MOST_ROWS, 1 << max(at_most.bit_length() - 1, 0))


def _tile(xp: Any, x: Any, tables: _Tables, features: "ProjectionMap") -> Any:
    x = x * tables.weights
    inputs = [x]
    if tables.constant:
        inputs.append(xp.zeros_like(x[:, :1]) + tables.constant)
    if tables.structured:
        left = tables.width - x.shape[1] - len(inputs) + 1
        if left:
            inputs.append(xp.zeros((x.shape[0], left), dtype=x.dtype, device=device_of(x)))
    x = _joined(xp, inputs, axis=1)
    kind = features._kind
    centre = tables.offset * _squares(xp, x) if kind == CENTRED else None
    if tables.structured:
        # Rows come last, so that each step of a transform is over long runs of memory.
        x = _transform(xp, _turned(xp, x, (1, 0)), tables)
        planes = [_project(xp, x, piece, kind, tables) for piece in tables.pieces]
        re, im = (_joined(xp, plane, axis=1) for plane in zip(*planes, strict=True))
    else:
        product = _product if tables.sums else xp.matmul
        re = product(x, tables.matrices[0])
        im = re if features._real else product(x, tables.matrices[1])
    return _respond(xp, re, im, centre, features, tables.factor)


def _joined(xp: Any, parts: Sequence[Any], axis: int = 0) -> Any:
    return parts[0] if len(parts) == 1 else xp.concat(list(parts), axis=axis)


def _turned(xp: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """Return ``x`` with its axes in another order, and so in memory: a flat array is copied."""
    shape = tuple(x.shape[axis] for axis in axes)
    return xp.reshape(xp.reshape(xp.permute_dims(x, axes), (-1,)), shape)


def _squares(xp: Any, x: Any) -> Any:
    """Return the sum of the squares of each row, shape (n, 1), added in halves."""
    terms = x * x
    while (count := terms.shape[1]) > 1:
        half = count // 2
        halves = terms[:, :half] + terms[:, half : 2 * half]
        terms = xp.concat([halves, terms[:, 2 * half :]], axis=1) if count % 2 else halves
    return terms


def _product(x: Any, matrix: Any) -> Any:
    """Return ``x``, shape (n, k), times ``matrix``, (k, m), its terms added one after another."""
    total = x[:, :1] * matrix[:1, :]
    for k in range(1, x.shape[1]):
        total += x[:, k : k + 1] * matrix[k : k + 1, :]
    return total


def _transform(xp: Any, x: Any, tables: _Tables) -> Any:
    """Transform the first axis; the others are flattened meanwhile."""
    shape = tuple(x.shape)
    flat = xp.reshape(x, (shape[0], -1))
    return xp.reshape(
        by_sums(xp, flat) if tables.sums else by_products(xp, flat, tables.factors), shape
    )


def _project(xp: Any, x: Any, piece: _Piece, kind: int, tables: _Tables) -> tuple[Any, Any]:
    width, n = x.shape
    in_order = (1, 2, 0, 3)  # rows, groups, places of a block, blocks of a group
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
    xp: Any, re: Any, im: Any, centre: Any, features: "ProjectionMap", factor: float
) -> Any:
    kind, m = features._kind, features.n_components
    wanted = m // 2 if kind in (COSINES, PHASE) else m
    re, im = re[:, :wanted], im[:, :wanted]
    if kind == COSINES:
        return xp.concat([xp.cos(re), xp.sin(re)], axis=1) * factor
    intensity = re * re if features._real else re * re + im * im
    if kind == PHASE:
        return xp.concat([xp.cos(intensity), xp.sin(intensity)], axis=1) * factor
    if kind == MODULUS:
        return xp.sqrt(intensity) * factor
    if kind == CENTRED:
        return (intensity - centre) * factor
    if kind == SQUARE:
        return intensity * factor
    if kind == EXPONENTIAL:
        return xp.exp(-intensity) * factor
    return intensity ** (0.5 * features._exponent) * factor


def _tables(features: "ProjectionMap", d: int, xp: Any, device: Any) -> _Tables:
    key = (d, xp.__name__, str(device))
    kept = _kept.get(features)
    if kept is None or kept[0] != key:
        kept = _kept[features] = (key, _moved(features, features._draw(d), d, xp, device))
    return kept[1]


def _moved(features: "ProjectionMap", draws: "Draws", d: int, xp: Any, device: Any) -> _Tables:
    def move(table: Array) -> Any:
        # A copy of its own: some libraries share memory with what they are handed.
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
    whole = blocks - blocks % side
    pieces = []
    for start, stop, g in ((0, whole, side), (whole, blocks, blocks - whole)):
        if start == stop:
            continue
        places = slice(start * width, stop * width)
        first, second, order = _block_by_block(draws.first[places], g, width), None, None
        if features._kind == COSINES:  # this table is in the order of the transform's output
            second = move(draws.second[places].reshape(1, -1, width, g).transpose(2, 0, 1, 3))
        elif not features._real:
            second = move(_block_by_block(draws.second[places], g, width))
        if draws.order is not None:
            turned = _block_by_block(draws.order[places], g, width)
            order = xp.asarray(np.array(turned.reshape(-1), dtype=np.int64), device=device)
        pieces.append(_Piece(move(first), second, order))
    matrices = [] if sums else [move(matrix) for matrix in factors(width)]
    return _Tables(weights, *numbers, True, sums, matrices, pieces, ())


def _block_by_block(table: Array, g: int, width: int) -> Array:
    """Return a table drawn block by block as (D, 1, groups, g)."""
    return table.reshape(1, -1, g, width).transpose(3, 0, 1, 2)


def _without_panels(panels: Array, k: int) -> Array:
    return panels.reshape(-1, k, PANEL).transpose(1, 0, 2).reshape(k, -1)
