"""What is known of selected atoms: names, residues, dihedral angles, a tree to make them whole."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._atoms import Atoms
from ._unit_cell import nearest_image

__all__ = ["AtomSelection", "default_selection", "describe_selection"]

_MOST_ATOMS = 1000  # of a molecule that is no chain: 3,000 columns, more than any detector gains by
_MOST_CHAINS = 20  # joined by their nearest atoms; more are a solvent, not a complex
_MOST_ENDS = 300  # atoms a chain that are tried for the nearest pair


@dataclass(frozen=True)
class AtomSelection:
    """What is known of the atoms of a trajectory's rows; all numbers count these atoms.

    Parameters
    ----------
    atoms, residues
        Name of each atom (``"ALA2:CA"``) and of its residue (``"ALA2"``).
    bond_tree
        For each atom the one it hangs on, -1 for a root: a spanning tree of each molecule, or of
        a complex, for :class:`~streamlyt.molecular.Unwrap`.
    dihedrals, dihedral_labels
        Backbone phi and psi (``"ALA2:phi"``), or for chains of beads the virtual dihedral of
        four consecutive beads (``"SER2:virtual"``, after its second bead).
    representative_atoms
        Atoms that stand for the shape: C-alpha or beads where there are four, else heavy atoms.
    has_box
        Whether the rows end with the six box columns.
    """

    atoms: tuple[str, ...]
    residues: tuple[str, ...]
    bond_tree: tuple[int, ...]
    dihedrals: tuple[tuple[int, ...], ...]
    dihedral_labels: tuple[str, ...]
    representative_atoms: tuple[int, ...]
    has_box: bool


def default_selection(atoms: Atoms) -> NDArray[np.int64]:
    """Return the atoms that are read when nobody says which.

    The backbone N, CA, C of proteins and capped peptides with the C before and the N after them;
    else all beads of chains of beads; else the heavy atoms that are no water and no ion, thinned
    out evenly where there are more than 1,000.
    """
    full = {r: b for r, b in atoms.backbone.items() if {"N", "CA", "C"} <= set(b)}
    if full:
        chosen = [b[name] for b in full.values() for name in ("N", "CA", "C")]
        for before, after in atoms.next_residue.items():
            if after in full and "C" in atoms.backbone[before]:
                chosen.append(atoms.backbone[before]["C"])
            if before in full and "N" in atoms.backbone[after]:
                chosen.append(atoms.backbone[after]["N"])
        return np.unique(np.array(chosen, dtype=np.int64))
    if atoms.beads:
        return np.unique(np.array(list(atoms.beads.values()), dtype=np.int64))
    left = np.flatnonzero(atoms.heavy & ~atoms.water & ~atoms.ions)
    if not left.size:
        left = np.arange(len(atoms.names))
    return left[:: -(-left.size // _MOST_ATOMS)]


def describe_selection(atoms: Atoms, chosen: NDArray[np.int64], box: bool) -> AtomSelection:
    """Return what is known of the chosen atoms."""
    place = {int(atom): i for i, atom in enumerate(chosen)}
    residues = atoms.labels(chosen)
    names = [f"{r}:{n}" for r, n in zip(residues, atoms.names[chosen], strict=True)]
    taken: set[str] = set()
    for i, name in enumerate(names):
        if name in taken:  # alternate locations, or beads without names of their own
            names[i] = f"{name}#{int(chosen[i])}"
        taken.add(names[i])
    anchors = _anchors(atoms, chosen)
    dihedrals, labels = _backbone_dihedrals(atoms, place, residues)
    if not dihedrals:
        dihedrals, labels = _virtual_dihedrals(atoms, anchors, residues)
    beads = [i for i in anchors.values() if atoms.names[chosen[i]] in ("CA", "BB")]
    heavy = np.flatnonzero(atoms.heavy[chosen]).tolist() or range(chosen.size)
    return AtomSelection(
        atoms=tuple(names),
        residues=tuple(residues),
        bond_tree=_parents(atoms, chosen, place, anchors),
        dihedrals=dihedrals,
        dihedral_labels=labels,
        representative_atoms=tuple(beads if len(beads) >= 4 else heavy),
        has_box=box,
    )


def _anchors(atoms: Atoms, chosen: NDArray[np.int64]) -> dict[int, int]:
    """Return residue -> the chosen atom that holds its place in the chain."""
    anchors: dict[int, int] = {}
    for i, atom in enumerate(chosen):
        residue = int(atoms.residues[atom])
        first = anchors.setdefault(residue, i)
        if atoms.names[atom] in ("CA", "BB") and atoms.names[chosen[first]] not in ("CA", "BB"):
            anchors[residue] = i
    return anchors


def _backbone_dihedrals(
    atoms: Atoms, place: dict[int, int], residues: list[str]
) -> tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]:
    quads, labels = [], []
    before = {after: residue for residue, after in atoms.next_residue.items()}
    for residue, own in atoms.backbone.items():
        if not {"N", "CA", "C"} <= set(own):
            continue
        core = [own["N"], own["CA"], own["C"]]
        left = atoms.backbone[before[residue]].get("C") if residue in before else None
        after = atoms.next_residue.get(residue)
        right = atoms.backbone[after].get("N") if after is not None else None
        for name, quad in (("phi", [left, *core]), ("psi", [*core, right])):
            inside = tuple(place[a] for a in quad if a in place)
            if len(inside) == 4:
                quads.append(inside)
                labels.append(f"{residues[inside[1]]}:{name}")
    return tuple(quads), tuple(labels)


def _virtual_dihedrals(
    atoms: Atoms, anchors: dict[int, int], residues: list[str]
) -> tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]:
    quads = []
    for first in anchors:
        chain = [first]
        while len(chain) < 4 and atoms.next_residue.get(chain[-1]) in anchors:
            chain.append(atoms.next_residue[chain[-1]])
        if len(chain) == 4:
            quads.append(tuple(anchors[residue] for residue in chain))
    return tuple(quads), tuple(f"{residues[quad[1]]}:virtual" for quad in quads)


class _Forest:
    """Edges that join what was apart, and nothing else."""

    def __init__(self, size: int) -> None:
        self.root = list(range(size))
        self.edges: list[list[int]] = [[] for _ in range(size)]

    def find(self, i: int) -> int:
        while self.root[i] != i:
            self.root[i] = self.root[self.root[i]]
            i = self.root[i]
        return i

    def join(self, i: int, j: int) -> None:
        a, b = self.find(i), self.find(j)
        if a != b:
            self.root[max(a, b)] = min(a, b)
            self.edges[i].append(j)
            self.edges[j].append(i)


def _parents(
    atoms: Atoms, chosen: NDArray[np.int64], place: dict[int, int], anchors: dict[int, int]
) -> tuple[int, ...]:
    """Return a spanning tree: bonds first, then residues and chains, then chains that touch."""
    forest = _Forest(chosen.size)
    for i, j in atoms.bonds.tolist():
        if i in place and j in place:
            forest.join(place[i], place[j])
    for i, atom in enumerate(chosen):  # a residue is smaller than half a box
        forest.join(anchors[int(atoms.residues[atom])], i)
    links = np.unique(np.sort(atoms.residues[atoms.bonds], axis=1), axis=0).tolist()
    for r, s in [*atoms.next_residue.items(), *links]:
        if r in anchors and s in anchors:
            forest.join(anchors[r], anchors[s])
    _join_chains(forest, atoms, chosen)
    parents = [-1] * chosen.size
    seen = [False] * chosen.size
    for start in range(chosen.size):
        queue = [] if seen[start] else [start]
        for i in queue:  # grows while it is walked
            seen[i] = True
            for j in forest.edges[i]:
                if not seen[j]:
                    parents[j] = i
                    queue.append(j)
    return tuple(parents)


def _join_chains(forest: _Forest, atoms: Atoms, chosen: NDArray[np.int64]) -> None:
    """Join the chains of a complex, each by its nearest pair of atoms in the first frame."""
    chains: dict[int, list[int]] = {}
    for i in range(chosen.size):
        chains.setdefault(forest.find(i), []).append(i)
    if not 1 < len(chains) <= _MOST_CHAINS:
        return
    ends = [np.array(c)[:: -(-len(c) // _MOST_ENDS)] for c in chains.values()]
    joined, left = ends[0], ends[1:]
    while left:
        pairs = [_nearest(atoms, chosen, joined, chain) for chain in left]
        best = min(range(len(left)), key=lambda k: pairs[k][0])
        forest.join(*pairs[best][1:])
        joined = np.concatenate([joined, left.pop(best)])


def _nearest(
    atoms: Atoms, chosen: NDArray[np.int64], ones: NDArray[np.int64], others: NDArray[np.int64]
) -> tuple[float, int, int]:
    here, there = atoms.positions[chosen[ones]], atoms.positions[chosen[others]]
    apart = nearest_image((there[None] - here[:, None]).reshape(-1, 3), atoms.box)
    squares = (apart**2).sum(axis=1)
    at = int(np.argmin(squares))
    return float(squares[at]), int(ones[at // others.size]), int(others[at % others.size])
