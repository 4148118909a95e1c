"""``streamlyt forecast``: how a recorded table goes on, and how far that can be trusted."""

from pathlib import Path
from typing import Annotated

import typer

from streamlyt.cli._options import Form, Format, Holes, TableFile, one_of

__all__ = ["forecast"]

_COLUMNS, _MODEL = "Columns", "Model"


def forecast(
    file: TableFile,
    horizon: Annotated[
        int | None,
        typer.Option(
            help="Rows to go ahead, at least 1; default a tenth of the rows, at most 100.",
            metavar="ROWS",
        ),
    ] = None,
    coverage: Annotated[
        float,
        typer.Option(help="Share of the true values that a band holds.", metavar="SHARE"),
    ] = 0.9,
    columns: Annotated[
        str | None,
        typer.Option(
            help="Columns to forecast, with commas between; default all of numbers, but clocks.",
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
    model: Annotated[
        str | None,
        typer.Option(
            help="A forecaster by its name (streamlyt list); default measured, or forecaster, by "
            "their errors of one row.",
            metavar="NAME",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A parameter of the model, as delays=53; as often as you like.",
            metavar="NAME=VALUE",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    form: Form = Format.table,
    report: Annotated[
        Path | None,
        typer.Option(help="Draw one HTML page that works off line.", metavar="FILE"),
    ] = None,
) -> int:
    """Learn a recorded table in one pass, and forecast how it goes on.

    First the last rows are forecast as if they were not known, and compared with what came.
    """
    from streamlyt.cli._forecasting import Asked, forecast_table  # heavy: not for --help

    asked = Asked(horizon, coverage, columns, time, key, missing.value, model, sets or [])
    return forecast_table(file, asked, form, report)
