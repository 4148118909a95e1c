"""Other values of each parameter of a component, found from its signature and its messages."""

import inspect
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from streamlyt.core import FeatureMap
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.features import FourierMap, OpticalMap

__all__ = ["choices", "other_values"]

_NO_CHOICE = "no such value"
# What a caller may reject, or may reject once it sees the rows.
REJECTED = (ParameterError, DataError, TypeError)


def other_values(cls: type[Any], name: str, given: Mapping[str, Any]) -> Iterator[Any]:
    """Yield values of a parameter other than the given one, those first that differ most."""
    hint = get_type_hints(cls.__init__).get(name, Any)
    value = given.get(name, inspect.signature(cls).parameters[name].default)
    yield from (each for each in _of_hint(cls, name, hint, value, given) if each != value)


def _of_hint(
    cls: type[Any], name: str, hint: Any, value: Any, given: Mapping[str, Any]
) -> Iterator[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        for each in arguments:
            yield from _of_hint(cls, name, each, value, given)
    elif origin is Literal:
        yield from arguments
    elif hint is bool:
        yield not value
    elif hint is int:
        number = value if isinstance(value, int) else 40
        yield from (number + 1, 2 * number + 1, number // 2, 64, number // 2 // 4 * 4, 8, 1)
    elif hint is float:
        number = value if isinstance(value, (int, float)) else 0.5
        yield from (1.5 * number, 0.5 * number, 0.9, 0.3, 2.0, 30.0, 3000.0)
    elif hint is str:
        yield from choices(cls, name, given)
        yield from (_NO_CHOICE, "x")
    elif hint is type(None):
        yield None
    elif inspect.isclass(hint) and issubclass(hint, FeatureMap):
        yield from (FourierMap(48), OpticalMap(64))
    elif origin is not None and issubclass(origin, Sequence) and arguments == (str,):
        yield from ((each,) for each in choices(cls, name, given, listed=True))


def choices(
    cls: type[Any], name: str, given: Mapping[str, Any], *, listed: bool = False
) -> list[str]:
    """Return the values that the message about a wrong one names."""
    wrong: Any = [_NO_CHOICE] if listed else _NO_CHOICE
    try:
        cls(**{**given, name: wrong})
    except REJECTED as error:
        return [each for each in re.findall(r"'([\w-]+)'", str(error)) if each != name]
    return []
