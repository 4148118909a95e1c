"""JSON Schema of pipeline files, for completion and validation in editors."""

import re
from collections.abc import Mapping
from inspect import Parameter, cleandoc, signature
from typing import Any, get_type_hints

from streamlyt.core.errors import MissingDependencyError, ParameterError
from streamlyt.registry import component_names, get_component

from .factory import OPERATOR_CATEGORIES, is_optional, type_adapter
from .layers import SINGLETON_TABLES

__all__ = ["parameter_descriptions", "pipeline_schema"]

# Descriptions of the key of the input node.
INPUT = {
    "operator": "Its input: the id of an operator, or source. Default: the previous operator.",
    "sink": "Its input of rows and events: the id of an operator, or source. Default: all outputs.",
}
# Parameter that holds a component -> its definitions, the category and the kind.
_COMPONENTS = {
    "detector": ("operator", "detectors", "detector"),
    "features": ("features", "features", "features"),
    "forecaster": ("operator", "reservoirs", "forecaster"),
    "reservoirs": ("reservoirs", "reservoirs", "reservoir"),
}
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def pipeline_schema() -> dict[str, Any]:
    """Return the JSON Schema of pipeline files, generated from the registry.

    A component whose optional dependency is not installed accepts any parameter.

    Examples
    --------
    >>> pipeline_schema()["properties"]["source"]["oneOf"][0]
    {'$ref': '#/$defs/source.files'}
    """
    known: dict[str, Any] = {}
    refs = {
        "source": _category_refs(known, "source", ("connectors",), "source"),
        "operator": _category_refs(known, "operator", OPERATOR_CATEGORIES, None),
        "sink": _category_refs(known, "sink", ("connectors",), "sink"),
        "features": _category_refs(known, "features", ("features",), None),
        "reservoirs": _category_refs(known, "reservoirs", ("reservoirs",), "reservoir"),
    }
    return {
        "$schema": DIALECT,
        "title": "A pipeline of streamlyt",
        "type": "object",
        "required": ["source"],
        "additionalProperties": False,
        "properties": {
            "source": {"description": "Source of the rows.", "oneOf": refs["source"]},
            "operators": {
                "description": "Operators on the rows, in order.",
                "type": "array",
                "items": {"oneOf": refs["operator"]},
            },
            "sinks": {
                "description": "Sinks of rows and events.",
                "type": "array",
                "items": {"oneOf": refs["sink"]},
            },
            **{name: _singleton(cls) for name, cls in SINGLETON_TABLES.items()},
        },
        "$defs": known,
    }


def parameter_descriptions(cls: type[Any]) -> dict[str, str]:
    """Return the description of each parameter in the docstring of a class, as one line."""
    text = cleandoc(cls.__doc__ or "")
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^[^\n]+\n---|\Z)", text, re.M | re.S)
    descriptions: dict[str, str] = {}
    heading: list[str] = []
    for line in (section[1] if section else "").splitlines():
        if line and not line.startswith(" "):
            heading = [name.strip().lstrip("*") for name in line.split(",")]
        elif line.strip():
            for name in heading:
                text = f"{descriptions.get(name, '')} {line.strip()}"
                descriptions[name] = text.lstrip()
    return descriptions


def _category_refs(
    known: dict[str, Any], kind: str, categories: tuple[str, ...], component_kind: str | None
) -> list[dict[str, str]]:
    """Add the components of categories to ``known``; return references to them."""
    refs = []
    for category in categories:
        for name in component_names(category):
            try:
                cls = get_component(category, name, component_kind)
                entry = _component(cls, name, kind)
            except MissingDependencyError as error:
                entry = _named(name, kind) | {"description": str(error)}
            except ParameterError:
                continue  # a connector without this kind
            known[f"{kind}.{name}"] = entry
            refs.append({"$ref": f"#/$defs/{kind}.{name}"})
    return refs


def _named(name: str, kind: str) -> dict[str, Any]:
    spellings = sorted({name, name.replace("_", "-")})
    properties: dict[str, Any] = {"type": {"enum": spellings}}
    if kind == "operator":
        properties["id"] = {
            "type": "string",
            "description": "Id of the operator in this pipeline.",
        }
    if kind in INPUT:
        properties["input"] = {"type": "string", "description": INPUT[kind]}
    return {"type": "object", "required": ["type"], "properties": properties}


def _singleton(cls: type[Any]) -> dict[str, Any]:
    return _filled({"type": "object", "required": [], "properties": {}}, cls)


def _component(cls: type[Any], name: str, kind: str) -> dict[str, Any]:
    return _filled(_named(name, kind), cls)


def _filled(entry: dict[str, Any], cls: type[Any]) -> dict[str, Any]:
    descriptions, hints = parameter_descriptions(cls), get_type_hints(cls.__init__)
    for key, parameter in signature(cls).parameters.items():
        value = _parameter(key, hints.get(key, Any), parameter)
        if key in descriptions:
            value["description"] = descriptions[key]
        entry["properties"][key] = value
        if parameter.default is Parameter.empty:
            entry["required"].append(key)
    entry["description"] = cleandoc(cls.__doc__ or cls.__name__).splitlines()[0]
    return entry | {"additionalProperties": False}


def _is_of_kind(category: str, name: str, kind: str) -> bool:
    try:
        get_component(category, name, kind)
    except MissingDependencyError:
        return True
    except ParameterError:
        return False  # for example a forecaster among the reservoirs
    return True


def _parameter(key: str, hint: Any, parameter: Parameter) -> dict[str, Any]:
    if key in _COMPONENTS:
        prefix, category, component_kind = _COMPONENTS[key]
        maps = [
            {"$ref": f"#/$defs/{prefix}.{name}"}
            for name in component_names(category)
            if _is_of_kind(category, name, component_kind)
        ]
        several = [{"type": "array", "items": {"anyOf": maps}}] if key == "reservoirs" else []
        return {"anyOf": [{"type": "string"}, *maps, *several]}
    default = parameter.default
    is_plain = isinstance(default, bool | int | float | str)
    entry: dict[str, Any] = {"default": default} if is_plain else {}
    adapter = type_adapter(hint)
    if adapter is None:
        return entry
    try:
        type_schema: Mapping[str, Any] = adapter.json_schema()
    except Exception:
        return entry
    if "$defs" in type_schema:
        return entry
    options = type_schema.get("anyOf", [type_schema])
    options = [option for option in options if option != {"type": "null"}]
    if is_optional(hint) and default is not None and default is not Parameter.empty:
        options.append({"const": "none"})  # stands for None where that is not the default
    return (dict(options[0]) if len(options) == 1 else {"anyOf": options}) | entry
