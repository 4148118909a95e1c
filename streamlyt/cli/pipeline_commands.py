"""Create, show, validate and run pipeline files."""

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
from ._detection.summary import OfflineSplit, warmup_of
from ._output.tables import counted, plain_table, print_table
from .column_options import report_columns
from .error_handling import echo_status
from .options import Format

__all__ = ["initial_config", "print_settings", "run_pipeline_file", "validate"]


def run_pipeline_file(
    file: Path,
    sets: Sequence[str],
    options: RunOptions,
    start: str | None = None,
    speed: float | None = None,
) -> int:
    """Run ``streamlyt run``; return the exit status."""
    config = load(file, sets, os.environ)
    options = replace(options, retention=config.retention)
    options.check()
    if start is not None and options.resume:
        raise ParameterError(
            "--start cannot be combined with --resume, which continues at the last checkpoint"
        )
    if isinstance(config.source, FileSource):
        report_columns(config.source, file.stem)
    warmup = warmup_of(list(config.operators.values()))

    def check_length(summary: Summary) -> OfflineSplit | None:
        if not summary.series or max(summary.series.values()) >= warmup:
            return None
        rows = counted(max(summary.series.values()), config.source.schema.row_label)
        return OfflineSplit(f"{rows} in the longest series are too few (warm-up: {warmup})")

    with closing_all(config.source, *config.sinks):
        if start is not None or speed is not None:
            ReplaySource(config.source, start, speed).install()
        summary = run_recorded(
            Recording(
                file.stem,
                config.source,
                config.pipeline(),
                check_length,
                config.sinks,
                config.sink_inputs,
            ),
            options,
        )
    return status(summary, options)


def validate(file: Path, sets: Sequence[str]) -> None:
    """Build the components of a pipeline file and list them."""
    config = load(file, sets, os.environ)
    parts = [
        f"source {type(config.source).__name__}",
        *(f"operator {name}" for name in config.operators),
        *(f"sink {type(sink).__name__}" for sink in config.sinks),
    ]
    echo_status(f"{file} is valid: {', '.join(parts)}")


def print_settings(file: Path, sets: Sequence[str], output_format: Format) -> None:
    """Print key, value and origin of every setting."""
    load(file, sets, os.environ)  # raises if a setting is invalid
    rows = [
        {"key": setting.key, "value": _plain(setting.value), "from": setting.origin}
        for setting in effective_settings(file, sets, os.environ)
    ]
    if output_format is Format.jsonl:
        for row in rows:
            print(json.dumps(row))
    elif output_format is Format.csv:
        writer = csv.DictWriter(sys.stdout, ["key", "value", "from"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"value": _toml(row["value"])} for row in rows)
    else:
        table = plain_table("key", "value", "from")
        for row in rows:
            table.add_row(*map(escape, [row["key"], _toml(row["value"]), row["from"]]))
        print_table(table)


def initial_config(data: Path, detector: str) -> str:
    """Return a pipeline file for a table and a detector, with all settings as comments."""
    lines = [
        "# streamlyt run THIS_FILE; editors: streamlyt config schema > streamlyt.schema.json",
        "#:schema ./streamlyt.schema.json",
        "",
        "[source]",
        *_component_lines("connectors", "files", "source", {"path": str(data)}),
        "",
        "[[operators]]",
        *_component_lines("detectors", detector, None, {}),
    ]
    return "\n".join(lines)


def _component_lines(
    category: str, name: str, kind: str | None, given: dict[str, Any]
) -> Iterator[str]:
    cls = get_component(category, name, kind)
    descriptions = parameter_descriptions(cls)
    yield _assigned("type", name)
    for key, parameter in signature(cls).parameters.items():
        yield ""
        yield from _comment(descriptions.get(key, ""))
        if key in given:
            yield _assigned(key, given[key])
        elif parameter.default is Parameter.empty:
            yield f"# {key} =   # required"
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
        raise ParameterError(f"{key} must be a TOML value, got {value!r}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _toml(value: Any) -> str:
    return "" if value is None else _assigned("value", value).partition(" = ")[2]
