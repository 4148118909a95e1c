"""CPU time of `streamlyt md`: the whole command warm and cold, and a frame of a larger protein.

What a frame costs is the difference between two lengths of the same recording, so that start-up is
no part of it; bare decoding of the same file is taken off. ``--quick``: fewer repetitions and
frames.
"""

import argparse
import json
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from MDAnalysis.lib.formats.libdcd import DCDFile
from MDAnalysis.lib.formats.libmdaxdr import XTCFile

from benchmarks._results import cpu_seconds, record
from benchmarks.detection._recordings import DATA_HELP, SCALE, alanine
from benchmarks.engine._command import streamlyt
from streamlyt.connectors import TrajectorySource
from streamlyt.core import Batch, Operator
from streamlyt.detectors import MultiscaleNEWMA
from streamlyt.molecular import Dihedrals, Superposition, Unwrap
from streamlyt.runfile import RunFile

BENCHMARK = "md_speed"
WHOLE_S, COMPILING_S, FRAME_US = 12, 25, 60  # the goals
TURNS = 52  # of the 98 frames of AdK in one file: 5,096 frames
# Such files in a row: the start of a command costs as much as 80,000 frames, and scatters.
PARTS, STAGED = 16, 4
ATOMS, SELECTED = 3341, 214
SITES = 64  # that `streamlyt md` keeps of a superposed shape


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help=DATA_HELP)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions and frames")
    parser.add_argument("--frames", action="store_true", help="the larger protein only")
    asked = parser.parse_args()
    repeats = 1 if asked.quick else 5
    if not asked.frames:
        with alanine(asked.data) as ala2:
            whole_command(ala2.name, ala2.topology, ala2.trajectory, repeats)
            stages(ala2.name, TrajectorySource(ala2.topology, ala2.trajectory), repeats)
    with TemporaryDirectory() as folder:
        for ending, write in (("dcd", _write_dcd), ("xtc", _write_xtc)):
            path = Path(folder) / f"adk.{ending}"
            write(path, TURNS // 4 if asked.quick else TURNS)
            protein(path, repeats)
            path.unlink()


def whole_command(name: str, topology: Path, trajectory: Path, repeats: int) -> None:
    """Time the command as a user runs it: with the kernels compiled, and for the first time."""
    words = ("md", topology, trajectory, "--format", "jsonl")
    with TemporaryDirectory() as folder:
        cold = [
            streamlyt(*words, env={"NUMBA_CACHE_DIR": f"{folder}/{i}"}).cpu_s
            for i in range(min(2, repeats))
        ]
    runs = [streamlyt(*words) for _ in range(repeats + 1)][1:]
    events = [json.loads(line)["change_index"] for line in runs[0].stdout.splitlines()]
    warm = record(
        BENCHMARK,
        f"md {name}",
        [run.cpu_s for run in runs],
        "CPU s",
        f"{WHOLE_S} at most",
        changes=events,
    )
    more = [seconds - warm for seconds in cold]
    record(BENCHMARK, f"md {name}, first run: more by", more, "CPU s", f"{COMPILING_S} at most")
    with TemporaryDirectory() as folder:
        page, run = Path(folder) / "page.html", Path(folder) / "run.streamlyt"
        kept = []
        for i in range(repeats):
            kept.append(streamlyt(*words, "--run", f"{run}{i}", "--report", page).cpu_s)
        size = Path(f"{run}0").stat().st_size / 1e6
        page_mb = page.stat().st_size / 1e6
    record(
        BENCHMARK,
        f"md {name} --run --report",
        kept,
        "CPU s",
        run_mb=round(size, 1),
        page_mb=round(page_mb, 2),
    )


def protein(path: Path, repeats: int) -> None:
    """Time a frame of AdK, 3,341 atoms, on its 214 C-alpha atoms."""
    topology = _adk("adk.psf")
    kind = path.suffix[1:].upper()
    with _open(path) as file:
        frames = len(file)
    decoding: list[float] = []
    for observe in ("auto", "superposed"):
        asked = ("--select", "name CA", "--observe", observe)
        over = []
        streamlyt("md", topology, path, *asked)  # compiles, where that is still to be done
        for _ in range(repeats):
            long = streamlyt("md", topology, *[path] * PARTS, *asked).cpu_s
            short = streamlyt("md", topology, path, *asked).cpu_s
            # Beside the runs that it is taken off: other work on the machine slows all alike.
            [bare] = cpu_seconds(lambda: _decode(path), repeats=1)
            decoding.append(bare / frames * 1e6)
            over.append((long - short) / ((PARTS - 1) * frames) * 1e6 - decoding[-1])
        case = f"AdK {kind} --observe {observe}: over decoding"
        goal = f"{FRAME_US} at most"
        record(BENCHMARK, case, over, "us/frame", goal, frames=PARTS * frames)
    record(BENCHMARK, f"AdK {kind}: bare decoding", decoding, "us/frame")
    source = TrajectorySource(topology, [path] * STAGED, select="name CA")
    stages(f"AdK {kind}", source, min(repeats, 3))


def stages(name: str, source: TrajectorySource, repeats: int) -> None:
    """Time each stage of the same work by itself, in this process."""
    layout = source.atom_selection()
    spread = [
        layout.representative_atoms[i * len(layout.representative_atoms) // SITES]
        for i in range(SITES)
    ]
    operators: dict[str, Operator] = {}
    if layout.has_box:
        operators["unwrap"] = Unwrap(layout.bond_tree)
    operators["dihedrals"] = Dihedrals(layout.dihedrals, layout.dihedral_labels)
    operators["detector"] = MultiscaleNEWMA(null_model="empirical", scale=SCALE)
    if len(layout.representative_atoms) >= SITES:
        operators["superposition"] = Superposition(
            fit=layout.representative_atoms, output_atoms=spread
        )
    taken: dict[str, list[float]] = {}
    for i in range(repeats + 1):  # the first compiles
        for stage, seconds in _walk(source, operators).items():
            if i:
                taken.setdefault(stage, []).append(seconds / (source.n_rows or 1) * 1e6)
    for stage, micros in taken.items():
        record(BENCHMARK, f"{name} stage: {stage}", micros, "us/frame")


def _walk(source: TrajectorySource, operators: dict[str, Operator]) -> dict[str, float]:
    taken = dict.fromkeys(["read", *operators, "run file"], 0.0)
    fresh = {name: operator.clone() for name, operator in operators.items()}

    def timed(stage: str, work: Callable[..., Any], *given: Any) -> Any:
        start = time.process_time()
        result = work(*given)
        taken[stage] += time.process_time() - start
        return result

    reading = source.read()
    with (
        TemporaryDirectory() as folder,
        RunFile.create(f"{folder}/run.streamlyt", pipeline="") as kept,
    ):
        while (found := timed("read", next, reading, None)) is not None:
            rows: Batch = found[0]
            if "unwrap" in fresh:
                rows, _ = timed("unwrap", fresh["unwrap"].update, rows)
            if "superposition" in fresh:
                timed("superposition", fresh["superposition"].update, rows)
            rows, _ = timed("dihedrals", fresh["dihedrals"].update, rows)
            scored, _ = timed("detector", fresh["detector"].update, rows)
            timed(
                "run file", kept.write_rows, scored, scored.schema.names[rows.schema.n_channels :]
            )
        timed("run file", kept.checkpoint, {}, {})
    return taken


def _adk(name: str) -> Path:
    return Path(str(files("MDAnalysisTests") / "data" / name))


def _frames() -> np.ndarray[Any, np.dtype[np.float32]]:
    with DCDFile(str(_adk("adk_dims.dcd"))) as file:
        xyz: np.ndarray[Any, np.dtype[np.float32]] = file.readframes(order="fac").xyz
        return xyz.astype(np.float32)


def _write_dcd(path: Path, turns: int) -> None:
    xyz = _frames()
    with DCDFile(str(path), "w") as out:
        out.write_header("AdK", xyz.shape[1], 0, 1, 20.45, 0)
        for _ in range(turns):
            for frame in xyz:
                out.write(frame, np.zeros(6))


def _write_xtc(path: Path, turns: int) -> None:
    xyz = _frames() / 10
    box = np.zeros((3, 3), np.float32)
    with XTCFile(str(path), "w") as out:
        for i in range(turns * len(xyz)):
            out.write(xyz[i % len(xyz)], box, i, float(i), 1000.0)


def _open(path: Path) -> Any:
    return DCDFile(str(path)) if path.suffix == ".dcd" else XTCFile(str(path))


def _decode(path: Path) -> None:
    with _open(path) as file:
        if path.suffix == ".dcd":
            # The fastest there is: only as many atoms are copied as there are C-alpha.
            atoms = np.linspace(0, ATOMS - 1, SELECTED).astype(np.int64)
            for start in range(0, len(file), 256):
                end = min(start + 256, len(file))
                file.readframes(start, end, order="fac", indices=atoms)
        else:
            scratch = np.empty((file.n_atoms, 3), np.float32)
            for _ in range(len(file)):
                file.read_direct_x(scratch)


if __name__ == "__main__":
    main()
