"""Molecules made whole across the periodic box."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Batch, Floats, Schema
from streamlyt.core.errors import DataError, ParameterError, series_prefix

from ._atom_columns import MolecularTransform, atom_channels, atoms_of, frames, has_box
from ._kernels.geometry import whole_rows

__all__ = ["Unwrap"]


class Unwrap(MolecularTransform):
    """Molecules made whole across the periodic box, whose columns it takes away.

    Each atom is put at the periodic image nearest its parent in a spanning tree of the molecule.
    That is exact while bonded atoms are nearer than half the box; orthorhombic and triclinic
    boxes, and boxes that change, are all one to it. Roots stay where they are.

    Parameters
    ----------
    parents
        For every atom the number of the atom it hangs on, -1 for a root. A
        :class:`~streamlyt.connectors.TrajectorySource` says them in its layout.

    Raises
    ------
    ParameterError
        If the parents are no tree over the atoms of the rows.
    DataError
        If the rows have no box, a box is not positive, or a coordinate is not finite.

    Examples
    --------
    >>> from streamlyt.core import Channel
    >>> from streamlyt.molecular._atom_columns import BOX, atom_channels
    >>> schema = Schema((*atom_channels([Channel("a"), Channel("b")]), *BOX))
    >>> row = [9.5, 0.0, 0.0, 0.5, 0.0, 0.0, 10.0, 10.0, 10.0, 90.0, 90.0, 90.0]
    >>> whole, _ = Unwrap([-1, 0]).update(Batch("", [0], [row], schema))
    >>> whole.values
    array([[ 9.5,  0. ,  0. , 10.5,  0. ,  0. ]])
    """

    def __init__(self, parents: Sequence[int]) -> None:
        super().__init__()
        self.parents = parents
        self._parents = np.asarray(parents, dtype=np.int64)
        self._order = _ancestors_first(self._parents)

    @classmethod
    def _check_example(cls) -> tuple[Self, Batch]:
        return cls([-1, 0, 1, 2, 3, 4]), frames(box=True)

    def _prepare(self, schema: Schema) -> Schema:
        if not has_box(schema):
            raise DataError(
                "Whole needs the six box columns after the atoms, got a stream without a box; "
                "leave Whole out, or read a trajectory that holds its box"
            )
        atoms = atoms_of(schema)
        if len(atoms) != self._parents.size:
            raise ParameterError(
                f"parents must have one entry for each of the {len(atoms)} atoms of the rows, "
                f"got {self._parents.size}"
            )
        return schema.with_channels(atom_channels(atoms))

    def _rows(self, batch: Batch) -> Floats:
        out = np.empty((batch.n_rows, 3 * self._parents.size))
        cells = _cells(batch)
        whole_rows(batch.values, cells, self._order, self._parents, out)
        return out


def _ancestors_first(parents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the atoms in an order in which every parent stands before its children."""
    size = parents.size
    if size == 0 or parents.min() < -1 or parents.max() >= size:
        raise ParameterError(
            f"parents must hold -1 for a root or the number of another atom, got {parents!r}"
        )
    children: list[list[int]] = [[] for _ in range(size)]
    order: list[int] = []
    for atom, parent in enumerate(parents):
        (order if parent < 0 else children[parent]).append(atom)
    for atom in order:  # grows while it is walked
        order.extend(children[atom])
    if len(order) != size:
        raise ParameterError("parents must be a tree, got a ring: every atom must lead to a root")
    return np.array(order, dtype=np.int64)


def _cells(batch: Batch) -> Floats:
    """Return the lower triangle (xx, yx, yy, zx, zy, zz) of each row's box vectors."""
    lengths, angles = batch.values[:, -6:-3], np.radians(batch.values[:, -3:])
    cosines = np.cos(angles)
    # cos(90 degrees) is 6e-17 in floating point; a rectangular box is meant
    cosines[batch.values[:, -3:] == 90.0] = 0.0
    a, b, c = lengths.T
    alpha, beta, gamma = cosines.T
    with np.errstate(invalid="ignore", divide="ignore"):
        sine = np.sqrt(1.0 - gamma**2)
        zy = (alpha - beta * gamma) / sine
        zz = np.sqrt(1.0 - beta**2 - zy**2)
        cells = np.stack([a, b * gamma, b * sine, c * beta, c * zy, c * zz], axis=1)
        bad = ~((cells[:, [0, 2, 5]] > 0.0).all(axis=1) & np.isfinite(cells).all(axis=1))
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{series_prefix(batch.key)}the box must have positive lengths and angles that close, "
            f"got {batch.values[row, -6:].tolist()} at time {batch.times[row]} "
            f"{batch.schema.time_unit}; leave that {batch.schema.row_label} out, or leave Whole out"
        )
    return np.ascontiguousarray(cells)
