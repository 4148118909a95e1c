"""A recorded table to the score of a model that learns it on line: told, drawn, written down."""

import csv
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape

from streamlyt.cli._detection.run import check_not_replaced
from streamlyt.cli._detection.table import readable
from streamlyt.cli._output.progress import progress_of, report_compilation
from streamlyt.cli._output.tables import counted, plain_table, print_table
from streamlyt.cli.column_options import named_columns
from streamlyt.cli.error_handling import echo_status
from streamlyt.cli.options import Format
from streamlyt.config.factory import build_component
from streamlyt.config.layers import parse_toml_value
from streamlyt.config.pipeline_file import dump
from streamlyt.connectors import FileSource
from streamlyt.core import Batch, Learner
from streamlyt.core.component import component_name
from streamlyt.core.errors import DataError, ParameterError, unknown_name_error
from streamlyt.core.numerics.jit import notify_on_compile
from streamlyt.evaluate import ProgressiveValidationResult, progressive_validation
from streamlyt.registry import component_names, get_component

__all__ = ["Asked", "fit_table"]

_WORDS = 100  # classes at most, as many as a learner of classes takes by itself
_WORDY = ("text", "text with decimal commas", "true or false")  # what is read as classes
_A_POINT = 50  # rows at least of a point of the learning curve, but for short tables
_TOLD = 12  # of them are named
_CLASSES = 20  # different integers at most that are taken for classes unless a model is named


@dataclass(frozen=True)
class Asked:
    """What the command line says, as it says it."""

    target: str
    columns: str | None
    time: str | None
    key: str | None
    model: str | None
    sets: Sequence[str]
    delay: int
    report: Path | None
    pipeline: Path | None


def fit_table(file: Path, asked: Asked, form: Format) -> int:
    """Run ``streamlyt fit``; return its exit status."""
    _check_goals(asked)
    with readable(file) as path, notify_on_compile(report_compilation) as compiled:
        title = "standard input" if path != file else file.name
        source = _source(path, asked, title)
        model = _model(source, asked, title)
        started = time.perf_counter()
        batches = [batch for batch, _ in source.read()]
        _check_rows(batches, title)
        rows = sum(batch.n_rows for batch in batches)
        with progress_of(title, rows) as progress:
            found = progressive_validation(model, batches, progress, delay=asked.delay)
        rate = rows / max(time.perf_counter() - started, 1e-9)
        busy = compiled()  # which takes longer than the rows
    lead = told(found)
    slow = "" if rows < 1000 or busy else f", {rate:,.0f} rows a second"
    unlabelled = rows - len(found.targets)
    series = len({batch.key for batch in batches if batch.n_rows})
    of = f" of {series} series" if asked.key is not None else ""
    if asked.delay:
        of += f", targets {counted(asked.delay, 'row')} late"
    left = f"; {counted(unlabelled, 'row')} without a target not scored" if unlabelled else ""
    echo_status(
        f"{title}: {component_name(model)} on {counted(rows, 'row')}{of}: {lead}{slow}{left}"
    )
    _print(found, form)
    text = dump(source, [model])
    if asked.pipeline is not None:
        asked.pipeline.write_text(text, encoding="utf-8")
        echo_status(f"pipeline: {asked.pipeline}")
    if asked.report is not None:
        _draw(found, model, asked.target, asked.report, title, text)
    return 0


def told(found: ProgressiveValidationResult) -> str:
    """Return what came of it, in a sentence."""
    others = [name for name in found.predictions if name != "model"]
    own = found.score("model")
    if found.classifies:
        beside = " and ".join(f"{found.score(name):.1%} of {name}" for name in others)
        return f"{own:.1%} of all rows right, beside {beside}"
    beside = " and ".join(f"{found.score(name):.4g} of {name}" for name in others)
    return f"off by {own:.4g} on the average, beside {beside}"


def _check_goals(asked: Asked) -> None:
    for option, goal in (("--report", asked.report), ("--pipeline", asked.pipeline)):
        if goal is None:
            continue
        if option == "--report":
            check_not_replaced(option, goal)
        elif goal.exists():
            raise ParameterError(f"{option} must name a new file, got {str(goal)!r}; remove it")
        if not goal.absolute().parent.is_dir():
            raise ParameterError(f"{option} must be in a folder that is there, got {str(goal)!r}")


def _source(path: Path, asked: Asked, title: str) -> FileSource:
    """Return the table with its inputs first and the target behind them."""
    columns = named_columns(asked.columns)
    whole = FileSource(path, time=asked.time, key=asked.key)
    look = whole.look()
    if asked.target not in look.left_out and asked.target not in look.numeric:
        there = ", ".join(map(repr, [*look.numeric, *look.left_out]))
        raise ParameterError(f"--target must be a column, got {asked.target!r}; there are {there}")
    why_not = look.left_out.get(asked.target, "time")
    classes = None
    if asked.target in look.left_out and why_not in _WORDY:
        classes = {asked.target: _words(whole, asked.target, title)}
    elif why_not != "time":
        raise ParameterError(
            f"--target must be a column of numbers or words, got {asked.target!r} ({why_not})"
        )
    if columns is None:
        known = [name for name in whole.schema.channel_names if name != asked.target]
        counting = [name for name in known if name in look.counting]
        columns = [name for name in known if name not in counting] or known
        out = [f"{name} ({why})" for name, why in look.left_out.items() if name != asked.target]
        out += [f"{name} (only counts)" for name in counting if name not in columns]
        told_out = f"; left out: {', '.join(out)}" if out else ""
        if asked.key in columns:
            columns.remove(asked.key)
        if columns:
            echo_status(f"learning {asked.target} from {', '.join(columns)}{told_out}")
    columns = [name for name in columns if name != asked.target]
    if not columns:
        raise DataError(
            f"{title}: there must be a column of numbers beside the target {asked.target!r} to "
            "learn from, got none"
        )
    return FileSource(
        path,
        columns=[*columns, asked.target],
        time=asked.time,
        key=asked.key,
        classes=classes,
    )


def _words(source: FileSource, target: str, title: str) -> list[str]:
    """Return the words of the target, which are its classes."""
    words = source.words(target)
    if len(words) > _WORDS:
        raise DataError(
            f"{title}: a target of words must have at most {_WORDS} different ones, got "
            f"{len(words)} in {target!r}; take another column, or fewer and larger classes"
        )
    echo_status(f"{target} has {counted(len(words), 'class', 'classes')}: {_few(words)}")
    return words


def _few(words: list[str]) -> str:
    more = f" and {len(words) - _TOLD} more" if len(words) > _TOLD else ""
    return f"{', '.join(words[:_TOLD])}{more}"


def _model(source: FileSource, asked: Asked, title: str) -> Any:
    name = asked.model
    if source.classes is not None:
        name = name or "kernel_classifier"
        if not _classifies(name):
            raise ParameterError(
                f"--model must be a learner of classes for a target of words, got {name!r}; "
                "take classifier, or logistic"
            )
    if name is None:
        values = np.unique(
            np.concatenate([np.unique(batch.values[:, -1]) for batch, _ in source.read()])
        )
        values = values[~np.isnan(values)]
        whole = bool(len(values)) and bool(((values >= 0) & (values == np.floor(values))).all())
        name = "kernel_classifier" if whole and len(values) <= _CLASSES else "kernel_regressor"
        if name == "kernel_classifier":
            echo_status(
                f"{title}: {asked.target} has {counted(len(values), 'class', 'classes')}: "
                "--model kernel_regressor takes them for numbers"
            )
    if name.replace("-", "_") not in _learners():
        raise unknown_name_error("--model", name, _learners())
    table: dict[str, Any] = {"name": name, "target": asked.target}
    for given in asked.sets:
        key, equals, text = given.partition("=")
        if not equals:
            raise ParameterError(f"--set must be like forget=0.99, got {given!r}")
        table[key.strip()] = parse_toml_value(text.strip())
    return build_component(table, ("models",), "model", "model")


def _learners() -> list[str]:
    return [
        each
        for each in component_names("models")
        if issubclass(get_component("models", each), Learner)
    ]


def _classifies(name: str) -> bool:
    """Tell whether a learner is one of classes; what is none is named later."""
    place = name.replace("-", "_")
    return place not in _learners() or bool(get_component("models", place).is_classifier)


def _check_rows(batches: Sequence[Batch], title: str) -> None:
    first = 0
    for batch in batches:
        bad = np.isinf(batch.values)
        if bad.any():
            row, column = (int(i) for i in np.argwhere(bad)[0])
            raise DataError(
                f"{title}: values must be finite or missing, got {batch.values[row, column]} for "
                f"{batch.schema.channel_names[column]!r} in row {first + row} (from 0); drop "
                f"or clip it"
            )
        first += batch.n_rows


def _print(found: ProgressiveValidationResult, form: Format) -> None:
    measure = "accuracy" if found.classifies else "mae"
    lines = []
    for name in found.predictions:
        n = len(found.targets)
        late = found.losses(name)[-max(1, n // 10) :].mean()
        line: dict[str, Any] = {"predictor": name, "rows": n, measure: found.score(name)}
        line[f"{measure}_last_tenth"] = float(1 - late if found.classifies else late)
        lines.append(line)
    if form is Format.jsonl:
        for line in lines:
            print(json.dumps(line))
    elif form is Format.csv:
        writer = csv.DictWriter(sys.stdout, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    else:
        table = plain_table()
        for heading in ("predictor", "rows", measure, f"{measure}, last tenth"):
            table.add_column(heading, justify="left" if heading == "predictor" else "right")
        for line in lines:
            cells = [f"{v:.4g}" if isinstance(v, float) else f"{v}" for v in line.values()]
            table.add_row(*map(escape, cells))
        print_table(table)


def _draw(
    found: ProgressiveValidationResult,
    model: Any,
    target: str,
    report: Path,
    title: str,
    pipeline: str,
) -> None:
    from streamlyt.dashboards import write_learning_report  # costs a second

    measure = "accuracy" if found.classifies else "mean absolute error"
    parts = min(60, max(10, len(found.targets) // _A_POINT))
    curves = {name: found.curve(name, parts) for name in found.predictions}
    sentence = told(found)
    write_learning_report(
        curves,
        report,
        f"Learning {target} of {title}",
        f"{sentence[:1].upper()}{sentence[1:]}.",
        measure,
        [(f"{len(found.targets):,}", "rows"), (type(model).__name__, "model")],
        pipeline,
    )
    echo_status(f"report: {report}")
