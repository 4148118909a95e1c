"""The maps written once over the Python array API: for arrays of any library, on their device.

The Walsh-Hadamard transform is two matrix products, H_a (x) H_b (three beyond 2**14), since
matrix products are what every such library does best. Nothing here is compiled by us.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj
from array_api_compat import device as device_of

from streamlyt.base import Array
from streamlyt.errors import DataError

from ._kernels import GROUP, PANEL
from ._kernels_response import CENTRED, COSINES, EXPONENTIAL, MODULUS, PHASE, SQUARE
from ._kronecker import factors, transform

if TYPE_CHECKING:
    from ._projection import Draws, ProjectionMap

__all__ = ["is_foreign", "portable_features"]

# Values of one plane worked on at a time: half of a second-level cache on a CPU; enough to fill a
# GPU. Rows come in tiles of a fixed number, the last one padded: a matrix product of another
# shape may have other last bits, and a row shall have the same features in any batch.
_CPU_VALUES, _DEVICE_VALUES, _MOST_ROWS = 1 << 18, 1 << 22, 256

_kept: "WeakKeyDictionary[ProjectionMap, tuple[Any, _Tables]]" = WeakKeyDictionary()


class _Piece(NamedTuple):
    """Blocks that are transformed side by side.

    Parameters
    ----------
    blocks
        Number of blocks g side by side.
    first, second
        Tables, shape (groups, D, g); ``second`` of cosines (groups, D * g), of real projections
        none.
    order
        Shape (groups * D * g,): the input at each place, where inputs are permuted.
    matrices
        Factors of the transform of D * g values.
    """

    blocks: int
    first: Any
    second: Any
    order: Any
    matrices: Sequence[Any]


class _Tables(NamedTuple):
    """What was drawn, on the device.

    Parameters
    ----------
    weights
        Shape (1, d), or (1, 1): multiplies the inputs.
    constant, width, factor, offset
        As in the draws.
    premix
        Factors of the first transform; none of a dense map.
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
    premix: Sequence[Any]
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
    rows = _rows_of_a_tile(features, tables, device)
    short = -n % rows
    if short:
        x = xp.concat([x, xp.zeros((short, d), dtype=dtype, device=device)], axis=0)
    tiles = [_tile(xp, x[i : i + rows, :], tables, features) for i in range(0, n, rows)]
    if not tiles:
        return xp.zeros((0, m), dtype=dtype, device=device)
    phi = tiles[0] if len(tiles) == 1 else xp.concat(tiles, axis=0)
    return phi[:n, :]


def _rows_of_a_tile(features: "ProjectionMap", tables: _Tables, device: Any) -> int:
    room = _CPU_VALUES if "cpu" in str(device).lower() else _DEVICE_VALUES
    at_most = room // max(features.n_components, tables.width)
    return min(_MOST_ROWS, 1 << max(at_most.bit_length() - 1, 0))


def _tile(xp: Any, x: Any, tables: _Tables, features: "ProjectionMap") -> Any:
    x = x * tables.weights
    inputs = [x]
    if tables.constant:
        inputs.append(xp.zeros_like(x[:, :1]) + tables.constant)
    if tables.premix:
        left = tables.width - x.shape[1] - len(inputs) + 1
        if left:
            inputs.append(xp.zeros((x.shape[0], left), dtype=x.dtype, device=device_of(x)))
    x = xp.concat(inputs, axis=1) if len(inputs) > 1 else x
    kind = features._kind
    centre = tables.offset * xp.sum(x * x, axis=1, keepdims=True) if kind == CENTRED else None
    if tables.premix:
        x = transform(xp, x, tables.premix)
        planes = [_project(xp, x, piece, kind) for piece in tables.pieces]
        re, im = (_joined(xp, plane) for plane in zip(*planes, strict=True))
    else:
        re = xp.matmul(x, tables.matrices[0])
        im = re if features._real else xp.matmul(x, tables.matrices[1])
    return _respond(xp, re, im, centre, features, tables.factor)


def _joined(xp: Any, parts: Sequence[Any]) -> Any:
    return parts[0] if len(parts) == 1 else xp.concat(list(parts), axis=1)


def _project(xp: Any, x: Any, piece: _Piece, kind: int) -> tuple[Any, Any]:
    n, width = x.shape
    groups = piece.first.shape[0]
    flat = (n, groups, width * piece.blocks)
    if piece.order is not None:  # a permutation of the inputs for each block
        x = xp.reshape(xp.take(x, piece.order, axis=1), (n, *piece.first.shape))
        re = transform(xp, xp.reshape(x * piece.first, flat), piece.matrices)
        re = im = xp.reshape(re * piece.second, (n, -1))
        return re, im
    x = xp.reshape(x, (n, 1, width, 1))
    re = transform(xp, xp.reshape(x * piece.first, flat), piece.matrices)
    if kind == COSINES:
        re = transform(xp, re * piece.second, piece.matrices)
        # The third transform of the compiled loop ends block by block.
        re = xp.reshape(re, (n, groups, width, piece.blocks))
        re = im = xp.reshape(xp.permute_dims(re, (0, 1, 3, 2)), (n, -1))
        return re, im
    if piece.second is None:
        re = xp.reshape(re, (n, -1))
        return re, re
    im = transform(xp, xp.reshape(x * piece.second, flat), piece.matrices)
    return xp.reshape(re, (n, -1)), xp.reshape(im, (n, -1))


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
    if not draws.structured:
        inputs = d + (constant != 0)
        parts = (draws.first,) if features._real else (draws.first, draws.second)
        m = features.n_components // (2 if features._kind in (COSINES, PHASE) else 1)
        matrices = [move(_without_panels(part, width)[:inputs, :m]) for part in parts]
        return _Tables(weights, *numbers, (), (), matrices)
    side = max(1, GROUP // width)
    blocks = draws.first.size // width
    whole = blocks - blocks % side
    pieces = []
    for start, stop, g in ((0, whole, side), (whole, blocks, blocks - whole)):
        if start == stop:
            continue
        places = slice(start * width, stop * width)
        first, second = _side_by_side(draws.first[places], g, width), None
        if features._kind == COSINES:  # this table is in the order of the transform's output
            second = move(draws.second[places].reshape(-1, g * width))
        elif not features._real:
            second = move(_side_by_side(draws.second[places], g, width))
        matrices = [move(matrix) for matrix in factors(width, g)]
        order = None
        if draws.order is not None:
            turned = _side_by_side(draws.order[places], g, width)
            order = xp.asarray(np.array(turned.reshape(-1), dtype=np.int64), device=device)
        pieces.append(_Piece(g, move(first), second, order, matrices))
    premix = [move(matrix) for matrix in factors(width, 1)]
    return _Tables(weights, *numbers, premix, pieces, ())


def _side_by_side(table: Array, g: int, width: int) -> Array:
    return table.reshape(-1, g, width).transpose(0, 2, 1)


def _without_panels(panels: Array, k: int) -> Array:
    return panels.reshape(-1, k, PANEL).transpose(1, 0, 2).reshape(k, -1)
