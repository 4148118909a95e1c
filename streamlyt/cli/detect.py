"""``streamlyt detect``: the changes in a recorded table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamlyt.cli._options import (
    Arl,
    FailOnChange,
    Form,
    Format,
    Null,
    Report,
    Resume,
    Run,
    Seed,
    Window,
)

if TYPE_CHECKING:
    from streamlyt.base import Event
    from streamlyt.engines.local import Summary

__all__ = ["detect"]

_COLUMNS = "Columns"


def detect(
    file: Annotated[
        Path, typer.Argument(help="A table: CSV (also .gz), Parquet or NPY.", metavar="FILE")
    ],
    columns: Annotated[
        str | None,
        typer.Option(
            help="Columns to watch, with commas between; default all that hold numbers.",
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
    null: Null = None,
    arl: Arl = None,
    window: Window = None,
    seed: Seed = 0,
    form: Form = Format.table,
    report: Report = None,
    run: Run = None,
    resume: Resume = False,
    fail_on_change: FailOnChange = False,
) -> int:
    """Find when the rows of a recorded table changed, and which columns moved."""
    from streamlyt.cli._detector import choose_detector
    from streamlyt.cli._recorded import Options, run_recorded, status  # heavy: not for --help
    from streamlyt.cli._short import split_short
    from streamlyt.connectors import FileSource

    options = Options(form, report, run, resume, fail_on_change)
    wanted = columns.split(",") if columns is not None else None
    source = FileSource(file, columns=wanted, time=time, key=key)
    detector = choose_detector(null=null, arl=arl, window=window, seed=seed)

    def split(summary: "Summary") -> "list[Event]":
        return split_short(source, [], True, summary, detector.learning, file.name)

    summary = run_recorded(source, [detector], options, file.name, split)
    return status(summary, options)
