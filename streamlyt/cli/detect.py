"""``streamlyt detect``: the changes in a recorded table."""

from typing import Annotated

import typer

from streamlyt.cli._options import (
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
    Seed,
    TableFile,
    Window,
    one_of,
)

__all__ = ["detect"]

_COLUMNS = "Columns"


def detect(
    file: TableFile,
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
            parser=one_of(Holes),
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
    fail_on_change: FailOnChange = False,
) -> int:
    """Find when the rows of a recorded table changed, and which columns moved."""
    from streamlyt.cli._recorded import Options  # heavy: not for --help
    from streamlyt.cli._table import find_changes

    return find_changes(
        file,
        columns=columns,
        time=time,
        key=key,
        missing=missing.value,
        knobs={
            "detector": detector,
            "sets": sets or [],
            "null": null,
            "arl": arl,
            "window": window,
            "seed": seed,
        },
        options=Options(form, report, run, resume, fail_on_change),
    )
