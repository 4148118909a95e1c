"""Checks that a run is resumed with the source and the operators that started it."""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import tomli_w

from streamlyt.core import Component, Operator, Source
from streamlyt.core.errors import StateError
from streamlyt.core.former_names import current_tables
from streamlyt.pipeline import SOURCE, Pipeline
from streamlyt.registry import component_to_table

__all__ = [
    "check_same_operators",
    "check_same_pipeline",
    "differences",
    "renewed",
    "with_saved_params",
]


def check_same_pipeline(saved: str, source: Source, pipeline: Pipeline) -> None:
    """Compare source and operators with those in a run file.

    Reloadable parameters may differ.

    Raises
    ------
    StateError
        If another parameter differs.
    """
    tables = _tables(saved)
    if "source" in tables:
        _check_component(tables["source"], source, "source")
    if "operators" in tables:
        _check_operators(tables["operators"], pipeline)


def with_saved_params(saved: str, pipeline: Pipeline) -> Pipeline | None:
    """Return a pipeline with the reloadable parameters of a run file.

    Returns
    -------
    ``pipeline`` itself if they are equal; None if the run file names no operators.
    """
    tables = _tables(saved).get("operators")
    if tables is None:
        return None
    operators = {
        label: _with_params(operator, table)
        for (label, operator), table in zip(pipeline.operators.items(), tables, strict=True)
    }
    changed = any(operators[label] is not own for label, own in pipeline.operators.items())
    return Pipeline(operators, pipeline.inputs) if changed else pipeline


def check_same_operators(pipeline: Pipeline, other: Pipeline) -> None:
    """Compare operators with those of a run in progress.

    Raises
    ------
    StateError
        If they differ in more than their reloadable parameters.
    """
    _check_operators([component_to_table(each) for each in pipeline.operators.values()], other)
    for label, other_label in zip(pipeline.operators, other.operators, strict=True):
        if label != other_label:
            raise _mismatch("the id of an operator", label, other_label)
    if pipeline.inputs != other.inputs:
        raise _mismatch("the inputs of the operators", pipeline.inputs, other.inputs)


def renewed(saved: str, source: Source, pipeline: Pipeline) -> str:
    """Return the pipeline text of a run file with the current source and operators."""
    operators = [
        {"type": (table := component_to_table(each)).pop("type"), "id": one, **node, **table}
        for (one, each), node in zip(pipeline.operators.items(), _inputs(pipeline), strict=True)
    ]
    return tomli_w.dumps(
        _tables(saved) | {"source": component_to_table(source), "operators": operators}
    )


def _tables(saved: str) -> dict[str, Any]:
    return current_tables(tomllib.loads(saved))


def differences(saved: Any, given: Any, where: str = "") -> list[tuple[str, Any, Any]]:
    """Return where two tables differ: the dotted path, and both values."""
    if isinstance(saved, Mapping) and isinstance(given, Mapping):
        names = [*saved, *(name for name in given if name not in saved)]
        return [
            difference
            for name in names
            for difference in differences(
                saved.get(name), given.get(name), f"{where}.{name}" if where else name
            )
        ]
    equal = saved == given or (saved != saved and given != given)  # NaN equals NaN here
    return [] if equal else [(where, saved, given)]


def _with_params(operator: Operator, saved: Mapping[str, Any]) -> Operator:
    table = component_to_table(operator)
    names = [n for n in operator.reloadable_params if differences(saved.get(n), table.get(n))]
    if not names:
        return operator
    params = operator.clone().get_params()
    for name in names:
        params[name] = saved.get(name)
        if name not in saved:
            del params[name]  # the default
        elif saved[name] == "none":
            params[name] = None
    return type(operator)(**params)


def _check_operators(tables: Sequence[dict[str, Any]], pipeline: Pipeline) -> None:
    operators = list(pipeline.operators.values())
    if len(operators) != len(tables):
        raise _mismatch("the number of operators", len(tables), len(operators))
    saved = [{"input": table["input"]} if "input" in table else {} for table in tables]
    if saved != _inputs(pipeline):
        raise _mismatch("the inputs of the operators", saved, _inputs(pipeline))
    for table, own in zip(tables, operators, strict=True):
        _check_component(table, own, f"operators.{component_to_table(own)['type']}")


def _inputs(pipeline: Pipeline) -> list[dict[str, str]]:
    """Return for each operator its input node, where that is not the operator before it."""
    nodes = pipeline.inputs.values()
    before = [SOURCE, *pipeline.operators]
    return [
        {} if node == default else {"input": node}
        for node, default in zip(nodes, before, strict=False)
    ]


def _check_component(saved: Mapping[str, Any], component: Component, where: str) -> None:
    """Raise if more than reloadable parameters differ."""
    saved = {name: value for name, value in saved.items() if name not in ("id", "input")}
    changed = differences(saved, component_to_table(component), where)
    for path, saved_value, value in changed:
        if path.removeprefix(f"{where}.").partition(".")[0] not in component.reloadable_params:
            raise _mismatch(path, saved_value, value)


def _mismatch(where: str, saved: Any, given: Any) -> StateError:
    return StateError(
        f"{where} must be {saved!r} as in the run to be resumed, got {given!r}; restore it, or "
        f"begin a new run file"
    )
