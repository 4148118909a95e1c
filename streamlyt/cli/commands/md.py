"""``streamlyt md``: change detection on a molecular-dynamics trajectory."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from streamlyt.cli.options import (
    BATCH,
    Arl,
    Detector,
    DetectorSets,
    FailOnChange,
    Form,
    Format,
    Null,
    Observable,
    Report,
    Resume,
    Run,
    Scheduler,
    Seed,
    Trust,
    Window,
    Workers,
    choice_parser,
)
from streamlyt.core.errors import ParameterError

__all__ = ["md"]

_FRAMES = "Frames and atoms"


def md(
    topology: Annotated[
        Path,
        typer.Argument(
            help="Topology file: PDB, PSF, GRO, TPR, ... With --independent it may be the name "
            "of a file "
            "in the directory of every trajectory.",
            metavar="TOPOLOGY",
        ),
    ],
    trajectory: Annotated[
        list[Path],
        typer.Argument(
            help="Trajectory files: XTC, TRR, DCD, NetCDF, ... Several files are concatenated, "
            "unless --independent is given.",
            metavar="TRAJECTORY",
        ),
    ],
    select: Annotated[
        str,
        typer.Option(
            help="Atoms, in the MDAnalysis selection language; auto: backbone, or all beads.",
            metavar="TEXT",
            rich_help_panel=_FRAMES,
        ),
    ] = "auto",
    observable: Annotated[
        Observable,
        typer.Option(
            help="Quantity to monitor: superposed (RMSD-fit to the first frame), distances, "
            "dihedrals or positions; auto: dihedrals if there are any, else superposed.",
            metavar="WHAT",
            parser=choice_parser(Observable),
            rich_help_panel=_FRAMES,
        ),
    ] = Observable.auto,
    start: Annotated[
        int | None,
        typer.Option(
            help="First frame, from 0. Default: 0.",
            metavar="FRAME",
            rich_help_panel=_FRAMES,
        ),
    ] = None,
    stop: Annotated[
        int | None,
        typer.Option(
            help="End frame, exclusive. Default: none.", metavar="FRAME", rich_help_panel=_FRAMES
        ),
    ] = None,
    step: Annotated[
        int | None,
        typer.Option(
            help="Read every N-th frame. Default: 1.", metavar="FRAMES", rich_help_panel=_FRAMES
        ),
    ] = None,
    detector: Detector = None,
    sets: DetectorSets = None,
    null_model: Null = None,
    arl: Arl = None,
    window: Window = None,
    seed: Seed = None,
    output_format: Form = Format.table,
    report: Report = None,
    run_file: Run = None,
    resume: Resume = False,
    trust: Trust = False,
    fail_on_change: FailOnChange = False,
    independent: Annotated[
        bool,
        typer.Option(
            "--independent",
            help="Treat each trajectory as an independent recording; a quoted pattern "
            "('runs/*.xtc') is allowed.",
            rich_help_panel=BATCH,
        ),
    ] = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> int:
    """Detect changes in a recorded trajectory and attribute them to residues."""
    from streamlyt.cli._detection.batch import expand_patterns, run_batch  # slow to import
    from streamlyt.cli._detection.run import RunOptions
    from streamlyt.cli._detection.trajectory import batch_trajectory, detect_in_trajectory

    options = RunOptions(output_format, report, run_file, resume, fail_on_change, trust=trust)
    settings: dict[str, Any] = {
        "select": select,
        "observable": observable,
        "frames": (start, stop, step),
        "detector_options": {
            "detector": detector,
            "sets": sets or [],
            "null_model": null_model,
            "arl": arl,
            "window": window,
            "seed": seed,
        },
    }
    if independent:
        make = partial(batch_trajectory, topology, **settings)
        return run_batch(make, expand_patterns(trajectory), options, workers, scheduler)
    if workers is not None or scheduler is not None:
        raise ParameterError(
            "--workers and --scheduler need --independent; one recording uses one process"
        )
    return detect_in_trajectory([topology, *trajectory], options, **settings)
