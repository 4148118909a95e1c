"""Options that several verbs share, as annotations for typer."""

from collections.abc import Callable
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "MANY",
    "Arl",
    "Detector",
    "DetectorSets",
    "FailOnChange",
    "Form",
    "Format",
    "Holes",
    "Null",
    "NullModel",
    "Observe",
    "PipelineFile",
    "Report",
    "Resume",
    "Run",
    "Scheduler",
    "Seed",
    "Sets",
    "TableFile",
    "TableFiles",
    "Trust",
    "Window",
    "Workers",
    "choice_parser",
]


class Format(StrEnum):
    """How findings are written."""

    table = "table"
    jsonl = "jsonl"
    csv = "csv"


class Holes(StrEnum):
    """What becomes of missing values."""

    stop = "stop"
    drop = "drop"
    hold = "hold"


class NullModel(StrEnum):
    """What the rows do while nothing changes."""

    auto = "auto"
    independent = "independent"
    learned = "learned"
    adaptive = "adaptive"


def choice_parser(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    """Return how one word of a kind is read; what it may be, and what was meant, is told."""

    def read(text: str) -> StrEnum:
        try:
            return kind(text)
        except ValueError:
            words = [each.value for each in kind]
            near = get_close_matches(text, words, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise typer.BadParameter(
                f"must be one of {', '.join(words)}, got {text!r}{hint}"
            ) from None

    return read


_CHANGES = "Changes"


_KEEPING = "Keeping"


Arl = Annotated[
    float | None,
    typer.Option(
        help="Wanted mean number of rows between false alarms, from 1e3; default 1e5.",
        metavar="ROWS",
        rich_help_panel=_CHANGES,
    ),
]


Null = Annotated[
    NullModel | None,
    typer.Option(
        help="What the rows do without a change: auto (found from the first 512), independent (of "
        "one another), learned (anything; what md takes), or adaptive (as in the NEWMA paper).",
        metavar="MODEL",
        parser=choice_parser(NullModel),
        rich_help_panel=_CHANGES,
    ),
]


Window = Annotated[
    int | None,
    typer.Option(
        help="Rows that the smallest changes last; large ones are seen in about 30. Default 1024, "
        "316 where the null is learned, 50 where it is adaptive.",
        metavar="ROWS",
        rich_help_panel=_CHANGES,
    ),
]


Seed = Annotated[
    int | None,
    typer.Option(
        help="Seed of the random features; default 0.",
        metavar="NUMBER",
        min=0,
        rich_help_panel=_CHANGES,
    ),
]


Form = Annotated[
    Format,
    typer.Option(
        "--format",
        help="How the changes are written: table, jsonl or csv.",
        metavar="FORM",
        parser=choice_parser(Format),
    ),
]


Report = Annotated[
    Path | None,
    typer.Option(
        help="Draw one HTML page that works off line.", metavar="FILE", rich_help_panel=_KEEPING
    ),
]


Run = Annotated[
    Path | None,
    typer.Option(
        help="Keep rows, changes and states in this run file.",
        metavar="FILE",
        rich_help_panel=_KEEPING,
    ),
]


Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on with the run file where it was stopped.", rich_help_panel=_KEEPING
    ),
]


Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Resume a run file without the mark of your key too: one of another user, machine or "
        "older streamlyt. It may hold anything: only where you know where it comes from.",
        rich_help_panel=_KEEPING,
    ),
]


Detector = Annotated[
    str | None,
    typer.Option(
        help="Another detector by its name (streamlyt list), your own among them.",
        metavar="NAME",
        rich_help_panel=_CHANGES,
    ),
]


DetectorSets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="A parameter of the detector, as level=4; as often as you like.",
        metavar="NAME=VALUE",
        rich_help_panel=_CHANGES,
    ),
]


TableFile = Annotated[
    Path,
    typer.Argument(
        help="A table: CSV, TSV or JSON lines (also compressed), Parquet, Arrow or NPY; "
        "- is the standard input.",
        metavar="FILE",
    ),
]


TableFiles = Annotated[
    list[Path],
    typer.Argument(
        help="A table: CSV, TSV or JSON lines (also compressed), Parquet, Arrow or NPY; - is the "
        "standard input. Several, or a quoted pattern ('runs/*.csv'), are examined one by one.",
        metavar="FILE...",
    ),
]


MANY = "Many recordings"


Workers = Annotated[
    int | None,
    typer.Option(
        help="Processes that recordings are shared out to; default one a core.",
        metavar="NUMBER",
        rich_help_panel=MANY,
    ),
]


Scheduler = Annotated[
    str | None,
    typer.Option(
        help="A Dask scheduler whose workers are to be used: tcp://HOST:PORT, or the file in which "
        "it says where it is (*.json).",
        metavar="ADDRESS",
        rich_help_panel=MANY,
    ),
]


PipelineFile = Annotated[
    Path, typer.Argument(help="A pipeline file (*.toml).", metavar="PIPELINE.toml")
]


Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="A value in place of the file's, as operators.newma.window=40; as often as you like.",
        metavar="KEY=VALUE",
    ),
]


FailOnChange = Annotated[
    bool,
    typer.Option("--fail-on-change", help="Exit with status 3 when a change was found."),
]


class Observe(StrEnum):
    """What a frame becomes before the detector sees it."""

    auto = "auto"
    aligned = "aligned"
    distances = "distances"
    dihedrals = "dihedrals"
    raw = "raw"
