"""Build a component from its table: find the class by name, read parameters by their types."""

import json
import types
from collections.abc import Mapping, Sequence
from inspect import Parameter, signature
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from streamlyt.core.errors import ParameterError, unknown_name_error
from streamlyt.registry import category_of_parameter, component_names, get_component

__all__ = [
    "OPERATOR_CATEGORIES",
    "build_component",
    "component_class",
    "instantiate",
    "is_optional",
    "type_adapter",
]

# Categories that are searched for the name of an operator.
OPERATOR_CATEGORIES = (
    "detectors",
    "transforms",
    "molecular",
    "models",
    "reservoirs",
    "integrations",
)


def build_component(
    table: Mapping[str, Any], categories: Sequence[str], kind: str | None, where: str
) -> Any:
    """Return the component that a table names, with the parameters of the table.

    Parameters
    ----------
    table
        ``type``, and parameters.
    categories
        Categories of the registry that are searched, in order.
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
    name = params.pop("type", None)
    return instantiate(component_class(name, categories, kind, where), params, where, f" ({name})")


def instantiate(cls: type[Any], params: Mapping[str, Any], where: str, called: str = "") -> Any:
    """Return an object of a class with each parameter converted to its type."""
    expected = signature(cls).parameters
    for key in params:
        if key not in expected:
            raise unknown_name_error(f"key of {where}{called}", key, list(expected) or ["type"])
    for missing, parameter in expected.items():
        if missing not in params and parameter.default is Parameter.empty:
            raise ParameterError(
                f"{where}.{missing} must be given: {called.strip(' ()')} requires it"
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


def component_class(
    name: Any, categories: Sequence[str], kind: str | None, where: str
) -> type[Any]:
    """Return the class with a name in one of the categories.

    Raises
    ------
    ParameterError
        If there is no such class.
    """
    if not isinstance(name, str):
        raise ParameterError(f"{where}.type must be the name of a component, got {name!r}")
    known = {category: component_names(category) for category in categories}
    category = next(
        (category for category in categories if name.replace("-", "_") in known[category]), None
    )
    if category is None:
        raise unknown_name_error(
            f"{where}.type", name, [each for category in categories for each in known[category]]
        )
    return get_component(category, name, kind)


def _value(value: Any, default: Any, hint: Any, where: str) -> Any:
    key = where.rpartition(".")[2]
    category = category_of_parameter(key)
    if isinstance(value, dict) and category is not None:
        return build_component(value, (category,), None, where)
    if isinstance(value, list) and category is not None:
        return [_value(each, None, hint, where) for each in value]
    if value == "none" and default is not None and is_optional(hint):
        return None
    adapter = type_adapter(hint)
    if adapter is None:
        return value  # an array or a class of streamlyt: the component checks it
    try:
        # Through JSON, in strict mode: a list may become a tuple, text a path, and nothing else.
        return adapter.validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ParameterError(f"{where} must be {_named(hint)}, got {value!r}: {reason}") from error


def type_adapter(hint: Any) -> TypeAdapter[Any] | None:
    """Return the adapter that reads values of a type; None if only the component can."""
    try:
        return TypeAdapter(hint, config=_config(hint))
    except (PydanticSchemaGenerationError, PydanticUserError):
        return None


def _config(hint: Any) -> ConfigDict | None:
    # pydantic accepts no configuration for types that define their own.
    return None if isinstance(hint, type) and hasattr(hint, "__pydantic_config__") else ConfigDict()


def is_optional(hint: Any) -> bool:
    """Return whether a type accepts None."""
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def _named(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")
