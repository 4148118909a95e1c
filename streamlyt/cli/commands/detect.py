"""``streamlyt detect``: change detection on a recorded table."""

from functools import partial
from typing import Annotated, Any

import typer

from streamlyt.cli.options import (
    COLUMNS,
    Arl,
    Detector,
    DetectorSets,
    FailOnChange,
    Form,
    Format,
    KeyColumn,
    Missing,
    MissingPolicy,
    Null,
    Report,
    Resume,
    Run,
    Scheduler,
    Seed,
    TableFiles,
    TimeColumn,
    Trust,
    Window,
    Workers,
)

__all__ = ["detect"]


def detect(
    files: TableFiles,
    columns: Annotated[
        str | None,
        typer.Option(
            help="Columns to monitor, comma-separated. Default: all numeric columns except clocks.",
            metavar="NAMES",
            rich_help_panel=COLUMNS,
        ),
    ] = None,
    time_column: TimeColumn = None,
    key_column: KeyColumn = None,
    missing: Missing = MissingPolicy.raise_,
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
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> int:
    """Detect changes in a recorded table and attribute them to columns.

    Each file is an independent recording.
    """
    from streamlyt.cli._detection.batch import expand_patterns, run_batch  # slow to import
    from streamlyt.cli._detection.run import RunOptions
    from streamlyt.cli._detection.table import batch_table, detect_in_table

    options = RunOptions(output_format, report, run_file, resume, fail_on_change, trust=trust)
    settings: dict[str, Any] = {
        "columns": columns,
        "time_column": time_column,
        "key_column": key_column,
        "missing": missing.value,
        "detector_options": {
            "detector": detector,
            "sets": sets or [],
            "null_model": null_model,
            "arl": arl,
            "window": window,
            "seed": seed,
        },
    }
    tables = expand_patterns(files)
    if len(tables) > 1 or workers is not None or scheduler is not None:
        make = partial(batch_table, **settings)
        return run_batch(make, tables, options, workers, scheduler)
    return detect_in_table(tables[0], options, **settings)
