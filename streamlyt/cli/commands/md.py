"""``streamlyt md``: the changes in a recorded molecular-dynamics trajectory."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from streamlyt.cli.options import (
    MANY,
    Arl,
    Detector,
    DetectorSets,
    FailOnChange,
    Form,
    Format,
    Null,
    Observe,
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
            help="Names of the atoms: PDB, PSF, GRO, TPR, ... With --each it may be a name that "
            "lies beside every trajectory.",
            metavar="TOPOLOGY",
        ),
    ],
    trajectory: Annotated[
        list[Path],
        typer.Argument(
            help="The frames: XTC, TRR, DCD, NetCDF, ...; several files follow one another, unless "
            "--each is given.",
            metavar="TRAJECTORY",
        ),
    ],
    select: Annotated[
        str,
        typer.Option(
            help="Atoms, in MDAnalysis's selection language; auto: the backbone, or all beads.",
            metavar="TEXT",
            rich_help_panel=_FRAMES,
        ),
    ] = "auto",
    observe: Annotated[
        Observe,
        typer.Option(
            help="What is watched: aligned (atoms laid upon the first frame), distances, dihedrals "
            "or raw coordinates; auto: dihedrals where there are any, else aligned.",
            metavar="WHAT",
            parser=choice_parser(Observe),
            rich_help_panel=_FRAMES,
        ),
    ] = Observe.auto,
    start: Annotated[
        int | None,
        typer.Option(
            help="First frame, counted from 0; default the first there is.",
            metavar="FRAME",
            rich_help_panel=_FRAMES,
        ),
    ] = None,
    stop: Annotated[
        int | None,
        typer.Option(
            help="Frame to stop before; default none.", metavar="FRAME", rich_help_panel=_FRAMES
        ),
    ] = None,
    step: Annotated[
        int | None,
        typer.Option(
            help="Take every so many frames; default 1.", metavar="FRAMES", rich_help_panel=_FRAMES
        ),
    ] = None,
    detector: Detector = None,
    sets: DetectorSets = None,
    null: Null = None,
    arl: Arl = None,
    window: Window = None,
    seed: Seed = None,
    form: Form = Format.table,
    report: Report = None,
    run: Run = None,
    resume: Resume = False,
    trust: Trust = False,
    fail_on_change: FailOnChange = False,
    each: Annotated[
        bool,
        typer.Option(
            "--each",
            help="Each trajectory is a recording of its own; they may be given as a quoted pattern "
            "('runs/*.xtc').",
            rich_help_panel=MANY,
        ),
    ] = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> int:
    """Find when a recorded trajectory changed, and which residues moved."""
    from streamlyt.cli._detection.batch import examine_all, expanded  # heavy: not for --help
    from streamlyt.cli._detection.run import RunOptions
    from streamlyt.cli._detection.trajectory import find_transitions, trajectory_among_many

    options = RunOptions(form, report, run, resume, fail_on_change, trust=trust)
    asked: dict[str, Any] = {
        "select": select,
        "observe": observe,
        "frames": (start, stop, step),
        "knobs": {
            "detector": detector,
            "sets": sets or [],
            "null": null,
            "arl": arl,
            "window": window,
            "seed": seed,
        },
    }
    if each:
        make = partial(trajectory_among_many, topology, **asked)
        return examine_all(make, expanded(trajectory), options, workers, scheduler)
    if workers is not None or scheduler is not None:
        raise ParameterError("--workers and --scheduler must go with --each: one is not shared out")
    return find_transitions([topology, *trajectory], options, **asked)
