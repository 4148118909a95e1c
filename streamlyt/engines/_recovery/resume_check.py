"""Whether a run is gone on with by the source and the operators that began it."""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import tomli_w

from streamlyt.core import Component, Source
from streamlyt.core.errors import StateError
from streamlyt.core.former_names import current_table
from streamlyt.pipeline import SOURCE, Pipeline
from streamlyt.registry import component_to_table

__all__ = ["check_same_operators", "check_same_pipeline", "differences", "renewed"]


def check_same_pipeline(saved: str, source: Source, pipeline: Pipeline) -> bool:
    """Hold source and operators against those that a run file was made for.

    Parameters that a component calls ``free`` may be others.

    Returns
    -------
    Whether a free parameter of an operator is another.

    Raises
    ------
    StateError
        If another parameter is.
    """
    tables = _tables(saved)
    if "source" in tables:
        _refuse(tables["source"], source, "source")
    return "operators" in tables and _refuse_operators(tables["operators"], pipeline)


def check_same_operators(pipeline: Pipeline, other: Pipeline) -> None:
    """Hold operators against those of a run that goes on.

    Raises
    ------
    StateError
        If they differ in more than their free parameters.
    """
    _refuse_operators([component_to_table(each) for each in pipeline.operators.values()], other)
    for ours, theirs in zip(pipeline.operators, other.operators, strict=True):
        if ours != theirs:
            raise _another("the label of an operator", ours, theirs)
    if pipeline.inputs != other.inputs:
        raise _another("what the operators follow", pipeline.inputs, other.inputs)


def renewed(saved: str, source: Source, pipeline: Pipeline) -> str:
    """Return the text of a run file with source and operators as they are now."""
    operators = [
        {"name": (table := component_to_table(each)).pop("name"), "label": label, **after, **table}
        for (label, each), after in zip(pipeline.operators.items(), _after(pipeline), strict=True)
    ]
    return tomli_w.dumps(
        _tables(saved) | {"source": component_to_table(source), "operators": operators}
    )


def _tables(saved: str) -> dict[str, Any]:
    tables = tomllib.loads(saved)
    if "operators" in tables:
        tables["operators"] = [current_table(table) for table in tables["operators"]]
    return tables


def differences(saved: Any, given: Any, where: str = "") -> list[tuple[str, Any, Any]]:
    """Return where two tables differ: the place with dots, and both values."""
    if isinstance(saved, Mapping) and isinstance(given, Mapping):
        names = [*saved, *(name for name in given if name not in saved)]
        return [
            found
            for name in names
            for found in differences(
                saved.get(name), given.get(name), f"{where}.{name}" if where else name
            )
        ]
    alike = saved == given or (saved != saved and given != given)  # NaN is equal to NaN here
    return [] if alike else [(where, saved, given)]


def _refuse_operators(tables: Sequence[dict[str, Any]], pipeline: Pipeline) -> bool:
    ours = list(pipeline.operators.values())
    if len(ours) != len(tables):
        raise _another("the number of operators", len(tables), len(ours))
    theirs = [{"after": table["after"]} if "after" in table else {} for table in tables]
    if theirs != _after(pipeline):
        raise _another("what the operators follow", theirs, _after(pipeline))
    return any(
        [
            _refuse(table, own, f"operators.{component_to_table(own)['name']}")
            for table, own in zip(tables, ours, strict=True)
        ]
    )


def _after(pipeline: Pipeline) -> list[dict[str, str]]:
    """Return for each operator the place that it follows, where that is not the one before it."""
    places = pipeline.inputs.values()
    before = [SOURCE, *pipeline.operators]
    return [
        {} if place == usual else {"after": place}
        for place, usual in zip(places, before, strict=False)
    ]


def _refuse(saved: Mapping[str, Any], component: Component, where: str) -> bool:
    """Raise where more than the free parameters differ; tell whether one of these does."""
    saved = {name: value for name, value in saved.items() if name not in ("label", "after")}
    found = differences(saved, component_to_table(component), where)
    for place, theirs, ours in found:
        if place.removeprefix(f"{where}.").partition(".")[0] not in component.reloadable_params:
            raise _another(place, theirs, ours)
    return bool(found)


def _another(where: str, saved: Any, given: Any) -> StateError:
    return StateError(
        f"{where} must be {saved!r} as in the run to be resumed, got {given!r}; give it back, or "
        f"begin a new run file"
    )
