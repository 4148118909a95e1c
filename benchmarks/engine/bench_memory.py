"""Largest resident set of `streamlyt md` at 10,000 and at 1,000,000 frames of one file.

The frames of alanine dipeptide are repeated in one long XTC file, and the first of them are in a
short one: so the index of the file is part of what is compared. ``--quick``: 200,000 frames.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from MDAnalysis.lib.formats.libmdaxdr import XTCFile

from benchmarks._results import record
from benchmarks.detection._recordings import DATA_HELP, Recording, alanine
from benchmarks.engine._command import Run, streamlyt

BENCHMARK = "memory"
SHORT, LONG, QUICK = 10_000, 1_000_000, 200_000
GROWTH = 5  # percent
REPEATS = 3  # of the short run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help=DATA_HELP)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} frames")
    asked = parser.parse_args()
    frames = QUICK if asked.quick else LONG
    with alanine(asked.data) as ala2, TemporaryDirectory() as folder:
        files = Path(folder) / "short.xtc", Path(folder) / "long.xtc"
        for path, n in zip(files, (SHORT, frames), strict=True):
            _repeat(ala2, n, path)
        for kept in ((), ("--run",), ("--run", "--report")):
            compare(ala2.topology, files, frames, kept)


def compare(topology: Path, files: tuple[Path, Path], frames: int, kept: tuple[str, ...]) -> None:
    short = [_run(topology, files[0], kept) for _ in range(REPEATS)]
    long = _run(topology, files[1], kept)
    case = " ".join(["md", *kept])
    record(BENCHMARK, f"{case}: {SHORT:,} frames", [run.peak_mb for run in short], "MB")
    record(
        BENCHMARK,
        f"{case}: {frames:,} frames",
        [long.peak_mb],
        "MB",
        us_a_frame=round((long.cpu_s - short[0].cpu_s) / (frames - SHORT) * 1e6, 1),
    )
    growth = [(long.peak_mb / run.peak_mb - 1) * 100 for run in short]
    more_mb = round(long.peak_mb - min(run.peak_mb for run in short), 1)
    record(BENCHMARK, f"{case}: growth", growth, "%", f"{GROWTH} at most", more_mb=more_mb)


def _run(topology: Path, trajectory: Path, kept: tuple[str, ...]) -> Run:
    with TemporaryDirectory() as folder:
        places = {option: f"{folder}/{option.strip('-')}" for option in kept}
        options = [word for pair in places.items() for word in pair]
        return streamlyt("md", topology, trajectory, *options)


def _repeat(recording: Recording, frames: int, path: Path) -> None:
    """Write so many frames of a recording, over and over: frames of XTC stand by themselves."""
    whole, rest = divmod(frames, recording.frames)
    given = recording.trajectory.read_bytes()
    with XTCFile(str(recording.trajectory)) as file:
        cut = int(file.offsets[rest])
    with path.open("wb") as out:
        for _ in range(whole):
            out.write(given)
        out.write(given[:cut])


if __name__ == "__main__":
    main()
