"""The one door to the wings: a component by the name of its file."""

import ast
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from inspect import Parameter, signature
from pathlib import PurePath
from pkgutil import iter_modules
from typing import Any

import numpy as np

from streamlyt.base import Component
from streamlyt.errors import MissingExtraError, ParameterError

__all__ = ["ROOMS", "about", "describe", "find", "name_of", "names", "unknown"]

# Room -> the kinds of component that live there, each with the base it is known by. Bases are
# named, not imported: the door stays cheap, and the core names no wing.
ROOMS: Mapping[str, Mapping[str, str]] = {
    "connectors": {"source": "streamlyt.base:Source", "sink": "streamlyt.base:Sink"},
    "detectors": {"detector": "streamlyt.base:Operator"},
    "observables": {"observable": "streamlyt.base:Operator"},
    "windows": {"window": "streamlyt.base:Operator"},
    "features": {"features": "streamlyt.base:FeatureMap"},
    "models": {
        "model": "streamlyt.learner:Learner",
        "anomaly": "streamlyt.models._anomaly:AnomalyModel",
    },
    "reservoirs": {
        "reservoir": "streamlyt.reservoirs:Reservoir",
        "forecaster": "streamlyt.forecaster:Forecaster",
    },
    "foreign": {"model": "streamlyt.base:Operator"},
    "codecs": {"codec": "streamlyt.codecs:Codec"},
    "dashboards": {"panel": "streamlyt.dashboards:Panel"},
}

_EXTRAS = {
    "MDAnalysis": "md",
    "bokeh": "dash",
    "kafka": "kafka",
    "msgspec": "kafka",
    "prometheus_client": "serve",
    "river": "river",
    "sklearn": "sklearn",
    "structlog": "serve",
    "torch": "torch",
    "tornado": "serve",
}
_LONGEST_LIST = 1_000_000  # numbers in one parameter: more is data, and belongs into a file


def names(room: str) -> list[str]:
    """Return the names in a room, sorted; nothing in it is imported.

    Raises
    ------
    ParameterError
        If there is no such room.

    Examples
    --------
    >>> "newma" in names("detectors")
    True
    """
    if room not in ROOMS:
        raise unknown("room", room, list(ROOMS))
    folder = import_module(f"streamlyt.{room}").__path__
    return sorted(m.name for m in iter_modules(folder) if not m.name.startswith("_"))


def about(room: str, name: str) -> str:
    """Return what a component is, in one line: the first of its file, which is not imported.

    Examples
    --------
    >>> about("detectors", "newma")
    'NEWMA: two exponential averages of random features, one quick and one slow.'
    """
    spec = find_spec(f"streamlyt.{room}.{name}")
    source = getattr(spec.loader, "get_source", None) if spec else None
    text = ast.get_docstring(ast.parse(source(spec.name) or "")) if spec and source else None
    return (text or "").partition("\n")[0]


def find(room: str, name: str, kind: str | None = None) -> type[Any]:
    """Return the class of a component.

    Parameters
    ----------
    room
        ``"connectors"``, ``"detectors"``, ``"observables"``, ``"windows"``,
        ``"features"``, ``"models"``, ``"foreign"``, ``"reservoirs"``, ``"codecs"``
        or ``"dashboards"``.
    name
        Name of its file, with or without hyphens in place of underscores.
    kind
        ``"source"`` or ``"sink"`` where a connector has both.

    Raises
    ------
    ParameterError
        If the name is unknown, or the kind is not in that file.
    MissingExtraError
        If it needs an optional dependency that is not installed.
    """
    known = names(room)
    module_name = name.replace("-", "_")
    if module_name not in known:
        raise unknown(f"name in {room}", name, known)
    kinds = ROOMS[room]
    if kind is not None and kind not in kinds:
        raise unknown(f"kind in {room}", kind, list(kinds))
    wanted = list(kinds) if kind is None else [kind]
    module = _imported(f"streamlyt.{room}.{module_name}")
    bases = tuple(_base(kinds[each]) for each in wanted)
    found = [
        value
        for value in (getattr(module, public) for public in getattr(module, "__all__", ()))
        if isinstance(value, type) and issubclass(value, bases)
    ]
    if len(found) != 1:
        what = " or ".join(wanted)
        raise ParameterError(
            f"{room}/{module_name} must hold one {what}, got "
            f"{[value.__name__ for value in found]!r}; "
            + ("say which kind is wanted" if found else f"choose another {what}")
        )
    return found[0]


def name_of(component: Component | type[Any]) -> str:
    """Return the name by which the catalog knows a component: that of its file."""
    cls = component if isinstance(component, type) else type(component)
    return cls.__module__.rpartition(".")[2]


def describe(component: Component) -> dict[str, Any]:
    """Return a component as a table of TOML: its name, and every parameter that is not None.

    A parameter that is None although its default is not stands as ``"none"``.

    Raises
    ------
    ParameterError
        If a parameter is neither a number, text, a list or array of them, nor a component of the
        room that the parameter is named after.
    """
    table: dict[str, Any] = {"name": name_of(component)}
    for name, value in component.params().items():
        if value is not None:
            table[name] = _plain(value, name, type(component).__name__)
        elif _default(type(component), name) is not None:
            table[name] = "none"
    return table


def unknown(what: str, given: str, known: list[str]) -> ParameterError:
    """Return the error for a name that nobody knows, with those that it may have meant."""
    near = get_close_matches(given, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(known)}"
    return ParameterError(f"{what} must be a known one, got {given!r}; {hint}")


def _imported(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in _EXTRAS:
            raise MissingExtraError(package, _EXTRAS[package]) from error
        raise


def _base(where: str) -> type[Any]:
    module, _, name = where.partition(":")
    base: type[Any] = getattr(import_module(module), name)
    return base


def _default(cls: type[Any], name: str) -> Any:
    default = signature(cls).parameters[name].default
    return None if default is Parameter.empty else default


def _plain(value: Any, name: str, owner: str) -> Any:
    if isinstance(value, Component):
        if name not in ROOMS:
            raise ParameterError(
                f"{owner}.{name} must be named after a room of the catalog to hold a component, "
                f"got {value!r}"
            )
        return describe(value)
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        if len(value) > _LONGEST_LIST:
            raise ParameterError(
                f"{owner}.{name} must have at most {_LONGEST_LIST} entries to be written as TOML, "
                f"got {len(value)}; put them into a file and name the file"
            )
        return [_plain(entry, name, owner) for entry in value]
    if isinstance(value, Mapping):
        return {str(k): _plain(v, name, owner) for k, v in value.items() if v is not None}
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, bool | int | float | str):
        return value
    raise ParameterError(
        f"{owner}.{name} must be a number, text, a list or a component to be written as TOML, "
        f"got {type(value).__name__}"
    )
