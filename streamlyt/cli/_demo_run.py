"""The demo: its trajectories, runs and report."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from streamlyt.connectors import TrajectorySource
from streamlyt.core import Event
from streamlyt.dashboards import ReplayFeed, serve_dashboard
from streamlyt.runfile import RunFile

from ._detection.run import RunOptions, run_recorded, write_page
from ._detection.trajectory import monitored_trajectory
from ._output.tables import print_events
from .error_handling import echo_status
from .options import Format, Observable

__all__ = ["run_demo"]


@dataclass(frozen=True)
class Recording:
    """A trajectory of the package and its known changes."""

    name: str
    title: str
    known: str


TITLE = "Two recorded trajectories"
_PLAYED_S = 45.0  # the first change appears after a third of it
RECORDINGS = (
    Recording(
        "villin_go",
        "Villin headpiece",
        "the temperature jumps at frame 2000 (it unfolds) and back at 4000 (it folds)",
    ),
    Recording(
        "ala2_flips",
        "Alanine dipeptide",
        "phi enters the alpha-L basin at frame 5215 and leaves it at 8912",
    ),
)


def run_demo(output: Path, seed: int, output_format: Format, port: int | None = None) -> int:
    """Run ``streamlyt demo``, with live pages if ``port`` is given; return the exit status."""
    output.mkdir(parents=True, exist_ok=True)
    events: list[Event] = []
    with (
        as_file(files("streamlyt.molecular._data")) as data,
        tempfile.TemporaryDirectory() as folder,
    ):
        runs = []
        for recording in RECORDINGS:
            topology = data / f"{recording.name}.pdb"
            [trajectory] = (p for p in data.glob(f"{recording.name}.*") if p != topology)
            source = TrajectorySource(topology, trajectory, key=recording.title)
            run = Path(folder) / f"{recording.name}.streamlyt"
            detector_options = {"null_model": None, "arl": None, "window": None, "seed": seed}
            monitored = monitored_trajectory(
                source, Observable.auto, detector_options, recording.title
            )
            summary = run_recorded(monitored, RunOptions(run_file=run))
            echo_status(f"  Known changes: {recording.known}")
            events += summary.events
            runs.append(run)
        print_events(events, output_format, "frame")
        write_page(runs, output / "report.html", TITLE)
        if port is not None:
            _play(runs, port)
    return 0


def _play(runs: list[Path], port: int) -> None:
    with ExitStack() as opened:
        run_files = [opened.enter_context(RunFile.open(run)) for run in runs]
        feed = ReplayFeed(run_files, TITLE, duration=_PLAYED_S)
        serve_dashboard(
            feed, port=port, said=lambda url: echo_status(f"Dashboard: {url} (Ctrl-C stops it)")
        )
