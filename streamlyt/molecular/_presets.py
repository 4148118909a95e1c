"""Presets of the monitored quantity: from an atom selection to operators."""

from collections.abc import Sequence

from streamlyt.core import Operator
from streamlyt.core.errors import ParameterError, unknown_name_error

from ._selection import AtomSelection
from .dihedrals import Dihedrals
from .distances import Distances
from .superposition import Superposition
from .unwrap import Unwrap

__all__ = ["OBSERVABLES", "select_observable"]

OBSERVABLES = ("auto", "superposed", "distances", "dihedrals", "positions")

_MAX_SUPERPOSED = 64  # atoms: 192 columns describe the shape
_MAX_DISTANCE_ATOMS = 24  # atoms: 276 pairs


def select_observable(selection: AtomSelection, observable: str = "auto") -> list[Operator]:
    """Return the operators that turn frames into the monitored quantity.

    Molecules are unwrapped first where the rows have box columns.

    Parameters
    ----------
    selection
        The atoms of the rows.
    observable
        ``"dihedrals"``; ``"superposed"``: coordinates of at most 64 representative atoms,
        superposed on the first frame; ``"distances"`` of at most 24 representative atoms;
        ``"positions"`` coordinates; ``"auto"``: dihedrals where the selection has any, else
        superposed.

    Raises
    ------
    ParameterError
        If ``observable`` is unknown, or is ``"dihedrals"`` and the selection has none.

    Examples
    --------
    >>> names = ("A1:CA", "A2:CA", "A3:CA")
    >>> selection = AtomSelection(names, ("A1", "A2", "A3"), (-1, 0, 1), (), (), (0, 1, 2), True)
    >>> [type(operator).__name__ for operator in select_observable(selection)]
    ['Unwrap', 'Superposition']
    """
    if observable not in OBSERVABLES:
        raise unknown_name_error("observable", observable, list(OBSERVABLES))
    operators: list[Operator] = [Unwrap(selection.bond_tree)] if selection.has_box else []
    if observable == "auto":
        observable = "dihedrals" if selection.dihedrals else "superposed"
    atoms = selection.representative_atoms
    if observable == "dihedrals":
        if not selection.dihedrals:
            raise ParameterError(
                "observable must be superposed, distances or positions for atoms without a chain "
                "of "
                "residues or beads, got 'dihedrals'; or select the backbone"
            )
        operators.append(Dihedrals(selection.dihedrals, selection.dihedral_labels))
    elif observable == "distances":
        operators.append(Distances(atoms=_evenly_spaced(atoms, _MAX_DISTANCE_ATOMS)))
    elif observable == "superposed":
        operators.append(
            Superposition(fit=atoms, output_atoms=_evenly_spaced(atoms, _MAX_SUPERPOSED))
        )
    return operators


def _evenly_spaced(atoms: Sequence[int], max_atoms: int) -> list[int]:
    """Return at most ``max_atoms`` of the atoms, evenly spaced along the chain."""
    count = min(len(atoms), max_atoms)
    return [atoms[i * len(atoms) // count] for i in range(count)]
