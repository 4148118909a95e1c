"""What a pipeline file may say, as JSON Schema: editors complete and check by it."""

import re
from collections.abc import Mapping
from inspect import Parameter, cleandoc, signature
from typing import Any, get_type_hints

from streamlyt.core.errors import MissingDependencyError, ParameterError
from streamlyt.registry import CATEGORIES, component_names, get_component

from .factory import OPERATOR_CATEGORIES, is_optional, type_adapter
from .layers import SINGLETON_TABLES

__all__ = ["parameter_descriptions", "pipeline_schema"]

# What is said of the place in the pipeline that a component follows.
AFTER = {
    "operator": "Whose rows it takes: a label, or source; left out, those of the one before.",
    "sink": "Whose rows and findings it takes: a label, or source; left out, all that comes out.",
}
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def pipeline_schema() -> dict[str, Any]:
    """Return the JSON Schema of pipeline files, from the catalog as it is now.

    A component whose optional dependency is not installed takes any parameter.

    Examples
    --------
    >>> pipeline_schema()["properties"]["source"]["oneOf"][0]
    {'$ref': '#/$defs/source.files'}
    """
    known: dict[str, Any] = {}
    rooms = {
        "source": _room(known, "source", ("connectors",), "source"),
        "operator": _room(known, "operator", OPERATOR_CATEGORIES, None),
        "sink": _room(known, "sink", ("connectors",), "sink"),
        "features": _room(known, "features", ("features",), None),
        "reservoirs": _room(known, "reservoirs", ("reservoirs",), "reservoir"),
    }
    return {
        "$schema": DIALECT,
        "title": "A pipeline of streamlyt",
        "type": "object",
        "required": ["source"],
        "additionalProperties": False,
        "properties": {
            "source": {"description": "Where rows come from.", "oneOf": rooms["source"]},
            "operators": {
                "description": "What is done with them, in order.",
                "type": "array",
                "items": {"oneOf": rooms["operator"]},
            },
            "sinks": {
                "description": "Where they go.",
                "type": "array",
                "items": {"oneOf": rooms["sink"]},
            },
            **{name: _alone(cls) for name, cls in SINGLETON_TABLES.items()},
        },
        "$defs": known,
    }


def parameter_descriptions(cls: type[Any]) -> dict[str, str]:
    """Return what the docstring of a class says of each parameter, in one line each."""
    text = cleandoc(cls.__doc__ or "")
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^[^\n]+\n---|\Z)", text, re.M | re.S)
    told: dict[str, str] = {}
    heading: list[str] = []
    for line in (section[1] if section else "").splitlines():
        if line and not line.startswith(" "):
            heading = [name.strip().lstrip("*") for name in line.split(",")]
        elif line.strip():
            for name in heading:
                told[name] = f"{told[name]} {line.strip()}" if name in told else line.strip()
    return told


def _room(
    known: dict[str, Any], kind: str, rooms: tuple[str, ...], wanted: str | None
) -> list[dict[str, str]]:
    """Add the components of some rooms to what is known; return references to them."""
    refs = []
    for room in rooms:
        for name in component_names(room):
            try:
                entry = _component(get_component(room, name, wanted), name, kind)
            except MissingDependencyError as error:
                entry = _named(name, kind) | {"description": str(error)}
            except ParameterError:
                continue  # a connector that has no such kind
            known[f"{kind}.{name}"] = entry
            refs.append({"$ref": f"#/$defs/{kind}.{name}"})
    return refs


def _named(name: str, kind: str) -> dict[str, Any]:
    ways = sorted({name, name.replace("_", "-")})
    properties: dict[str, Any] = {"name": {"enum": ways}}
    if kind == "operator":
        properties["label"] = {"type": "string", "description": "Its name in this pipeline."}
    if kind in AFTER:
        properties["after"] = {"type": "string", "description": AFTER[kind]}
    return {"type": "object", "required": ["name"], "properties": properties}


def _alone(cls: type[Any]) -> dict[str, Any]:
    return _filled({"type": "object", "required": [], "properties": {}}, cls)


def _component(cls: type[Any], name: str, kind: str) -> dict[str, Any]:
    return _filled(_named(name, kind), cls)


def _filled(entry: dict[str, Any], cls: type[Any]) -> dict[str, Any]:
    told, hints = parameter_descriptions(cls), get_type_hints(cls.__init__)
    for key, parameter in signature(cls).parameters.items():
        value = _parameter(key, hints.get(key, Any), parameter)
        if key in told:
            value["description"] = told[key]
        entry["properties"][key] = value
        if parameter.default is Parameter.empty:
            entry["required"].append(key)
    entry["description"] = cleandoc(cls.__doc__ or cls.__name__).splitlines()[0]
    return entry | {"additionalProperties": False}


def _is_part(room: str, name: str) -> bool:
    """Tell whether a component is of the kind that its room is named after."""
    try:
        get_component(room, name, next(iter(CATEGORIES[room])))
    except MissingDependencyError:
        return True
    except ParameterError:
        return False  # a forecaster in the room of the reservoirs
    return True


def _parameter(key: str, hint: Any, parameter: Parameter) -> dict[str, Any]:
    if key in CATEGORIES:
        maps = [
            {"$ref": f"#/$defs/{key}.{name}"}
            for name in component_names(key)
            if _is_part(key, name)
        ]
        several = [{"type": "array", "items": {"anyOf": maps}}] if key == "reservoirs" else []
        return {"anyOf": [{"type": "string"}, *maps, *several]}
    default = parameter.default
    plain = isinstance(default, bool | int | float | str)
    found: dict[str, Any] = {"default": default} if plain else {}
    adapter = type_adapter(hint)
    if adapter is None:
        return found
    try:
        read: Mapping[str, Any] = adapter.json_schema()
    except Exception:
        return found
    if "$defs" in read:
        return found
    ways = [way for way in read.get("anyOf", [read]) if way != {"type": "null"}]
    if is_optional(hint) and default is not None and default is not Parameter.empty:
        ways.append({"const": "none"})  # the word for None where that is not the default
    return (dict(ways[0]) if len(ways) == 1 else {"anyOf": ways}) | found
