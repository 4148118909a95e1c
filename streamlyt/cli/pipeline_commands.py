"""Pipeline files from end to end: written, shown, checked, run."""

import csv
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import tomli_w
from rich.markup import escape

from streamlyt.config.json_schema import parameter_descriptions
from streamlyt.config.pipeline_file import effective_settings, load
from streamlyt.connectors import FileSource
from streamlyt.core.errors import ParameterError, closing_all
from streamlyt.engines import ReplaySource, Summary
from streamlyt.registry import get_component

from ._detection.pipeline_run import Recording
from ._detection.run import RunOptions, run_recorded, status
from ._detection.summary import OfflineSplit, learning_of
from ._output.tables import counted, plain_table, print_table
from .column_options import report_columns
from .error_handling import echo_status
from .options import Format

__all__ = ["beginning", "print_settings", "run_file", "validate"]


def run_file(
    file: Path,
    sets: Sequence[str],
    options: RunOptions,
    begin: str | None = None,
    speed: float | None = None,
) -> int:
    """Run ``streamlyt run``; return its exit status."""
    spec = load(file, sets, os.environ)
    options = replace(options, policy=spec.retention)
    options.check()
    if begin is not None and options.resume:
        raise ParameterError("--from must go without --resume, which goes on where a run stopped")
    if isinstance(spec.source, FileSource):
        report_columns(spec.source, file.stem)
    learning = learning_of(list(spec.operators.values()))

    def few(summary: Summary) -> OfflineSplit | None:
        if not summary.series or max(summary.series.values()) >= learning:
            return None
        rows = counted(max(summary.series.values()), spec.source.schema.row_label)
        return OfflineSplit(f"{rows} in the longest series: an alarm takes {learning}")

    with closing_all(spec.source, *spec.sinks):
        if begin is not None or speed is not None:
            ReplaySource(spec.source, begin, speed).install()
        summary = run_recorded(
            Recording(file.stem, spec.source, spec.pipeline(), few, spec.sinks, spec.sink_inputs),
            options,
        )
    return status(summary, options)


def validate(file: Path, sets: Sequence[str]) -> None:
    """Make what the file names, and say so."""
    spec = load(file, sets, os.environ)
    parts = [
        f"source {type(spec.source).__name__}",
        *(f"operator {label}" for label in spec.operators),
        *(f"sink {type(sink).__name__}" for sink in spec.sinks),
    ]
    echo_status(f"{file} holds: {', '.join(parts)}")


def print_settings(file: Path, sets: Sequence[str], form: Format) -> None:
    """Write key, value and origin of every setting to stdout."""
    load(file, sets, os.environ)  # what cannot hold is refused, not shown
    rows = [
        {"key": each.key, "value": _plain(each.value), "from": each.origin}
        for each in effective_settings(file, sets, os.environ)
    ]
    if form is Format.jsonl:
        for row in rows:
            print(json.dumps(row))
    elif form is Format.csv:
        writer = csv.DictWriter(sys.stdout, ["key", "value", "from"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"value": _toml(row["value"])} for row in rows)
    else:
        table = plain_table("key", "value", "from")
        for row in rows:
            table.add_row(*map(escape, [row["key"], _toml(row["value"]), row["from"]]))
        print_table(table)


def beginning(data: Path, detector: str) -> str:
    """Return a pipeline file that reads a table, with every setting of both as a comment."""
    lines = [
        "# streamlyt run THIS_FILE; editors: streamlyt config schema > streamlyt.schema.json",
        "#:schema ./streamlyt.schema.json",
        "",
        "[source]",
        *_written("connectors", "files", "source", {"path": str(data)}),
        "",
        "[[operators]]",
        *_written("detectors", detector, None, {}),
    ]
    return "\n".join(lines)


def _written(room: str, name: str, kind: str | None, given: dict[str, Any]) -> Iterator[str]:
    cls = get_component(room, name, kind)
    told = parameter_descriptions(cls)
    yield _assigned("name", name)
    for key, parameter in signature(cls).parameters.items():
        yield ""
        yield from _comment(told.get(key, ""))
        if key in given:
            yield _assigned(key, given[key])
        elif parameter.default is Parameter.empty:
            yield f"# {key} =   # must be given"
        elif parameter.default is None:
            yield f"# {key} ="
        else:
            yield f"# {_assigned(key, _plain(parameter.default))}"


def _comment(text: str, width: int = 90) -> Iterator[str]:
    line = "#"
    for word in re.sub(r":\w+:`|`", "", text).split():
        if len(line) + len(word) >= width:
            yield line
            line = "#"
        line += f" {word}"
    if line != "#":
        yield line


def _assigned(key: str, value: Any) -> str:
    try:
        return tomli_w.dumps({key: value}).strip()
    except TypeError as error:
        raise ParameterError(f"{key} must be plain to be written, got {value!r}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _toml(value: Any) -> str:
    return "" if value is None else _assigned("value", value).partition(" = ")[2]
