"""Recorded trajectories with known changes: found, how late, how well placed, what else.

The default detector as `streamlyt md` runs it, seeds 0 to 4, forwards and backwards, over all
feature maps; the same with every frame turned, shifted and wrapped; and the off-line split of AdK.
``--quick``: the two maps of the detector, two seeds.
"""

import argparse
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from MDAnalysis.lib.formats.libmdaxdr import XTCFile
from MDAnalysis.lib.mdamath import triclinic_vectors
from scipy.spatial.transform import Rotation

from benchmarks._results import record, say
from benchmarks.detection._recordings import DATA_HELP, Recording, alanine, rows_of, villin
from benchmarks.features._maps import MAPS, detector
from benchmarks.forecasting._score import Score, score
from streamlyt.connectors import TrajectorySource
from streamlyt.core import Batch, Event
from streamlyt.detectors import offline_split
from streamlyt.molecular import Superposition

BENCHMARK = "trajectories"
SEEDS = 5
ENOUGH = 4  # of the seeds
PLACED = 60  # frames from a change to its estimate
LATEST = 3000  # frames: a later event is another one; the changes lie 2,000 apart at least
CELL = {  # Angstrom and degrees; some three bonds wide, so that most frames are in pieces
    "ala2_300K": (14, 14, 14, 70, 80, 65),
    "ala2_flips": (14, 14, 14, 70, 80, 65),
    "villin_go": (30, 28, 33, 70, 80, 65),
}
# Both RMSDs, to the first and to the last frame, are equal at this one.
ADK = (
    ("adk_dims", "adk.psf", "adk_dims.dcd", 38),
    ("adk_dims2", "adk.psf", "adk_dims2.dcd", 38),
    ("adk_tmd", "adk_closed_NAMD.psf", "adk_gbis_tmd-fast1_NAMD.dcd", 50),
)
NEAR = 8  # frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help=DATA_HELP)
    parser.add_argument("--quick", action="store_true", help="two maps, two seeds")
    asked = parser.parse_args()
    maps = ("optical", "fourier") if asked.quick else tuple(MAPS)
    seeds = 2 if asked.quick else SEEDS
    with alanine(asked.data) as ala2, villin() as go:
        for recording in (ala2, go):
            rows = rows_of(TrajectorySource(recording.topology, recording.trajectory))
            for features in maps:
                measure(recording, rows, features, seeds, backwards=False)
                # Villin relaxes after its jumps: backwards it begins to move before them.
                if recording is ala2:
                    measure(recording, rows, features, seeds, backwards=True)
            disturb(recording, rows, seeds)
    for case in ADK:
        split(*case)


def measure(recording: Recording, rows: Batch, features: str, seeds: int, backwards: bool) -> None:
    """Count the seeds that reach the goal of a recording, and reports how each did."""
    changes, values = recording.changes, rows.values
    if backwards:
        changes = tuple(rows.n_rows - change for change in reversed(changes))
        values = values[::-1]
    played = Batch("", rows.times, values, rows.schema)
    scores = [score(run(played, features, seed), changes, LATEST) for seed in range(seeds)]
    passed = [_passes(each, recording, changes) for each in scores]
    goal = f"all seeds but one: late by {recording.late} at most, placed within {PLACED}, "
    goal += "one other between the changes at most" if recording.spared else "no other"
    record(
        BENCHMARK,
        f"{recording.name} {features} {'backwards' if backwards else 'forwards'}",
        [float(each) for each in passed],
        "passed",
        goal,
        passed=sum(passed),
        enough=sum(passed) >= ENOUGH - (SEEDS - seeds),
        delays=[each.delays for each in scores],
        errors=[each.errors for each in scores],
        missed=[each.missed for each in scores],
        others=[each.others for each in scores],
    )


def run(rows: Batch, features: str, seed: int) -> list[Event]:
    return detector(features, seed).update(rows)[1]


def _passes(found: Score, recording: Recording, changes: tuple[int, ...]) -> bool:
    first, last = changes[0], changes[-1]
    spared = len(found.others) <= recording.spared
    between = all(first < other < last for other in found.others)
    late = all(delay <= recording.late for delay in found.delays)
    placed = all(abs(error) <= PLACED for error in found.errors)
    return not found.missed and spared and between and late and placed


def disturb(recording: Recording, rows: Batch, seeds: int) -> None:
    """Turn, shift and wrap every frame; reports by how many frames events move."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tumbling.xtc"
        broken = _tumble(recording, path)
        tumbling = rows_of(TrajectorySource(recording.topology, path))
    moved = []
    for seed in range(seeds):
        before, after = run(rows, "optical", seed), run(tumbling, "optical", seed)
        if len(before) != len(after):
            say(f"seed {seed}: {len(before)} events as recorded, {len(after)} tumbling")
            moved.append(float("inf"))
            continue
        moved += [
            float(max(abs(a.alarm_index - b.alarm_index), abs(a.change_index - b.change_index)))
            for a, b in zip(before, after, strict=True)
        ]
    record(
        BENCHMARK,
        f"{recording.name} turned, shifted and wrapped",
        moved,
        "frames",
        "1 at most",
        in_pieces=broken,
    )


def _tumble(recording: Recording, path: Path) -> int:
    """Write the recording with each frame somewhere else in a box; count those in pieces."""
    vectors = triclinic_vectors(CELL[recording.name]).astype(np.float64)
    inverse = np.linalg.inv(vectors)
    box = (vectors / 10).astype(np.float32)
    rng = np.random.default_rng(0)
    whole = TrajectorySource(recording.topology, recording.trajectory, select="all")
    width = 3 * len(whole.atom_selection().atoms)  # without the columns of a box
    frame = broken = 0
    with XTCFile(str(path), "w") as out:
        for batch, _ in whole.read():
            turns = Rotation.random(batch.n_rows, random_state=rng).as_matrix()
            atoms = np.einsum(
                "nij,naj->nai", turns, batch.values[:, :width].reshape(batch.n_rows, -1, 3)
            )
            atoms += rng.normal(size=(batch.n_rows, 1, 3)) * 30
            cells = np.floor(atoms @ inverse)
            broken += int((cells != cells[:, :1]).any(axis=(1, 2)).sum())
            inside = ((atoms - cells @ vectors) / 10).astype(np.float32)
            for xyz, time in zip(inside, batch.times, strict=True):
                out.write(xyz, box, frame, time / 1000, 1000.0)
                frame += 1
    return broken


def split(name: str, topology: str, trajectory: str, crossing: int) -> None:
    data = files("MDAnalysisTests") / "data"
    source = TrajectorySource(Path(str(data / topology)), Path(str(data / trajectory)))
    layout = source.atom_selection()
    sites = layout.representative_atoms
    spread = [sites[i * len(sites) // 64] for i in range(64)]  # as `streamlyt md` takes them
    aligned = Superposition(fit=sites, output_atoms=spread)
    batches = [aligned.update(batch)[0] for batch, _ in source.read()]
    values = np.concatenate([batch.values for batch in batches])
    times = np.concatenate([batch.times for batch in batches])
    event = offline_split(Batch("", times, values, batches[0].schema), standardise=False)
    record(
        BENCHMARK,
        f"{name} off-line split",
        [float(abs(event.change_index - crossing))],
        "frames",
        f"{NEAR} at most",
        change=event.change_index,
        crossing=crossing,
        beats_chance=event.statistic > event.threshold,
    )


if __name__ == "__main__":
    main()
