"""Atoms as plain arrays, and the chains that their residues form."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Array, Floats

from ._unit_cell import nearest_image

__all__ = ["Atoms"]

_WATERS = ["HOH", "SOL", "WAT", "TIP", "TIP3", "TIP3P", "TIP4", "TIP4P", "TIP5", "TP3M"]
_WATERS += ["SPC", "SPCE", "H2O", "DOD", "W", "PW", "WN"]  # the last three are coarse-grained beads
_IONS = ["SOD", "CLA", "POT", "CAL", "CES", "NA+", "CL-"]  # where the atom has another name
_BEADS = ("CA", "BB")  # names of the chain bead of a residue
_PEPTIDE = 2.5  # Angstrom; C-N is 1.33, and across a gap the next atom is at least 2.4 away


@dataclass(frozen=True, eq=False)
class Atoms:
    """Atoms of a system: one entry per atom, bonds as pairs, positions of the first frame."""

    names: Array
    elements: Array
    residues: NDArray[np.int64]
    residue_names: Array
    residue_numbers: NDArray[np.int64]
    segments: Array
    bonds: NDArray[np.int64]
    positions: Floats
    box: Floats

    @cached_property
    def water(self) -> NDArray[np.bool_]:
        """Mask of water atoms."""
        return np.isin(np.char.upper(self.residue_names), _WATERS)

    @cached_property
    def ions(self) -> NDArray[np.bool_]:
        """Mask of ions: single atoms of a residue with the same name."""
        alone = np.bincount(self.residues)[self.residues] == 1
        same = np.char.upper(self.names) == np.char.upper(self.residue_names)
        named = np.isin(np.char.upper(self.residue_names), _IONS)
        return np.asarray(alone & (same | named))

    @cached_property
    def heavy(self) -> NDArray[np.bool_]:
        """Mask of heavy atoms, by element if the file has it, else by name."""
        bare = np.char.upper(np.char.lstrip(self.names, "0123456789"))
        by_name = np.char.startswith(bare, "H")
        hydrogen = np.where(
            self.elements != "", np.isin(np.char.upper(self.elements), ["H", "D"]), by_name
        )
        return ~hydrogen

    @cached_property
    def backbone(self) -> dict[int, dict[str, int]]:
        """Residue -> its first atoms named N, CA, C (or BB), for residues with one of them."""
        backbone: dict[int, dict[str, int]] = {}
        mask = np.isin(self.names, ["N", "C", *_BEADS]) & ~self.water & ~self.ions
        for atom in np.flatnonzero(mask):
            own = backbone.setdefault(int(self.residues[atom]), {})
            own.setdefault(str(self.names[atom]), int(atom))
        return backbone

    @cached_property
    def beads(self) -> dict[int, int]:
        """Residue -> its chain bead, for residues without N and C."""
        named = {
            residue: next(atoms[name] for name in _BEADS if name in atoms)
            for residue, atoms in self.backbone.items()
            if not {"N", "C"} & set(atoms) and set(_BEADS) & set(atoms)
        }
        if len(named) >= 4 or self.backbone:
            return named
        alone = np.bincount(self.residues)[self.residues] == 1
        single = np.flatnonzero(alone & ~self.water & ~self.ions)
        return {int(self.residues[atom]): int(atom) for atom in single}

    @cached_property
    def next_residue(self) -> dict[int, int]:
        """Residue -> the next residue in its chain."""
        links: dict[int, int] = {}
        peptide = [
            (r, atoms["C"], self.backbone[r + 1]["N"])
            for r, atoms in self.backbone.items()
            if "C" in atoms and "N" in self.backbone.get(r + 1, {})
        ]
        bonded = {(int(i), int(j)) for pair in self.bonds for i, j in (pair, pair[::-1])}
        for (r, c, n), length in zip(peptide, self._lengths([p[1:] for p in peptide]), strict=True):
            if (c, n) in bonded or (self.segments[c] == self.segments[n] and length < _PEPTIDE):
                links[r] = r + 1
        beads = [
            (r, self.beads[r], self.beads[r + 1])
            for r in self.beads
            if r + 1 in self.beads
            and self.segments[self.beads[r]] == self.segments[self.beads[r + 1]]
        ]
        lengths = self._lengths([b[1:] for b in beads])
        # A gap in the chain is longer than any bond, because beads are evenly spaced.
        max_length = 2.0 * float(np.median(lengths)) if len(beads) else 0.0
        links.update(
            {
                r: r + 1
                for (r, i, j), length in zip(beads, lengths, strict=True)
                if (i, j) in bonded or length <= max_length
            }
        )
        return links

    def _lengths(self, pairs: list[tuple[int, int]]) -> Floats:
        ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        vectors = self.positions[ends[:, 1]] - self.positions[ends[:, 0]]
        return np.asarray(np.linalg.norm(nearest_image(vectors, self.box), axis=1))

    def labels(self, selected: NDArray[np.int64]) -> list[str]:
        """Return a residue label per selected atom: ``ALA2``, ``A/ALA2`` if chains repeat it."""
        kinds = np.unique(self.segments[selected])
        labels = [
            f"{name or 'X'}{number}"
            for name, number in zip(
                self.residue_names[selected], self.residue_numbers[selected], strict=True
            )
        ]
        if len(kinds) > 1:
            labels = [
                f"{segment}/{label}" if segment else label
                for segment, label in zip(self.segments[selected], labels, strict=True)
            ]
        owner: dict[str, int] = {}
        # Some files restart residue numbers within a chain: append the residue index.
        return [
            label if owner.setdefault(label, residue) == residue else f"{label}#{residue}"
            for label, residue in zip(labels, self.residues[selected].tolist(), strict=True)
        ]
