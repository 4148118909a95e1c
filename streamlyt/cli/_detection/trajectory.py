"""Change detection on a recorded trajectory, from files to events."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streamlyt.cli.options import NullModel, Observable
from streamlyt.connectors import TrajectorySource
from streamlyt.engines import Summary
from streamlyt.molecular import Dihedrals, select_observable
from streamlyt.molecular.superposition import MIN_ATOMS

from .detector_options import choose_detector
from .offline_split import split_short_recording
from .pipeline_run import Recording
from .run import RunOptions, run_recorded, status
from .summary import OfflineSplit

__all__ = ["batch_trajectory", "detect_in_trajectory", "monitored_trajectory"]


def detect_in_trajectory(files: Sequence[Path], options: RunOptions, **settings: Any) -> int:
    """Run ``streamlyt md`` on one recording; return the exit status."""
    return status(run_recorded(_recording(files, **settings), options), options)


def _recording(
    files: Sequence[Path],
    *,
    select: str,
    observable: Observable,
    frames: tuple[int | None, int | None, int | None],
    detector_options: Mapping[str, Any],
) -> Recording:
    """Return the recording with the options of ``streamlyt md``."""
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
    return monitored_trajectory(source, observable, detector_options, trajectory[0].name)


def batch_trajectory(topology: Path, trajectory: Path, **settings: Any) -> Recording:
    """Return one recording of many.

    A topology that does not exist as a path is looked up in the directory of the trajectory.
    """
    found = topology if topology.exists() else trajectory.with_name(topology.name)
    return _recording([found, trajectory], **settings)


def monitored_trajectory(
    source: TrajectorySource,
    observable: Observable,
    detector_options: Mapping[str, Any],
    title: str,
) -> Recording:
    """Return a trajectory with its detector; a series too short for it is split offline."""
    selection = source.atom_selection()
    operators = select_observable(selection, observable.value)
    # Dihedral rows have length one, which needs a kernel half as wide. For all other rows the
    # detector estimates the scale from the first frames.
    scale = 2.0 if operators and isinstance(operators[-1], Dihedrals) else None
    detector = choose_detector(**detector_options, scale=scale, default=NullModel.empirical)

    def split(summary: Summary) -> OfflineSplit | None:
        # Always superposed: dihedrals of a few frames on a steady path carry no information.
        enough = len(selection.representative_atoms) >= MIN_ATOMS
        chosen = Observable.superposed if enough else Observable.positions
        superposed = select_observable(selection, chosen.value)
        return split_short_recording(source, superposed, False, summary, detector)

    return Recording(title, source, [*operators, detector], afterwards=split)
