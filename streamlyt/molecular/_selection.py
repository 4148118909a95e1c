"""Properties of selected atoms: names, residues, dihedrals and bond tree."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._atoms import Atoms
from ._unit_cell import nearest_image

__all__ = ["AtomSelection", "default_selection", "describe_selection"]

_MAX_ATOMS = 1000  # of a molecule that is not a chain: 3,000 columns
_MAX_CHAINS = 20  # joined by their nearest atoms; more indicate a solvent
_MAX_CANDIDATES = 300  # atoms per chain in the search for the nearest pair


@dataclass(frozen=True)
class AtomSelection:
    """Properties of the atoms of a trajectory; atom numbers refer to the selected atoms.

    Parameters
    ----------
    atoms, residues
        Name of each atom (``"ALA2:CA"``) and of its residue (``"ALA2"``).
    bond_tree
        Parent of each atom, -1 for a root: a spanning tree of each molecule or complex,
        for :class:`~streamlyt.molecular.Unwrap`.
    dihedrals, dihedral_labels
        Backbone phi and psi (``"ALA2:phi"``), or for chains of beads the virtual dihedrals of
        four consecutive beads (``"SER2:virtual"``, after its second bead).
    representative_atoms
        Atoms that represent the shape: C-alpha or beads if there are four, else heavy atoms.
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
    """Return the default atoms.

    The backbone N, CA, C of proteins and capped peptides with the adjacent C and N; else all
    beads of chains of beads; else the heavy atoms except water and ions, evenly thinned to at
    most 1,000.
    """
    complete = {r: b for r, b in atoms.backbone.items() if {"N", "CA", "C"} <= set(b)}
    if complete:
        selected = [b[name] for b in complete.values() for name in ("N", "CA", "C")]
        for before, after in atoms.next_residue.items():
            if after in complete and "C" in atoms.backbone[before]:
                selected.append(atoms.backbone[before]["C"])
            if before in complete and "N" in atoms.backbone[after]:
                selected.append(atoms.backbone[after]["N"])
        return np.unique(np.array(selected, dtype=np.int64))
    if atoms.beads:
        return np.unique(np.array(list(atoms.beads.values()), dtype=np.int64))
    heavy = np.flatnonzero(atoms.heavy & ~atoms.water & ~atoms.ions)
    if not heavy.size:
        heavy = np.arange(len(atoms.names))
    return heavy[:: -(-heavy.size // _MAX_ATOMS)]


def describe_selection(atoms: Atoms, selected: NDArray[np.int64], has_box: bool) -> AtomSelection:
    """Return the properties of the selected atoms."""
    index = {int(atom): i for i, atom in enumerate(selected)}
    residues = atoms.labels(selected)
    names = [f"{r}:{n}" for r, n in zip(residues, atoms.names[selected], strict=True)]
    used: set[str] = set()
    for i, name in enumerate(names):
        if name in used:  # alternate locations, or beads without unique names
            names[i] = f"{name}#{int(selected[i])}"
        used.add(names[i])
    anchors = _anchors(atoms, selected)
    dihedrals, labels = _backbone_dihedrals(atoms, index, residues)
    if not dihedrals:
        dihedrals, labels = _virtual_dihedrals(atoms, anchors, residues)
    beads = [i for i in anchors.values() if atoms.names[selected[i]] in ("CA", "BB")]
    heavy = np.flatnonzero(atoms.heavy[selected]).tolist() or range(selected.size)
    return AtomSelection(
        atoms=tuple(names),
        residues=tuple(residues),
        bond_tree=_bond_tree(atoms, selected, index, anchors),
        dihedrals=dihedrals,
        dihedral_labels=labels,
        representative_atoms=tuple(beads if len(beads) >= 4 else heavy),
        has_box=has_box,
    )


def _anchors(atoms: Atoms, selected: NDArray[np.int64]) -> dict[int, int]:
    """Return residue -> the selected atom that represents it in the chain."""
    anchors: dict[int, int] = {}
    for i, atom in enumerate(selected):
        residue = int(atoms.residues[atom])
        first = anchors.setdefault(residue, i)
        if atoms.names[atom] in ("CA", "BB") and atoms.names[selected[first]] not in ("CA", "BB"):
            anchors[residue] = i
    return anchors


def _backbone_dihedrals(
    atoms: Atoms, index: dict[int, int], residues: list[str]
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
            inside = tuple(index[a] for a in quad if a in index)
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
    """Union-find that keeps only edges between separate components."""

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


def _bond_tree(
    atoms: Atoms, selected: NDArray[np.int64], index: dict[int, int], anchors: dict[int, int]
) -> tuple[int, ...]:
    """Return a spanning tree: bonds first, then residues and chains, then adjacent chains."""
    forest = _Forest(selected.size)
    for i, j in atoms.bonds.tolist():
        if i in index and j in index:
            forest.join(index[i], index[j])
    for i, atom in enumerate(selected):  # a residue is smaller than half a box
        forest.join(anchors[int(atoms.residues[atom])], i)
    links = np.unique(np.sort(atoms.residues[atoms.bonds], axis=1), axis=0).tolist()
    for r, s in [*atoms.next_residue.items(), *links]:
        if r in anchors and s in anchors:
            forest.join(anchors[r], anchors[s])
    _join_chains(forest, atoms, selected)
    parents = [-1] * selected.size
    visited = [False] * selected.size
    for start in range(selected.size):
        queue = [] if visited[start] else [start]
        for i in queue:  # grows during iteration
            visited[i] = True
            for j in forest.edges[i]:
                if not visited[j]:
                    parents[j] = i
                    queue.append(j)
    return tuple(parents)


def _join_chains(forest: _Forest, atoms: Atoms, selected: NDArray[np.int64]) -> None:
    """Join the chains of a complex, each by its nearest pair of atoms in the first frame."""
    chains: dict[int, list[int]] = {}
    for i in range(selected.size):
        chains.setdefault(forest.find(i), []).append(i)
    if not 1 < len(chains) <= _MAX_CHAINS:
        return
    candidates = [np.array(c)[:: -(-len(c) // _MAX_CANDIDATES)] for c in chains.values()]
    joined, remaining = candidates[0], candidates[1:]
    while remaining:
        pairs = [_nearest(atoms, selected, joined, chain) for chain in remaining]
        best = min(range(len(remaining)), key=lambda k: pairs[k][0])
        forest.join(*pairs[best][1:])
        joined = np.concatenate([joined, remaining.pop(best)])


def _nearest(
    atoms: Atoms, selected: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]
) -> tuple[float, int, int]:
    start, end = atoms.positions[selected[first]], atoms.positions[selected[second]]
    vectors = nearest_image((end[None] - start[:, None]).reshape(-1, 3), atoms.box)
    squares = (vectors**2).sum(axis=1)
    i = int(np.argmin(squares))
    return float(squares[i]), int(first[i // second.size]), int(second[i % second.size])
