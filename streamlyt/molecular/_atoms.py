"""Atoms as plain arrays, and the chains that their residues form."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Array, Floats

from ._unit_cell import nearest_image

__all__ = ["Atoms"]

_WATERS = ["HOH", "SOL", "WAT", "TIP", "TIP3", "TIP3P", "TIP4", "TIP4P", "TIP5", "TP3M"]
_WATERS += ["SPC", "SPCE", "H2O", "DOD", "W", "PW", "WN"]  # the last three are beads
_IONS = ["SOD", "CLA", "POT", "CAL", "CES", "NA+", "CL-"]  # where the atom is called otherwise
_BEADS = ("CA", "BB")  # what a residue's one bead on the chain is called
_PEPTIDE = (
    2.5  # Angstrom; C-N is 1.33, and the next atom that a gap would leave is 2.4 away or more
)


@dataclass(frozen=True, eq=False)
class Atoms:
    """The atoms of a system: one entry an atom, bonds as pairs, positions of the first frame."""

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
        """Which atoms are of water."""
        return np.isin(np.char.upper(self.residue_names), _WATERS)

    @cached_property
    def ions(self) -> NDArray[np.bool_]:
        """Which atoms are alone in their residue with its name, as ions are."""
        alone = np.bincount(self.residues)[self.residues] == 1
        same = np.char.upper(self.names) == np.char.upper(self.residue_names)
        named = np.isin(np.char.upper(self.residue_names), _IONS)
        return np.asarray(alone & (same | named))

    @cached_property
    def heavy(self) -> NDArray[np.bool_]:
        """Which atoms are not hydrogen, by element where the file says it, else by name."""
        bare = np.char.upper(np.char.lstrip(self.names, "0123456789"))
        by_name = np.char.startswith(bare, "H")
        hydrogen = np.where(
            self.elements != "", np.isin(np.char.upper(self.elements), ["H", "D"]), by_name
        )
        return ~hydrogen

    @cached_property
    def backbone(self) -> dict[int, dict[str, int]]:
        """Residue -> its first atoms called N, CA, C (or BB), for residues with one of them."""
        found: dict[int, dict[str, int]] = {}
        wanted = np.isin(self.names, ["N", "C", *_BEADS]) & ~self.water & ~self.ions
        for atom in np.flatnonzero(wanted):
            own = found.setdefault(int(self.residues[atom]), {})
            own.setdefault(str(self.names[atom]), int(atom))
        return found

    @cached_property
    def beads(self) -> dict[int, int]:
        """Residue -> the bead of the chain in it, where residues have no N and C."""
        named = {
            residue: next(atoms[name] for name in _BEADS if name in atoms)
            for residue, atoms in self.backbone.items()
            if not {"N", "C"} & set(atoms) and set(_BEADS) & set(atoms)
        }
        if len(named) >= 4 or self.backbone:
            return named
        alone = np.bincount(self.residues)[self.residues] == 1
        chosen = np.flatnonzero(alone & ~self.water & ~self.ions)
        return {int(self.residues[atom]): int(atom) for atom in chosen}

    @cached_property
    def next_residue(self) -> dict[int, int]:
        """Residue -> the one that follows it in its chain."""
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
        # a gap in the chain is longer than any bond: beads of one kind are evenly spaced
        longest = 2.0 * float(np.median(lengths)) if len(beads) else 0.0
        links.update(
            {
                r: r + 1
                for (r, i, j), length in zip(beads, lengths, strict=True)
                if (i, j) in bonded or length <= longest
            }
        )
        return links

    def _lengths(self, pairs: list[tuple[int, int]]) -> Floats:
        ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        apart = self.positions[ends[:, 1]] - self.positions[ends[:, 0]]
        return np.asarray(np.linalg.norm(nearest_image(apart, self.box), axis=1))

    def labels(self, chosen: NDArray[np.int64]) -> list[str]:
        """Return a residue label for each chosen atom: ``ALA2``, ``A/ALA2`` if chains repeat it."""
        kinds = np.unique(self.segments[chosen])
        labels = [
            f"{name or 'X'}{number}"
            for name, number in zip(
                self.residue_names[chosen], self.residue_numbers[chosen], strict=True
            )
        ]
        if len(kinds) > 1:
            labels = [
                f"{segment}/{label}" if segment else label
                for segment, label in zip(self.segments[chosen], labels, strict=True)
            ]
        owner: dict[str, int] = {}
        # some files number residues anew without a new chain: the running number tells them apart
        return [
            label if owner.setdefault(label, residue) == residue else f"{label}#{residue}"
            for label, residue in zip(labels, self.residues[chosen].tolist(), strict=True)
        ]
