"""``streamlyt forecast``: forecast a recorded table, with a backtest."""

from pathlib import Path
from typing import Annotated

import typer

from streamlyt.cli.options import (
    COLUMNS,
    Form,
    Format,
    KeyColumn,
    Missing,
    MissingPolicy,
    TableFile,
    TimeColumn,
)

__all__ = ["forecast", "tune_forecast"]

_MODEL, _SEARCH = "Model", "Search"

_Columns = Annotated[
    str | None,
    typer.Option(
        help="Columns to forecast, comma-separated. Default: all numeric columns except clocks.",
        metavar="NAMES",
        rich_help_panel=COLUMNS,
    ),
]


def forecast(
    file: TableFile,
    horizon: Annotated[
        int | None,
        typer.Option(
            help="Forecast horizon in steps. Default: a tenth of the rows, at most 100.",
            metavar="ROWS",
        ),
    ] = None,
    coverage: Annotated[
        float,
        typer.Option(
            help="Nominal coverage of the prediction interval, in (0, 1).", metavar="SHARE"
        ),
    ] = 0.9,
    columns: _Columns = None,
    time_column: TimeColumn = None,
    key_column: KeyColumn = None,
    missing: Missing = MissingPolicy.raise_,
    model: Annotated[
        str | None,
        typer.Option(
            help="Forecaster name (see streamlyt list), or the pipeline file of tune. Default: "
            "robust_forecaster or reservoir_forecaster, by one-step error.",
            metavar="NAME",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Set a model parameter, e.g. n_delays=53 (repeatable).",
            metavar="NAME=VALUE",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    output_format: Form = Format.table,
    report: Annotated[
        Path | None,
        typer.Option(help="Write a self-contained HTML report.", metavar="FILE"),
    ] = None,
) -> int:
    """Learn a recorded table in one pass and forecast its next rows.

    A backtest on the last rows measures the error and the coverage first.
    """
    from streamlyt.cli._forecasting.forecast import (  # slow to import
        ForecastOptions,
        forecast_table,
    )

    options = ForecastOptions(
        horizon, coverage, columns, time_column, key_column, missing.value, model, sets or []
    )
    return forecast_table(file, options, output_format, report)


def tune_forecast(
    file: Annotated[
        Path,
        typer.Argument(
            help="Table as for forecast; standard input is not supported.", metavar="FILE"
        ),
    ],
    horizon: Annotated[
        int | None,
        typer.Option(
            help="Forecast horizon in steps. Default: a twentieth of the rows, at most 100.",
            metavar="ROWS",
        ),
    ] = None,
    time_budget: Annotated[
        str | None,
        typer.Option(
            help="CPU time limit, e.g. 60s, 5m or 1h. Default: 60s, or none with --max-trials.",
            metavar="TIME",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    max_trials: Annotated[
        int | None,
        typer.Option(
            help="Maximum number of trials; reproducible with the same seed.",
            metavar="NUMBER",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            help="Random seed of the search.", metavar="NUMBER", min=0, rich_help_panel=_SEARCH
        ),
    ] = 0,
    columns: _Columns = None,
    time_column: TimeColumn = None,
    key_column: KeyColumn = None,
    missing: Missing = MissingPolicy.raise_,
    save_pipeline: Annotated[
        Path | None,
        typer.Option(help="Write the pipeline file. Default: standard output.", metavar="FILE"),
    ] = None,
) -> int:
    """Tune scales, leak rate, size and ridge of a forecaster for a recorded table.

    The newest tenth of the rows is held out and scores the tuned and the default parameters.
    """
    from streamlyt.cli._forecasting.tune import (  # slow to import
        TuneOptions,
        seconds_of,
        tune_table,
    )

    seconds = None if time_budget is None else seconds_of(time_budget)
    options = TuneOptions(
        horizon,
        seconds,
        max_trials,
        seed,
        columns,
        time_column,
        key_column,
        missing.value,
        save_pipeline,
    )
    return tune_table(file, options)
