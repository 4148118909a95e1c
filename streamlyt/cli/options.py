"""Shared command line options, as typer annotations."""

from collections.abc import Callable
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "BATCH",
    "COLUMNS",
    "Arl",
    "Detector",
    "DetectorSets",
    "FailOnChange",
    "Form",
    "Format",
    "KeyColumn",
    "Missing",
    "MissingPolicy",
    "Null",
    "NullModel",
    "Observable",
    "PipelineFile",
    "Report",
    "Resume",
    "Run",
    "Scheduler",
    "Seed",
    "Sets",
    "TableFile",
    "TableFiles",
    "TimeColumn",
    "Trust",
    "Window",
    "Workers",
    "choice_parser",
]


class Format(StrEnum):
    """Output format of events."""

    table = "table"
    jsonl = "jsonl"
    csv = "csv"


class MissingPolicy(StrEnum):
    """Policy for missing values."""

    raise_ = "raise"
    drop = "drop"
    ffill = "ffill"


class NullModel(StrEnum):
    """Model of the rows without a change."""

    auto = "auto"
    iid = "iid"
    empirical = "empirical"
    adaptive = "adaptive"


def choice_parser(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    """Return a parser of the enum values that suggests the closest value on error."""

    def read(text: str) -> StrEnum:
        try:
            return kind(text)
        except ValueError:
            values = [choice.value for choice in kind]
            near = get_close_matches(text, values, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise typer.BadParameter(
                f"must be one of {', '.join(values)}, got {text!r}{hint}"
            ) from None

    return read


_DETECTION = "Detection"


_OUTPUT = "Output"


Arl = Annotated[
    float | None,
    typer.Option(
        help="Target average run length: mean rows between false alarms (1e3 to 1e8). "
        "Default: 1e5.",
        metavar="ROWS",
        rich_help_panel=_DETECTION,
    ),
]


Null = Annotated[
    NullModel | None,
    typer.Option(
        help="No-change model of the rows: auto (selected from the first 512 rows), iid, empirical "
        "(any distribution; default of md) or adaptive (as in the NEWMA paper).",
        metavar="MODEL",
        parser=choice_parser(NullModel),
        rich_help_panel=_DETECTION,
    ),
]


Window = Annotated[
    int | None,
    typer.Option(
        help="Longest detection window in rows; small changes must persist this long. Default: "
        "1024 (316 with --null-model empirical, 50 with adaptive).",
        metavar="ROWS",
        rich_help_panel=_DETECTION,
    ),
]


Seed = Annotated[
    int | None,
    typer.Option(
        help="Random seed of the features. Default: 0.",
        metavar="NUMBER",
        min=0,
        rich_help_panel=_DETECTION,
    ),
]


Form = Annotated[
    Format,
    typer.Option(
        "--format",
        help="Output format: table, jsonl or csv.",
        metavar="FORMAT",
        parser=choice_parser(Format),
    ),
]


Report = Annotated[
    Path | None,
    typer.Option(
        help="Write a self-contained HTML report.", metavar="FILE", rich_help_panel=_OUTPUT
    ),
]


Run = Annotated[
    Path | None,
    typer.Option(
        help="Store rows, events and checkpoints in this run file.",
        metavar="FILE",
        rich_help_panel=_OUTPUT,
    ),
]


Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Resume from the last checkpoint of the run file.", rich_help_panel=_OUTPUT
    ),
]


Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Resume a run file that is not signed with your key: from another user, machine or "
        "older version. Use it only for files whose origin you trust.",
        rich_help_panel=_OUTPUT,
    ),
]


Detector = Annotated[
    str | None,
    typer.Option(
        help="Detector name (see streamlyt list), including plugins.",
        metavar="NAME",
        rich_help_panel=_DETECTION,
    ),
]


DetectorSets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Set a detector parameter, e.g. level=4 (repeatable).",
        metavar="NAME=VALUE",
        rich_help_panel=_DETECTION,
    ),
]


COLUMNS = "Columns"


TimeColumn = Annotated[
    str | None,
    typer.Option(
        help="Timestamp column. Default: row number.", metavar="NAME", rich_help_panel=COLUMNS
    ),
]


KeyColumn = Annotated[
    str | None,
    typer.Option(
        help="Column that identifies the series. Default: one series.",
        metavar="NAME",
        rich_help_panel=COLUMNS,
    ),
]


Missing = Annotated[
    MissingPolicy,
    typer.Option(
        help="Missing values: fail (raise), drop the row, or fill with the last value (ffill).",
        metavar="POLICY",
        parser=choice_parser(MissingPolicy),
        rich_help_panel=COLUMNS,
    ),
]


TableFile = Annotated[
    Path,
    typer.Argument(
        help="Table: CSV, TSV or JSON lines (also compressed), Parquet, Arrow or NPY; "
        "- is standard input.",
        metavar="FILE",
    ),
]


TableFiles = Annotated[
    list[Path],
    typer.Argument(
        help="Tables: CSV, TSV or JSON lines (also compressed), Parquet, Arrow or NPY; - is "
        "standard input. Each file, or match of a quoted pattern ('runs/*.csv'), is a recording.",
        metavar="FILE...",
    ),
]


BATCH = "Batch processing"


Workers = Annotated[
    int | None,
    typer.Option(
        help="Number of worker processes. Default: one per CPU core.",
        metavar="NUMBER",
        rich_help_panel=BATCH,
    ),
]


Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Dask scheduler to use: tcp://HOST:PORT, or its scheduler file (*.json).",
        metavar="ADDRESS",
        rich_help_panel=BATCH,
    ),
]


PipelineFile = Annotated[
    Path, typer.Argument(help="Pipeline file (*.toml).", metavar="PIPELINE.toml")
]


Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Override a setting, e.g. operators.newma.window=40 (repeatable).",
        metavar="KEY=VALUE",
    ),
]


FailOnChange = Annotated[
    bool,
    typer.Option("--fail-on-change", help="Exit with status 3 if a change is detected."),
]


class Observable(StrEnum):
    """Quantity to monitor; see :func:`streamlyt.molecular.select_observable`."""

    auto = "auto"
    superposed = "superposed"
    distances = "distances"
    dihedrals = "dihedrals"
    positions = "positions"
