"""A pipeline as TOML: a source, operators and sinks by the names of the catalog."""

import json
import tomllib
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from os import PathLike
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import tomli_w
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from streamlyt.base import Operator, Sink, Source
from streamlyt.catalog import ROOMS, describe, find, name_of, names, unknown
from streamlyt.errors import FormatError, ParameterError

__all__ = ["PipelineSpec", "dump", "load"]

# Where the name of an operator is looked for.
_OPERATOR_ROOMS = ("detectors", "observables", "models")


@dataclass(frozen=True)
class PipelineSpec:
    """What a pipeline file says, as objects.

    Parameters
    ----------
    source
        Where rows come from.
    operators
        What is done with them, in order, by name.
    sinks
        Where they go.
    """

    source: Source
    operators: dict[str, Operator]
    sinks: tuple[Sink, ...] = ()


def load(text: str | PathLike[str]) -> PipelineSpec:
    """Make the objects that a pipeline file names.

    ::

        [source]
        name = "trajectories"        # a file in connectors/
        topology = "villin.pdb"      # and the parameters of its source

        [[operators]]
        name = "newma"               # a file in detectors/, observables/ or models/
        label = "fast"               # its name in this pipeline, if not that
        window = 40

        [operators.features]         # a component in a component: named after its room
        name = "optical"

        [[sinks]]
        name = "files"

    A parameter that is left out keeps its default; ``"none"`` says None where that is not the
    default.

    Parameters
    ----------
    text
        The TOML; or the path of a file, as a ``Path`` or as one line without ``=``.

    Raises
    ------
    FormatError
        If it is not TOML.
    ParameterError
        If a table, name or parameter is unknown, missing or of another type.
    """
    tables = _parsed(text)
    for each in tables:
        if each not in ("source", "operators", "sinks"):
            raise unknown("table", each, ["source", "operators", "sinks"])
    if not isinstance(tables.get("source"), dict):
        raise ParameterError("there must be one table [source]; add it, with the name of a source")
    operators: dict[str, Operator] = {}
    for table in _list(tables, "operators"):
        where = f"operators.{len(operators)}"
        rest = dict(table)
        label = rest.pop("label", None)
        operator = _component(rest, _OPERATOR_ROOMS, None, where)
        label = _free(name_of(operator), operators) if label is None else label
        if not isinstance(label, str) or label in operators:
            raise ParameterError(
                f"{where}.label must be a name that no operator has yet, got {label!r}"
            )
        operators[label] = operator
    return PipelineSpec(
        source=_component(tables["source"], ("connectors",), "source", "source"),
        operators=operators,
        sinks=tuple(
            _component(table, ("connectors",), "sink", f"sinks.{i}")
            for i, table in enumerate(_list(tables, "sinks"))
        ),
    )


def dump(
    source: Source,
    operators: Mapping[str, Operator] | Sequence[Operator],
    sinks: Iterable[Sink] = (),
) -> str:
    """Return a pipeline as TOML that :func:`load` reads back, to the last bit of each number.

    Raises
    ------
    ParameterError
        If a parameter is nothing that TOML can say.
    """
    tables: dict[str, Any] = {"source": describe(source), "operators": []}
    labels = list(operators) if isinstance(operators, Mapping) else None
    taken: dict[str, Operator] = {}
    for i, operator in enumerate(
        operators.values() if isinstance(operators, Mapping) else operators
    ):
        table = describe(operator)
        usual = _free(table["name"], taken)
        label = usual if labels is None else labels[i]
        taken[label] = operator
        extra = {} if label == usual else {"label": label}
        tables["operators"].append({"name": table.pop("name"), **extra, **table})
    tables["sinks"] = [describe(sink) for sink in sinks]
    return tomli_w.dumps({name: table for name, table in tables.items() if table})


def _parsed(text: str | PathLike[str]) -> dict[str, Any]:
    is_path = not isinstance(text, str) or (text and "\n" not in text and "=" not in text)
    where = "the pipeline"
    if is_path:
        where = str(text)
        try:
            text = Path(text).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise FormatError(f"the pipeline file {where} cannot be read: {error}") from error
    try:
        return tomllib.loads(str(text))
    except tomllib.TOMLDecodeError as error:
        raise FormatError(f"{where} must be TOML: {error}") from error


def _list(tables: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = tables.get(name, [])
    if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
        raise ParameterError(f"{name} must be a list of tables, got {found!r}; write [[{name}]]")
    return found


def _free(name: str, taken: Mapping[str, Any]) -> str:
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _component(table: Mapping[str, Any], rooms: Sequence[str], kind: str | None, where: str) -> Any:
    params = dict(table)
    name = params.pop("name", None)
    if not isinstance(name, str):
        raise ParameterError(f"{where}.name must be the name of a component, got {name!r}")
    known = {room: names(room) for room in rooms}
    room = next((room for room in rooms if name.replace("-", "_") in known[room]), None)
    if room is None:
        raise unknown(f"{where}.name", name, [each for room in rooms for each in known[room]])
    cls = find(room, name, kind)
    expected = signature(cls).parameters
    for given in params:
        if given not in expected:
            raise unknown(f"key of {where} ({name})", given, list(expected) or ["name"])
    for missing, parameter in expected.items():
        if missing not in params and parameter.default is Parameter.empty:
            raise ParameterError(f"{where}.{missing} must be given: {name} cannot do without it")
    hints = get_type_hints(cls.__init__)
    return cls(
        **{
            key: _value(value, expected[key].default, hints.get(key, Any), f"{where}.{key}")
            for key, value in params.items()
        }
    )


def _value(value: Any, default: Any, hint: Any, where: str) -> Any:
    key = where.rpartition(".")[2]
    if isinstance(value, dict) and key in ROOMS and "name" in value:
        return _component(value, (key,), None, where)
    if value == "none" and default is not None and _optional(hint):
        return None
    try:
        adapter = TypeAdapter(hint, config=_config(hint))
    except (PydanticSchemaGenerationError, PydanticUserError):
        return value  # an array or a class of ours: its component checks it
    try:
        # By way of JSON, where a list may be a tuple and text a path, and nothing else bends.
        return adapter.validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        wrong = error.errors()[0]["msg"]
        raise ParameterError(f"{where} must be {_named(hint)}, got {value!r}: {wrong}") from error


def _config(hint: Any) -> ConfigDict | None:
    # pydantic takes no configuration for types that bring their own.
    return None if isinstance(hint, type) and hasattr(hint, "__pydantic_config__") else ConfigDict()


def _optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def _named(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")
