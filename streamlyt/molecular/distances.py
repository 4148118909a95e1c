"""Distances between atoms."""

from collections.abc import Sequence
from itertools import combinations
from typing import Self

import numpy as np

from streamlyt.core import Batch, Channel, Floats, Schema
from streamlyt.core.errors import ParameterError

from ._atom_columns import MolecularTransform, frames, indices
from ._kernels.geometry import distance_rows

__all__ = ["Distances"]


class Distances(MolecularTransform):
    """Distances between atoms, in the unit of their coordinates.

    Parameters
    ----------
    pairs
        Two atom numbers each. Empty: all pairs of ``atoms``.
    atoms
        Atoms whose pairs are used if ``pairs`` is empty. Empty: all atoms.

    Raises
    ------
    ParameterError
        If there is no pair, or an entry of ``pairs`` is not two atoms of the rows.
    DataError
        If a coordinate is not finite, or the rows still have box columns.

    Examples
    --------
    >>> from streamlyt.core import Channel
    >>> from streamlyt.molecular._atom_columns import atom_channels
    >>> schema = Schema(tuple(atom_channels([Channel("a"), Channel("b")])))
    >>> out, _ = Distances().update(Batch("", [0], [[0, 0, 0, 3, 4, 0]], schema))
    >>> out.schema.channel_names, out.values
    (('a-b',), array([[5.]]))
    """

    def __init__(self, pairs: Sequence[Sequence[int]] = (), atoms: Sequence[int] = ()) -> None:
        super().__init__()
        if any(len(pair) != 2 for pair in pairs):
            raise ParameterError(f"pairs must hold two atom numbers each, got {pairs!r}")
        self.pairs = pairs
        self.atoms = atoms

    @classmethod
    def _check_example(cls) -> tuple[Self, Batch]:
        return cls(), frames()

    def _prepare(self, schema: Schema) -> Schema:
        atoms = self._atoms(schema)
        numbers = indices("atoms", self.atoms, len(atoms))
        pairs = self.pairs or list(combinations(numbers.tolist(), 2))
        if not pairs:
            raise ParameterError("atoms must be at least two, got one; select more atoms")
        flat = indices("pairs", [i for pair in pairs for i in pair], len(atoms))
        self._pairs = flat.reshape(-1, 2)
        return schema.with_channels([_distance_channel(atoms[i], atoms[j]) for i, j in self._pairs])

    def _rows(self, batch: Batch) -> Floats:
        out = np.empty((batch.n_rows, len(self._pairs)))
        distance_rows(batch.values, self._pairs, out)
        return out


def _distance_channel(first: Channel, second: Channel) -> Channel:
    same = first.group == second.group
    group = first.group if same else f"{first.group}-{second.group}"
    return Channel(f"{first.name}-{second.name}", first.unit, group)
