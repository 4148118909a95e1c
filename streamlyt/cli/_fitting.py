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

from streamlyt._build import build
from streamlyt._compile import compiling_notice, told_of_compiling
from streamlyt._layers import value_of
from streamlyt.base import Batch
from streamlyt.catalog import find, name_of, names, unknown
from streamlyt.cli._columns import named_columns
from streamlyt.cli._guard import say
from streamlyt.cli._options import Format
from streamlyt.cli._print import counted, plain_table, print_table
from streamlyt.cli._recorded import progress_of, refuse_to_replace
from streamlyt.cli._table import readable
from streamlyt.config import dump
from streamlyt.connectors import FileSource
from streamlyt.errors import DataError, ParameterError
from streamlyt.evaluate import Validation, progressive_validation
from streamlyt.learner import Learner

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
    with readable(file) as path, told_of_compiling(_tell_of_compiling) as compiled:
        title = "standard input" if path != file else file.name
        source = _source(path, asked, title)
        model = _model(source, asked, title)
        started = time.perf_counter()
        batches = [batch for batch, _ in source.read()]
        _check_rows(batches, title)
        rows = sum(batch.n for batch in batches)
        with progress_of(title, rows) as progress:
            found = progressive_validation(model, batches, progress, delay=asked.delay)
        rate = rows / max(time.perf_counter() - started, 1e-9)
        busy = compiled()  # which takes longer than the rows
    lead = told(found)
    slow = "" if rows < 1000 or busy else f", {rate:,.0f} rows a second"
    unlabelled = rows - len(found.targets)
    series = len({batch.key for batch in batches if batch.n})
    of = f" of {series} series" if asked.key is not None else ""
    if asked.delay:
        of += f", targets {counted(asked.delay, 'row')} late"
    left = f"; {counted(unlabelled, 'row')} without a target not scored" if unlabelled else ""
    say(f"{title}: {name_of(model)} on {counted(rows, 'row')}{of}: {lead}{slow}{left}")
    _print(found, form)
    text = dump(source, [model])
    if asked.pipeline is not None:
        asked.pipeline.write_text(text, encoding="utf-8")
        say(f"pipeline: {asked.pipeline}")
    if asked.report is not None:
        _draw(found, model, asked.target, asked.report, title, text)
    return 0


def told(found: Validation) -> str:
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
            refuse_to_replace(option, goal)
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
        known = [name for name in whole.schema.names if name != asked.target]
        counting = [name for name in known if name in look.counting]
        columns = [name for name in known if name not in counting] or known
        out = [f"{name} ({why})" for name, why in look.left_out.items() if name != asked.target]
        out += [f"{name} (only counts)" for name in counting if name not in columns]
        told_out = f"; left out: {', '.join(out)}" if out else ""
        if asked.key in columns:
            columns.remove(asked.key)
        if columns:
            say(f"learning {asked.target} from {', '.join(columns)}{told_out}")
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
    say(f"{target} has {counted(len(words), 'class', 'classes')}: {_few(words)}")
    return words


def _few(words: list[str]) -> str:
    more = f" and {len(words) - _TOLD} more" if len(words) > _TOLD else ""
    return f"{', '.join(words[:_TOLD])}{more}"


def _model(source: FileSource, asked: Asked, title: str) -> Any:
    name = asked.model
    if source.classes is not None:
        name = name or "classifier"
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
        name = "classifier" if whole and len(values) <= _CLASSES else "regressor"
        if name == "classifier":
            say(
                f"{title}: {asked.target} has {counted(len(values), 'class', 'classes')}: "
                "--model regressor takes them for numbers"
            )
    if name.replace("-", "_") not in _learners():
        raise unknown("--model", name, _learners())
    table: dict[str, Any] = {"name": name, "target": asked.target}
    for given in asked.sets:
        key, equals, text = given.partition("=")
        if not equals:
            raise ParameterError(f"--set must be like forget=0.99, got {given!r}")
        table[key.strip()] = value_of(text.strip())
    return build(table, ("models",), "model", "model")


def _learners() -> list[str]:
    return [each for each in names("models") if issubclass(find("models", each), Learner)]


def _classifies(name: str) -> bool:
    """Tell whether a learner is one of classes; what is none is named later."""
    place = name.replace("-", "_")
    return place not in _learners() or bool(find("models", place).classifies)


def _check_rows(batches: Sequence[Batch], title: str) -> None:
    first = 0
    for batch in batches:
        bad = np.isinf(batch.values)
        if bad.any():
            row, column = (int(i) for i in np.argwhere(bad)[0])
            raise DataError(
                f"{title}: values must be finite or missing, got {batch.values[row, column]} for "
                f"{batch.schema.names[column]!r} in row {first + row} (from 0); drop or clip it"
            )
        first += batch.n


def _print(found: Validation, form: Format) -> None:
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
    found: Validation, model: Any, target: str, report: Path, title: str, pipeline: str
) -> None:
    from streamlyt.dashboards import write_learning  # costs a second

    measure = "accuracy" if found.classifies else "mean absolute error"
    parts = min(60, max(10, len(found.targets) // _A_POINT))
    curves = {name: found.curve(name, parts) for name in found.predictions}
    sentence = told(found)
    write_learning(
        curves,
        report,
        f"Learning {target} of {title}",
        f"{sentence[:1].upper()}{sentence[1:]}.",
        measure,
        [(f"{len(found.targets):,}", "rows"), (type(model).__name__, "model")],
        pipeline,
    )
    say(f"report: {report}")


def _tell_of_compiling() -> None:
    say(compiling_notice())
