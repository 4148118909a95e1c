"""Topology files: atoms as plain arrays, and atom selections."""

import re
import warnings
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import MDAnalysis
import numpy as np
from MDAnalysis.core._get_readers import get_parser_for
from MDAnalysis.exceptions import NoDataError
from MDAnalysis.topology.MinimalParser import MinimalParser
from numpy.typing import NDArray

from streamlyt.core import Array, Floats
from streamlyt.core.errors import FormatError, ParameterError, SourceError
from streamlyt.molecular import Atoms

__all__ = ["Topology"]

# keywords of the selection language, which are no misspelled names
_KEYWORDS = {"and", "or", "not", "all", "name", "resname", "resid", "segid", "index", "type"}


class Topology:
    """Atoms of a topology file, after the positions of the first frame are set.

    Parameters
    ----------
    path
        File in a format of MDAnalysis.

    Raises
    ------
    ParameterError
        If the format is unknown, or has no atom names.
    SourceError, FormatError
        If the file does not exist or has another format.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        if not Path(path).is_file():
            raise SourceError(f"topology must be a file, got {path!r}, which does not exist")
        try:
            parser = get_parser_for(path)
        except ValueError:
            raise ParameterError(
                f"topology must be of a format that MDAnalysis reads (PDB, PSF, GRO, TPR, "
                f"PRMTOP, ...), got {path!r}; rename or convert it"
            ) from None
        if parser is MinimalParser:
            raise ParameterError(
                f"topology must name its atoms (PDB, PSF, GRO, TPR, PRMTOP, ...), got {path!r}, "
                f"a trajectory; give the topology first and then the trajectory"
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with parser(path) as opened:
                    self._parsed = opened.parse()
        except ImportError as error:
            raise SourceError(f"{path} needs another package: {error}") from None
        except Exception as error:  # parsers raise various types
            raise FormatError(
                f"topology must be a complete {_kind(parser)} file, got {path!r}, "
                f"which cannot be parsed: {_first_line(error)}"
            ) from None
        self.n_atoms = int(self._parsed.n_atoms)

    def set_positions(self, positions: Floats, box: Floats) -> None:
        """Set the positions and the box of the first frame."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._universe = MDAnalysis.Universe(
                self._parsed, positions[None], dimensions=box if (box[:3] > 0).all() else None
            )
        universe = self._universe.atoms
        residues = _read(universe, "resindices")
        names = _read(universe, "names", _read(universe, "types", universe.ids)).astype(str)
        self.atoms = Atoms(
            names=names,
            elements=_read(universe, "elements", np.full(len(names), "")).astype(str),
            residues=residues.astype(np.int64),
            residue_names=_read(universe, "resnames", np.full(len(names), "")).astype(str),
            residue_numbers=_read(universe, "resids", residues + 1).astype(np.int64),
            segments=_segments(universe),
            bonds=_bonds(universe),
            positions=positions,
            box=box,
        )

    def select(self, text: str) -> NDArray[np.int64]:
        """Return the atom numbers of a selection in the MDAnalysis language.

        Raises
        ------
        ParameterError
            If the selection is invalid or empty.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                selected = np.unique(self._universe.select_atoms(text).indices)
        except Exception as error:  # the parser raises various types
            raise ParameterError(
                f"select must be a selection in the MDAnalysis language, got {text!r}: "
                f"{_first_line(error)}; for example 'protein and name CA'"
            ) from None
        if not selected.size:
            raise ParameterError(
                f"select must match at least one of the {self.n_atoms} atoms of {self.path}, "
                f"got {text!r}{self._near(text)}"
            )
        return selected.astype(np.int64)

    def _near(self, text: str) -> str:
        """Return suggestions for unknown names, or the residues of the file."""
        atoms = self.atoms
        words = sorted({*atoms.residue_names, *atoms.names, *atoms.segments} - {""})
        folded = {word.casefold(): str(word) for word in reversed(words)}
        hints = []
        for word in re.findall(r"[\w'*+-]+", text):
            near = get_close_matches(word.casefold(), folded, n=3, cutoff=0.6)
            if word not in words and word.casefold() not in _KEYWORDS and near:
                names = " or ".join(repr(folded[name]) for name in near)
                hints.append(f"unknown name {word!r}; did you mean {names}?")
        if hints:
            return "; " + "; ".join(hints)
        residues = sorted({*atoms.residue_names} - {""})
        return f"; residues are {', '.join(residues[:12])}" if residues else ""


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _read(atoms: Any, name: str, default: Array | None = None) -> Array:
    try:
        return np.asarray(getattr(atoms, name))
    except (NoDataError, AttributeError):
        if default is None:
            raise
        return np.asarray(default)


def _segments(atoms: Any) -> Array:
    """Return chain ids if the file has more of them than segment names, else the latter."""
    segments = _read(atoms, "segids", np.full(atoms.n_atoms, "")).astype(str)
    chains = _read(atoms, "chainIDs", segments).astype(str)
    return chains if len(np.unique(chains)) > len(np.unique(segments)) else segments


def _bonds(atoms: Any) -> NDArray[np.int64]:
    try:
        return np.asarray(atoms.bonds.to_indices(), dtype=np.int64).reshape(-1, 2)
    except (NoDataError, AttributeError):
        return np.empty((0, 2), dtype=np.int64)


def _kind(parser: Any) -> str:
    return parser.format if isinstance(parser.format, str) else str(parser.format[0])
