"""``streamlyt fit``: progressive validation of a model on a recorded table."""

from pathlib import Path
from typing import Annotated

import typer

from streamlyt.cli.options import COLUMNS, Form, Format, KeyColumn, TableFile, TimeColumn

__all__ = ["fit"]

_MODEL, _OUTPUT = "Model", "Output"


def fit(
    file: TableFile,
    target: Annotated[
        str,
        typer.Option(
            help="Target column: numbers, or classes as text or integers from 0.",
            metavar="COLUMN",
            rich_help_panel=COLUMNS,
        ),
    ],
    columns: Annotated[
        str | None,
        typer.Option(
            help="Input columns, comma-separated. Default: all numeric columns except clocks.",
            metavar="NAMES",
            rich_help_panel=COLUMNS,
        ),
    ] = None,
    time_column: TimeColumn = None,
    key_column: KeyColumn = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Learner name (see streamlyt list). Default: kernel_classifier if the target is "
            "text or at most 20 distinct integers from 0, else kernel_regressor.",
            metavar="NAME",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Set a model parameter, e.g. forgetting_factor=0.99 (repeatable).",
            metavar="NAME=VALUE",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    label_delay: Annotated[
        int,
        typer.Option(
            help="Rows until the label arrives.",
            metavar="ROWS",
            min=0,
            rich_help_panel=_MODEL,
        ),
    ] = 0,
    output_format: Form = Format.table,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Write a self-contained HTML report.",
            metavar="FILE",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    save_pipeline: Annotated[
        Path | None,
        typer.Option(
            help="Write the equivalent pipeline file (see streamlyt run).",
            metavar="FILE",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
) -> int:
    """Learn a column of a recorded table from the other columns online, and score it.

    Each row is predicted before the model learns it. Baselines: persistence, and the mean or the
    majority class.
    """
    from streamlyt.cli._learning.fit import FitOptions, fit_table  # slow to import

    options = FitOptions(
        target,
        columns,
        time_column,
        key_column,
        model,
        sets or [],
        label_delay,
        report,
        save_pipeline,
    )
    return fit_table(file, options, output_format)
