"""A component from its table: the class by the name of its file, each parameter by its type."""

import json
import types
from collections.abc import Mapping, Sequence
from inspect import Parameter, signature
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from streamlyt.core.errors import ParameterError, unknown_name_error
from streamlyt.registry import CATEGORIES, component_names, get_component

__all__ = [
    "OPERATOR_CATEGORIES",
    "build_component",
    "component_class",
    "instantiate",
    "is_optional",
    "type_adapter",
]

# Where the name of an operator is looked for.
OPERATOR_CATEGORIES = (
    "detectors",
    "transforms",
    "molecular",
    "models",
    "reservoirs",
    "integrations",
)


def build_component(
    table: Mapping[str, Any], rooms: Sequence[str], kind: str | None, where: str
) -> Any:
    """Return the component that a table names, with the parameters that it gives.

    Parameters
    ----------
    table
        ``name``, and parameters.
    rooms
        Rooms of the catalog that are searched, in order.
    kind
        ``"source"`` or ``"sink"`` where a connector has both.
    where
        Name of the table in messages.

    Raises
    ------
    ParameterError
        If the name or a parameter is unknown, missing or of another type.
    """
    params = dict(table)
    name = params.pop("name", None)
    return instantiate(component_class(name, rooms, kind, where), params, where, f" ({name})")


def instantiate(cls: type[Any], params: Mapping[str, Any], where: str, called: str = "") -> Any:
    """Return an object of a class, with each parameter read by its type; see :func:`build`."""
    expected = signature(cls).parameters
    for given in params:
        if given not in expected:
            raise unknown_name_error(f"key of {where}{called}", given, list(expected) or ["name"])
    for missing, parameter in expected.items():
        if missing not in params and parameter.default is Parameter.empty:
            raise ParameterError(
                f"{where}.{missing} must be given: {called.strip(' ()')} cannot do without it"
            )
    hints = get_type_hints(cls.__init__)
    values = {
        key: _value(value, expected[key].default, hints.get(key, Any), f"{where}.{key}")
        for key, value in params.items()
    }
    try:
        return cls(**values)
    except ParameterError as error:
        raise ParameterError(f"{where}{called}: {error}") from error


def component_class(name: Any, rooms: Sequence[str], kind: str | None, where: str) -> type[Any]:
    """Return the class that goes by a name in one of the rooms.

    Raises
    ------
    ParameterError
        If there is none.
    """
    if not isinstance(name, str):
        raise ParameterError(f"{where}.name must be the name of a component, got {name!r}")
    known = {room: component_names(room) for room in rooms}
    room = next((room for room in rooms if name.replace("-", "_") in known[room]), None)
    if room is None:
        raise unknown_name_error(
            f"{where}.name", name, [each for room in rooms for each in known[room]]
        )
    return get_component(room, name, kind)


def _value(value: Any, default: Any, hint: Any, where: str) -> Any:
    key = where.rpartition(".")[2]
    if isinstance(value, dict) and key in CATEGORIES and "name" in value:
        return build_component(value, (key,), None, where)
    if isinstance(value, list) and key in CATEGORIES:
        return [_value(each, None, hint, where) for each in value]
    if value == "none" and default is not None and is_optional(hint):
        return None
    adapter = type_adapter(hint)
    if adapter is None:
        return value  # an array or a class of ours: its component checks it
    try:
        # By way of JSON, where a list may be a tuple and text a path, and nothing else bends.
        return adapter.validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        wrong = error.errors()[0]["msg"]
        raise ParameterError(
            f"{where} must be {_named(hint)}, got {value!r}: {wrong.removeprefix('Value error, ')}"
        ) from error


def type_adapter(hint: Any) -> TypeAdapter[Any] | None:
    """Return what reads a value of a type; None where only its component can."""
    try:
        return TypeAdapter(hint, config=_config(hint))
    except (PydanticSchemaGenerationError, PydanticUserError):
        return None


def _config(hint: Any) -> ConfigDict | None:
    # pydantic takes no configuration for types that bring their own.
    return None if isinstance(hint, type) and hasattr(hint, "__pydantic_config__") else ConfigDict()


def is_optional(hint: Any) -> bool:
    """Tell whether a type takes None."""
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def _named(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")
