"""Progressive validation of a model on a recorded table: score, report, pipeline file."""

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

__all__ = ["FitOptions", "fit_table"]

_MAX_TEXT_CLASSES = 100  # the default limit of the classifiers
_TEXT_KINDS = ("text", "text with decimal commas", "true or false")  # read as classes
_ROWS_PER_POINT = 50  # of the learning curve, at least; fewer for short tables
_MAX_LISTED = 12  # classes in a status line
_MAX_INT_CLASSES = 20  # more distinct integers select a regressor by default


@dataclass(frozen=True)
class FitOptions:
    """Command line options of ``streamlyt fit``."""

    target: str
    columns: str | None
    time_column: str | None
    key_column: str | None
    model: str | None
    sets: Sequence[str]
    label_delay: int
    report: Path | None
    save_pipeline: Path | None


def fit_table(file: Path, options: FitOptions, output_format: Format) -> int:
    """Run ``streamlyt fit``; return the exit status."""
    _check_outputs(options)
    with readable(file) as path, notify_on_compile(report_compilation) as compiled:
        title = "standard input" if path != file else file.name
        source = _source(path, options, title)
        model = _model(source, options, title)
        started = time.perf_counter()
        batches = [batch for batch, _ in source.read()]
        _check_rows(batches, title)
        rows = sum(batch.n_rows for batch in batches)
        with progress_of(title, rows) as progress:
            result = progressive_validation(model, batches, progress, delay=options.label_delay)
        rate = rows / max(time.perf_counter() - started, 1e-9)
        busy = compiled()  # compilation dominates the elapsed time
    scores = describe(result)
    speed = "" if rows < 1000 or busy else f", {rate:,.0f} rows/s"
    unlabeled = rows - len(result.targets)
    series = len({batch.key for batch in batches if batch.n_rows})
    of = f" of {series} series" if options.key_column is not None else ""
    if options.label_delay:
        of += f", label delay {counted(options.label_delay, 'row')}"
    left = f"; {counted(unlabeled, 'row')} without a target not scored" if unlabeled else ""
    echo_status(
        f"{title}: {component_name(model)} on {counted(rows, 'row')}{of}: {scores}{speed}{left}"
    )
    _print(result, output_format)
    text = dump(source, [model])
    if options.save_pipeline is not None:
        options.save_pipeline.write_text(text, encoding="utf-8")
        echo_status(f"Pipeline file: {options.save_pipeline}")
    if options.report is not None:
        _write_report(result, model, options.target, options.report, title, text)
    return 0


def describe(result: ProgressiveValidationResult) -> str:
    """Return the score of the model and those of the baselines."""
    measure, form = ("accuracy", ".1%") if result.classifies else ("MAE", ".4g")
    baselines = ", ".join(
        f"{name}: {result.score(name):{form}}" for name in result.predictions if name != "model"
    )
    return f"{measure} {result.score('model'):{form}} ({baselines})"


def _check_outputs(options: FitOptions) -> None:
    for option, path in (("--report", options.report), ("--save-pipeline", options.save_pipeline)):
        if path is None:
            continue
        if option == "--report":
            check_not_replaced(option, path)
        elif path.exists():
            raise ParameterError(
                f"{option} must be a new file, got {str(path)!r}, which already exists; remove it"
            )
        if not path.absolute().parent.is_dir():
            raise ParameterError(
                f"{option}: directory {str(path.parent)!r} does not exist; create it first"
            )


def _source(path: Path, options: FitOptions, title: str) -> FileSource:
    """Return the table with the inputs first and the target last."""
    columns = named_columns(options.columns)
    table = FileSource(path, time_column=options.time_column, key_column=options.key_column)
    inferred = table.inferred_schema()
    if options.target not in inferred.left_out and options.target not in inferred.numeric:
        names = ", ".join(map(repr, [*inferred.numeric, *inferred.left_out]))
        raise ParameterError(
            f"--target must be a column, got {options.target!r}; use one of {names}"
        )
    reason = inferred.left_out.get(options.target, "time")
    classes = None
    if options.target in inferred.left_out and reason in _TEXT_KINDS:
        classes = {options.target: _words(table, options.target, title)}
    elif reason != "time":
        raise ParameterError(
            f"--target must be a column of numbers or text, got {options.target!r} ({reason})"
        )
    if columns is None:
        known = [name for name in table.schema.channel_names if name != options.target]
        counting = [name for name in known if name in inferred.counting]
        columns = [name for name in known if name not in counting] or known
        excluded = [
            f"{name} ({why})" for name, why in inferred.left_out.items() if name != options.target
        ]
        excluded += [f"{name} (counter)" for name in counting if name not in columns]
        left_out = f"; excluded: {', '.join(excluded)}" if excluded else ""
        if options.key_column in columns:
            columns.remove(options.key_column)
        if columns:
            echo_status(f"Target: {options.target}; inputs: {', '.join(columns)}{left_out}")
    columns = [name for name in columns if name != options.target]
    if not columns:
        raise DataError(
            f"{title}: the model needs a numeric input column, got only the target "
            f"{options.target!r}; add a column"
        )
    return FileSource(
        path,
        columns=[*columns, options.target],
        time_column=options.time_column,
        key_column=options.key_column,
        class_labels=classes,
    )


def _words(source: FileSource, target: str, title: str) -> list[str]:
    """Return the distinct texts of the target: its classes."""
    words = source.category_values(target)
    if len(words) > _MAX_TEXT_CLASSES:
        raise DataError(
            f"{title}: a text target must have at most {_MAX_TEXT_CLASSES} classes, got "
            f"{len(words)} in {target!r}; choose another column or merge classes"
        )
    echo_status(f"{target}: {counted(len(words), 'class', 'classes')}: {_listed(words)}")
    return words


def _listed(words: list[str]) -> str:
    more = f" and {len(words) - _MAX_LISTED} more" if len(words) > _MAX_LISTED else ""
    return f"{', '.join(words[:_MAX_LISTED])}{more}"


def _model(source: FileSource, options: FitOptions, title: str) -> Any:
    name = options.model
    if source.class_labels is not None:
        name = name or "kernel_classifier"
        if not _classifies(name):
            raise ParameterError(
                f"--model must be a classifier for a text target, got {name!r}; use "
                "kernel_classifier or logistic_regression"
            )
    if name is None:
        values = np.unique(
            np.concatenate([np.unique(batch.values[:, -1]) for batch, _ in source.read()])
        )
        values = values[~np.isnan(values)]
        integers = bool(len(values)) and bool(((values >= 0) & (values == np.floor(values))).all())
        name = (
            "kernel_classifier"
            if integers and len(values) <= _MAX_INT_CLASSES
            else "kernel_regressor"
        )
        if name == "kernel_classifier":
            echo_status(
                f"{title}: {options.target} has {counted(len(values), 'class', 'classes')}; "
                "--model kernel_regressor treats them as numbers"
            )
    if name.replace("-", "_") not in _learners():
        raise unknown_name_error("--model", name, _learners())
    table: dict[str, Any] = {"type": name, "target": options.target}
    for setting in options.sets:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ParameterError(
                f"--set must be NAME=VALUE, for example forget=0.99, got {setting!r}"
            )
        table[key.strip()] = parse_toml_value(text.strip())
    return build_component(table, ("models",), "model", "model")


def _learners() -> list[str]:
    return [
        name
        for name in component_names("models")
        if issubclass(get_component("models", name), Learner)
    ]


def _classifies(name: str) -> bool:
    """Return whether a learner is a classifier; True for unknown names, which fail later."""
    module = name.replace("-", "_")
    return module not in _learners() or bool(get_component("models", module).is_classifier)


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


def _print(result: ProgressiveValidationResult, output_format: Format) -> None:
    measure = "accuracy" if result.classifies else "mae"
    lines = []
    for name in result.predictions:
        n = len(result.targets)
        recent = result.losses(name)[-max(1, n // 10) :].mean()
        line: dict[str, Any] = {"predictor": name, "rows": n, measure: result.score(name)}
        line[f"{measure}_last_tenth"] = float(1 - recent if result.classifies else recent)
        lines.append(line)
    if output_format is Format.jsonl:
        for line in lines:
            print(json.dumps(line))
    elif output_format is Format.csv:
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


def _write_report(
    result: ProgressiveValidationResult,
    model: Any,
    target: str,
    report: Path,
    title: str,
    pipeline: str,
) -> None:
    from streamlyt.dashboards import write_learning_report  # slow to import

    measure = "accuracy" if result.classifies else "mean absolute error"
    text = describe(result)
    parts = min(60, max(10, len(result.targets) // _ROWS_PER_POINT))
    curves = {name: result.curve(name, parts) for name in result.predictions}
    write_learning_report(
        curves,
        report,
        f"Learning {target} of {title}",
        f"{text[:1].upper()}{text[1:]}.",
        measure,
        [(f"{len(result.targets):,}", "rows"), (type(model).__name__, "model")],
        pipeline,
    )
    echo_status(f"Report: {report}")
