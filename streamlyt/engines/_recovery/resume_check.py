"""Checks that a run is resumed with the source and the operators that started it."""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import tomli_w

from streamlyt.core import Component, Source
from streamlyt.core.errors import StateError
from streamlyt.core.former_names import current_tables
from streamlyt.pipeline import SOURCE, Pipeline
from streamlyt.registry import component_to_table

__all__ = ["check_same_operators", "check_same_pipeline", "differences", "renewed"]


def check_same_pipeline(saved: str, source: Source, pipeline: Pipeline) -> bool:
    """Compare source and operators with those in a run file.

    Reloadable parameters may differ.

    Returns
    -------
    Whether a reloadable parameter of an operator differs.

    Raises
    ------
    StateError
        If another parameter differs.
    """
    tables = _tables(saved)
    if "source" in tables:
        _check_component(tables["source"], source, "source")
    return "operators" in tables and _check_operators(tables["operators"], pipeline)


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


def _check_operators(tables: Sequence[dict[str, Any]], pipeline: Pipeline) -> bool:
    operators = list(pipeline.operators.values())
    if len(operators) != len(tables):
        raise _mismatch("the number of operators", len(tables), len(operators))
    saved = [{"input": table["input"]} if "input" in table else {} for table in tables]
    if saved != _inputs(pipeline):
        raise _mismatch("the inputs of the operators", saved, _inputs(pipeline))
    return any(
        [
            _check_component(table, own, f"operators.{component_to_table(own)['type']}")
            for table, own in zip(tables, operators, strict=True)
        ]
    )


def _inputs(pipeline: Pipeline) -> list[dict[str, str]]:
    """Return for each operator its input node, where that is not the operator before it."""
    nodes = pipeline.inputs.values()
    before = [SOURCE, *pipeline.operators]
    return [
        {} if node == default else {"input": node}
        for node, default in zip(nodes, before, strict=False)
    ]


def _check_component(saved: Mapping[str, Any], component: Component, where: str) -> bool:
    """Raise if more than reloadable parameters differ; return whether one of these does."""
    saved = {name: value for name, value in saved.items() if name not in ("id", "input")}
    changed = differences(saved, component_to_table(component), where)
    for path, saved_value, value in changed:
        if path.removeprefix(f"{where}.").partition(".")[0] not in component.reloadable_params:
            raise _mismatch(path, saved_value, value)
    return bool(changed)


def _mismatch(where: str, saved: Any, given: Any) -> StateError:
    return StateError(
        f"{where} must be {saved!r} as in the run to be resumed, got {given!r}; restore it, or "
        f"begin a new run file"
    )
