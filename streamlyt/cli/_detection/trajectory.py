"""A recorded trajectory from files to findings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streamlyt.cli.options import NullModel, Observe
from streamlyt.connectors import TrajectorySource
from streamlyt.core import Operator
from streamlyt.core.errors import ParameterError
from streamlyt.engines import Summary
from streamlyt.molecular import Dihedrals, Distances, Superposition, Unwrap
from streamlyt.molecular.superposition import LEAST

from .detector_options import choose_detector
from .offline_split import split_short_recording
from .pipeline_run import Recording
from .run import RunOptions, run_recorded, status
from .summary import OfflineSplit

__all__ = ["find_transitions", "trajectory_among_many", "watched"]

MOST_SITES = 64  # aligned: 192 columns, as many as a shape needs
MOST_ENDS = 24  # distances: 276 pairs


def find_transitions(files: Sequence[Path], options: RunOptions, **asked: Any) -> int:
    """Run ``streamlyt md`` over one recording; return its exit status."""
    return status(run_recorded(_recorded(files, **asked), options), options)


def _recorded(
    files: Sequence[Path],
    *,
    select: str,
    observe: Observe,
    frames: tuple[int | None, int | None, int | None],
    knobs: Mapping[str, Any],
) -> Recording:
    """Return a trajectory with what ``streamlyt md`` was asked for."""
    topology, *trajectory = files
    start, stop, step = frames
    source = TrajectorySource(
        topology,
        trajectory[0] if len(trajectory) == 1 else trajectory,
        select=select,
        start=start,
        stop=stop,
        step=step,
    )
    return watched(source, observe, knobs, trajectory[0].name)


def trajectory_among_many(topology: Path, trajectory: Path, **asked: Any) -> Recording:
    """Return a trajectory whose topology may be a name that lies beside it."""
    there = topology if topology.exists() else trajectory.with_name(topology.name)
    return _recorded([there, trajectory], **asked)


def watched(
    source: TrajectorySource, observe: Observe, knobs: Mapping[str, Any], title: str
) -> Recording:
    """Return a trajectory with its detector; where it is too short for one, it is split."""
    observables = _observables(source, observe)
    # Dihedrals come as rows of length one, for which a kernel half as wide is right; all else is
    # measured by its first frames.
    scale = 2.0 if observables and isinstance(observables[-1], Dihedrals) else None
    detector = choose_detector(**knobs, scale=scale, usual=NullModel.learned)

    def split(summary: Summary) -> OfflineSplit | None:
        # Aligned whatever is watched: dihedrals say nothing of a few frames on a steady path.
        seen = (
            Observe.aligned
            if len(source.atom_selection().representative_atoms) >= LEAST
            else Observe.raw
        )
        return split_short_recording(source, _observables(source, seen), False, summary, detector)

    return Recording(title, source, [*observables, detector], afterwards=split)


def _observables(source: TrajectorySource, observe: Observe) -> list[Operator]:
    layout = source.atom_selection()
    # The box columns have served when molecules are whole; without a box there is none to serve.
    whole: list[Operator] = [Unwrap(layout.bond_tree)] if layout.has_box else []
    if observe is Observe.auto:
        observe = Observe.dihedrals if layout.dihedrals else Observe.aligned
    if observe is Observe.raw:
        return whole
    if observe is Observe.dihedrals:
        if not layout.dihedrals:
            raise ParameterError(
                "--observe dihedrals needs a chain of residues or beads, got a selection without "
                "one; choose aligned or distances, or select the backbone"
            )
        return [*whole, Dihedrals(layout.dihedrals, layout.dihedral_labels)]
    if observe is Observe.distances:
        return [*whole, Distances(atoms=_spread(layout.representative_atoms, MOST_ENDS))]
    return [
        *whole,
        Superposition(
            fit=layout.representative_atoms, keep=_spread(layout.representative_atoms, MOST_SITES)
        ),
    ]


def _spread(sites: Sequence[int], most: int) -> list[int]:
    """Return at most so many of the sites, evenly spaced along the chain."""
    count = min(len(sites), most)
    return [sites[i * len(sites) // count] for i in range(count)]
