"""``streamlyt detect``: the changes in a recorded table."""

from functools import partial
from typing import Annotated, Any

import typer

from streamlyt.cli.options import (
    Arl,
    Detector,
    DetectorSets,
    FailOnChange,
    Form,
    Format,
    Holes,
    Null,
    Report,
    Resume,
    Run,
    Scheduler,
    Seed,
    TableFiles,
    Trust,
    Window,
    Workers,
    choice_parser,
)

__all__ = ["detect"]

_COLUMNS = "Columns"


def detect(
    files: TableFiles,
    columns: Annotated[
        str | None,
        typer.Option(
            help="Columns to watch, with commas between; default all of numbers, but clocks.",
            metavar="NAMES",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            help="Column of the time; default the number of the row.",
            metavar="NAME",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="Column that names the series; default all rows are one.",
            metavar="NAME",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    missing: Annotated[
        Holes,
        typer.Option(
            help="Missing values: stop (the default), drop the row, or hold the last value.",
            metavar="POLICY",
            parser=choice_parser(Holes),
            rich_help_panel=_COLUMNS,
        ),
    ] = Holes.stop,
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
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> int:
    """Find when the rows of a recorded table changed, and which columns moved.

    Several files are as many recordings, each examined by itself.
    """
    from streamlyt.cli._detection.batch import examine_all, expanded  # heavy: not for --help
    from streamlyt.cli._detection.run import RunOptions
    from streamlyt.cli._detection.table import find_changes, recorded_table

    options = RunOptions(form, report, run, resume, fail_on_change, trust=trust)
    asked: dict[str, Any] = {
        "columns": columns,
        "time": time,
        "key": key,
        "missing": missing.value,
        "knobs": {
            "detector": detector,
            "sets": sets or [],
            "null": null,
            "arl": arl,
            "window": window,
            "seed": seed,
        },
    }
    tables = expanded(files)
    if len(tables) > 1 or workers is not None or scheduler is not None:
        make = partial(recorded_table, **asked)
        return examine_all(make, tables, options, workers, scheduler)
    return find_changes(tables[0], options, **asked)
