"""Rigid superposition on the first frame."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from streamlyt.core import Batch, Floats, Schema
from streamlyt.core.errors import ParameterError

from ._atom_columns import MolecularTransform, atom_channels, frames, indices
from ._kernels.geometry import superpose_rows

__all__ = ["Superposition"]

MIN_ATOMS = 3  # two atoms leave the rotation about their axis undetermined


class Superposition(MolecularTransform):
    r"""Rigid superposition on the first frame, which removes rotation and translation.

    The centered fit atoms :math:`x_i` are rotated by the proper rotation R that minimizes
    :math:`\sum_i |R x_i - r_i|^2`, with :math:`r_i` the fit atoms of the first frame, by the
    quaternion characteristic polynomial [1]_. At least three atoms are needed; if the rotation is
    still undetermined (collinear atoms) one of the optimal rotations is used.

    Parameters
    ----------
    fit
        Numbers of the atoms to superpose, at least three. Empty: all.
    output_atoms
        Numbers of the output atoms; coordinates are relative to the centroid of the fit atoms.
        Empty: all.

    Raises
    ------
    ParameterError
        If fewer than three atoms are superposed.
    DataError
        If a coordinate is not finite, or the rows still have box columns.

    References
    ----------
    .. [1] D. L. Theobald, "Rapid calculation of RMSDs using a quaternion-based characteristic
       polynomial", Acta Crystallographica A 61, 478-480 (2005), equations 7-12.

    Examples
    --------
    >>> from streamlyt.core import Channel
    >>> from streamlyt.molecular._atom_columns import atom_channels
    >>> schema = Schema(tuple(atom_channels([Channel("a"), Channel("b"), Channel("c")])))
    >>> rows = [[0, 0, 0, 3, 0, 0, 0, 3, 0], [5, 5, 5, 5, 8, 5, 2, 5, 5]]  # turned by 90 degrees
    >>> aligned, _ = Superposition().update(Batch("", [0, 1], rows, schema))
    >>> bool(np.allclose(aligned.values[1], aligned.values[0]))
    True
    """

    def __init__(self, fit: Sequence[int] = (), output_atoms: Sequence[int] = ()) -> None:
        super().__init__()
        self.fit = fit
        self.output_atoms = output_atoms

    @classmethod
    def _check_example(cls) -> tuple[Self, Batch]:
        return cls(), frames()

    def _prepare(self, schema: Schema) -> Schema:
        atoms = self._atoms(schema)
        self._fit = indices("fit", self.fit, len(atoms))
        if self._fit.size < MIN_ATOMS:
            raise ParameterError(
                f"fit must name at least {MIN_ATOMS} atoms, got {self._fit.size}; select more "
                f"atoms, or use distances or raw coordinates"
            )
        self._keep = indices("output_atoms", self.output_atoms, len(atoms))
        return schema.with_channels(atom_channels([atoms[i] for i in self._keep]))

    def _rows(self, batch: Batch) -> Floats:
        out = np.empty((batch.n_rows, 3 * self._keep.size))
        if batch.n_rows:
            if "reference" not in self.state:
                first = batch.values[0].reshape(-1, 3)[self._fit]
                self.state["reference"] = first - first.mean(axis=0)
            superpose_rows(batch.values, self._fit, self._keep, self.state["reference"], out)
        return out
