"""Dihedral angles as cosine and sine."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from streamlyt.core import Batch, Channel, Floats, Schema
from streamlyt.core.errors import ParameterError

from ._atom_columns import MolecularTransform, frames, indices
from ._kernels.geometry import dihedral_rows

__all__ = ["Dihedrals"]


class Dihedrals(MolecularTransform):
    r"""Dihedral angles as cosine and sine, without jumps at the period.

    With q angles every column is divided by :math:`\sqrt q`: rows have length one, whatever the
    size of the molecule. The sign follows IUPAC. If three consecutive atoms are collinear the
    angle is undefined and both columns are 0.

    Parameters
    ----------
    quads
        Four atom numbers each.
    labels
        Name of each angle (``"ALA2:phi"``). Empty: the names of its four atoms.

    Raises
    ------
    ParameterError
        If there is no angle, an angle has not four atoms, or the number of labels differs.
    DataError
        If a coordinate is not finite, or the rows still have box columns.

    Examples
    --------
    >>> from streamlyt.core import Channel
    >>> from streamlyt.molecular._atom_columns import atom_channels
    >>> schema = Schema(tuple(atom_channels([Channel(name) for name in "abcd"])))
    >>> row = [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1]
    >>> out, _ = Dihedrals([[0, 1, 2, 3]], ["turn"]).update(Batch("", [0], [row], schema))
    >>> out.schema.channel_names, out.values
    (('turn.cos', 'turn.sin'), array([[0., 1.]]))
    """

    def __init__(self, quads: Sequence[Sequence[int]], labels: Sequence[str] = ()) -> None:
        super().__init__()
        if not len(quads) or any(len(quad) != 4 for quad in quads):
            raise ParameterError(f"quads must hold four atom numbers for each angle, got {quads!r}")
        if len(labels) not in (0, len(quads)):
            raise ParameterError(
                f"labels must have {len(quads)} entries, one per angle, got {len(labels)}"
            )
        self.quads = quads
        self.labels = labels

    @classmethod
    def _check_example(cls) -> tuple[Self, Batch]:
        return cls([[0, 1, 2, 3], [1, 2, 3, 4]]), frames()

    def _prepare(self, schema: Schema) -> Schema:
        atoms = self._atoms(schema)
        flat = indices("quads", [i for quad in self.quads for i in quad], len(atoms))
        self._quads = flat.reshape(-1, 4)
        labels = self.labels or ["-".join(atoms[i].name for i in quad) for quad in self._quads]
        return schema.with_channels(
            [
                # the second atom of phi, psi and virtual angles is in the residue of their name
                Channel(f"{label}.{part}", "", atoms[quad[1]].group)
                for label, quad in zip(labels, self._quads, strict=True)
                for part in ("cos", "sin")
            ]
        )

    def _rows(self, batch: Batch) -> Floats:
        out = np.empty((batch.n_rows, 2 * len(self._quads)))
        dihedral_rows(batch.values, self._quads, 1.0 / np.sqrt(len(self._quads)), out)
        return out
