"""``streamlyt forecast``: how a recorded table goes on, and how far that can be trusted."""

from pathlib import Path
from typing import Annotated

import typer

from streamlyt.cli.options import Form, Format, Holes, TableFile, choice_parser

__all__ = ["forecast", "tune_forecast"]

_COLUMNS, _MODEL, _SEARCH = "Columns", "Model", "Search"

_Columns = Annotated[
    str | None,
    typer.Option(
        help="Columns to forecast, with commas between; default all of numbers, but clocks.",
        metavar="NAMES",
        rich_help_panel=_COLUMNS,
    ),
]
_Time = Annotated[
    str | None,
    typer.Option(
        help="Column of the time; default the number of the row.",
        metavar="NAME",
        rich_help_panel=_COLUMNS,
    ),
]
_Key = Annotated[
    str | None,
    typer.Option(
        help="Column that names the series; default all rows are one.",
        metavar="NAME",
        rich_help_panel=_COLUMNS,
    ),
]
_Missing = Annotated[
    Holes,
    typer.Option(
        help="Missing values: stop (the default), drop the row, or hold the last value.",
        metavar="POLICY",
        parser=choice_parser(Holes),
        rich_help_panel=_COLUMNS,
    ),
]


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
    columns: _Columns = None,
    time: _Time = None,
    key: _Key = None,
    missing: _Missing = Holes.stop,
    model: Annotated[
        str | None,
        typer.Option(
            help="A forecaster by its name (streamlyt list), or the pipeline file that tune wrote; "
            "default measured, or forecaster, by their errors of one row.",
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
    from streamlyt.cli._forecasting.forecast import Asked, forecast_table  # heavy: not for --help

    asked = Asked(horizon, coverage, columns, time, key, missing.value, model, sets or [])
    return forecast_table(file, asked, form, report)


def tune_forecast(
    file: Annotated[
        Path, typer.Argument(help="A table, as for forecast: it must be a file.", metavar="FILE")
    ],
    horizon: Annotated[
        int | None,
        typer.Option(
            help="Rows that a forecast goes ahead; default a twentieth of the rows, at most 100.",
            metavar="ROWS",
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="CPU time that the search may take, as 60s, 5m or 1h; default 60s, or none with "
            "--trials.",
            metavar="TIME",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            help="Most sets of parameters that are tried: the same seed finds the same anywhere.",
            metavar="NUMBER",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            help="Seed of what is tried.", metavar="NUMBER", min=0, rich_help_panel=_SEARCH
        ),
    ] = 0,
    columns: _Columns = None,
    time: _Time = None,
    key: _Key = None,
    missing: _Missing = Holes.stop,
    pipeline: Annotated[
        Path | None,
        typer.Option(
            help="Write the pipeline file there; default the standard output.", metavar="FILE"
        ),
    ] = None,
) -> int:
    """Find scales, leak rate, size and ridge of a forecaster for a recorded table.

    Forecasts of rows inside the table choose; its newest tenth chooses nothing, and tells at the
    end how far forecasts by what was found are off, and by the defaults.
    """
    from streamlyt.cli._forecasting.tune import (  # heavy: not for --help
        Wanted,
        seconds_of,
        tune_table,
    )

    spend = None if budget is None else seconds_of(budget)
    wanted = Wanted(horizon, spend, trials, seed, columns, time, key, missing.value, pipeline)
    return tune_table(file, wanted)
