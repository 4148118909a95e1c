"""Unwrapping of molecules across periodic boundaries."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Batch, Floats, Schema
from streamlyt.core.errors import DataError, ParameterError, series_prefix

from ._atom_columns import MolecularTransform, atom_channels, atoms_of, frames, has_box
from ._kernels.geometry import unwrap_rows

__all__ = ["Unwrap"]


class Unwrap(MolecularTransform):
    """Unwraps molecules across periodic boundaries and removes the box columns.

    Each atom is moved to the periodic image nearest its parent in a spanning tree of the molecule.
    This is exact while bonded atoms are nearer than half the box. Boxes may be orthorhombic or
    triclinic, and may vary. Roots do not move.

    Parameters
    ----------
    bond_tree
        Parent of each atom, -1 for a root: ``bond_tree`` of the
        :class:`~streamlyt.molecular.AtomSelection` of a trajectory source.

    Raises
    ------
    ParameterError
        If the parents are not a tree over the atoms of the rows.
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

    def __init__(self, bond_tree: Sequence[int]) -> None:
        super().__init__()
        self.bond_tree = bond_tree
        self._parents = np.asarray(bond_tree, dtype=np.int64)
        self._order = _ancestors_first(self._parents)

    @classmethod
    def _check_example(cls) -> tuple[Self, Batch]:
        return cls([-1, 0, 1, 2, 3, 4]), frames(box=True)

    def _prepare(self, schema: Schema) -> Schema:
        if not has_box(schema):
            raise DataError(
                "rows must end with the six box columns, got rows without a box; remove the unwrap "
                "operator, or read a trajectory with a box"
            )
        atoms = atoms_of(schema)
        if len(atoms) != self._parents.size:
            raise ParameterError(
                f"bond_tree must have one entry for each of the {len(atoms)} atoms of the rows, "
                f"got {self._parents.size}"
            )
        return schema.with_channels(atom_channels(atoms))

    def _rows(self, batch: Batch) -> Floats:
        out = np.empty((batch.n_rows, 3 * self._parents.size))
        cells = _cells(batch)
        unwrap_rows(batch.values, cells, self._order, self._parents, out)
        return out


def _ancestors_first(parents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the atoms ordered so that every parent precedes its children."""
    size = parents.size
    if size == 0 or parents.min() < -1 or parents.max() >= size:
        raise ParameterError(
            f"parents must hold -1 for a root or the number of another atom, got {parents!r}"
        )
    children: list[list[int]] = [[] for _ in range(size)]
    order: list[int] = []
    for atom, parent in enumerate(parents):
        (order if parent < 0 else children[parent]).append(atom)
    for atom in order:  # grows during iteration
        order.extend(children[atom])
    if len(order) != size:
        raise ParameterError("parents must be a tree, got a cycle; every atom must lead to a root")
    return np.array(order, dtype=np.int64)


def _cells(batch: Batch) -> Floats:
    """Return the lower triangle (xx, yx, yy, zx, zy, zz) of each row's box vectors."""
    lengths, angles = batch.values[:, -6:-3], np.radians(batch.values[:, -3:])
    cosines = np.cos(angles)
    # cos(90 degrees) is 6e-17 in floating point: make right angles exact
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
            f"{series_prefix(batch.key)}box must have positive lengths and consistent angles, "
            f"got {batch.values[row, -6:].tolist()} at time {batch.times[row]} "
            f"{batch.schema.time_unit}; remove this {batch.schema.row_label} or the unwrap operator"
        )
    return np.ascontiguousarray(cells)
