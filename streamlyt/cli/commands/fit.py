"""``streamlyt fit``: how well a recorded table can be learnt on line."""

from pathlib import Path
from typing import Annotated

import typer

from streamlyt.cli.options import Form, Format, TableFile

__all__ = ["fit"]

_COLUMNS, _MODEL, _KEEPING = "Columns", "Model", "Keeping"


def fit(
    file: TableFile,
    target: Annotated[
        str,
        typer.Option(
            help="Column to be learnt: numbers, or classes as words or integers from 0 on.",
            metavar="COLUMN",
            rich_help_panel=_COLUMNS,
        ),
    ],
    columns: Annotated[
        str | None,
        typer.Option(
            help="Columns to learn from, with commas between; default all of numbers, but clocks.",
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
            help="Column that names the series, each with a model of its own; default one for all.",
            metavar="NAME",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="A learner by its name (streamlyt list); default classifier where the target is "
            "text, or has at most 20 different values, all integers from 0 on; else regressor.",
            metavar="NAME",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A parameter of the model, as forget=0.99; as often as you like.",
            metavar="NAME=VALUE",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    delay: Annotated[
        int,
        typer.Option(
            help="Rows of a series that come before a target is known.",
            metavar="ROWS",
            min=0,
            rich_help_panel=_MODEL,
        ),
    ] = 0,
    form: Form = Format.table,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Draw one HTML page that works off line.",
            metavar="FILE",
            rich_help_panel=_KEEPING,
        ),
    ] = None,
    pipeline: Annotated[
        Path | None,
        typer.Option(
            help="Write the pipeline file that does the same (streamlyt run).",
            metavar="FILE",
            rich_help_panel=_KEEPING,
        ),
    ] = None,
) -> int:
    """Learn a column of a recorded table from the others, row by row, and score it.

    Each row is predicted before it is learnt. Persistence, and the mean or the majority class,
    stand beside the model.
    """
    from streamlyt.cli._learning.fit import Asked, fit_table  # heavy: not for --help

    asked = Asked(target, columns, time, key, model, sets or [], delay, report, pipeline)
    return fit_table(file, asked, form)
