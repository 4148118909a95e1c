"""The recorded trajectories with known changes: where they are, and their rows."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from benchmarks._results import say
from streamlyt.connectors import TrajectorySource
from streamlyt.core import Batch
from streamlyt.molecular import Dihedrals, Unwrap

__all__ = ["DATA_HELP", "SCALE", "Recording", "alanine", "rows_of", "villin"]

SCALE = 2.0  # what `streamlyt md` gives a detector of dihedrals
DATA_HELP = "folder with ala2_300K.pdb and .xtc; default: STREAMLYT_DATA, else the shipped cut"


@dataclass(frozen=True)
class Recording:
    """A trajectory and what is known of it.

    Parameters
    ----------
    name
        Of its files.
    topology, trajectory
        Those files.
    frames
        How many there are.
    changes
        Frames of the changes.
    late
        Frames that an alarm may come after its change.
    spared
        How many other events are allowed, all between the changes.
    """

    name: str
    topology: Path
    trajectory: Path
    frames: int
    changes: tuple[int, ...]
    late: int
    spared: int = 0


@contextmanager
def alanine(folder: Path | None) -> Iterator[Recording]:
    """Give alanine dipeptide: the whole run of 100,000 frames, or the cut that is shipped."""
    told = folder or os.environ.get("STREAMLYT_DATA")
    if told is not None:
        topology = Path(told) / "ala2_300K.pdb"
        if not topology.exists():
            sys.exit(f"--data must be a folder with ala2_300K.pdb and .xtc, got {str(told)!r}")
        trajectory = topology.with_suffix(".xtc")
        yield Recording("ala2_300K", topology, trajectory, 100_000, (34_315, 38_012), 60, 1)
        return
    say(
        "neither --data nor STREAMLYT_DATA names a folder: the shipped cut ala2_flips of 14,000 "
        "frames stands in for ala2_300K of 100,000"
    )
    with as_file(files("streamlyt.molecular._data")) as data:
        pair = data / "ala2_flips.pdb", data / "ala2_flips.xtc"
        yield Recording("ala2_flips", *pair, 14_000, (5215, 8912), 60, 1)


@contextmanager
def villin() -> Iterator[Recording]:
    """Give the temperature jumps of villin."""
    with as_file(files("streamlyt.molecular._data")) as data:
        pair = data / "villin_go.pdb", data / "villin_go.dcd"
        yield Recording("villin_go", *pair, 6000, (2000, 4000), 100)


def rows_of(source: TrajectorySource) -> Batch:
    """Return the dihedrals of all frames, as `streamlyt md` sees them."""
    layout = source.atom_selection()
    operators = [Unwrap(layout.bond_tree)] if layout.has_box else []
    steps = [*operators, Dihedrals(layout.dihedrals, layout.dihedral_labels)]
    batches = []
    for batch, _ in source.read():
        for step in steps:
            batch, _ = step.update(batch)
        batches.append(batch)
    times = np.concatenate([batch.times for batch in batches])
    values = np.concatenate([batch.values for batch in batches])
    return Batch("", times, values, batches[0].schema)
