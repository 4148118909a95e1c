"""Settings of a pipeline in layers: default, file, environment, flag, each over the one before."""

import copy
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

from streamlyt.core import Component
from streamlyt.core.errors import ParameterError, unknown_name_error
from streamlyt.registry import CATEGORIES
from streamlyt.runfile.retention import RetentionPolicy

from .factory import OPERATOR_CATEGORIES, component_class
from .serve import ServeConfig

__all__ = [
    "SINGLETON_TABLES",
    "TABLES",
    "Setting",
    "apply_overrides",
    "omit_keys",
    "operator_ids",
    "parse_toml_value",
    "resolve_settings",
]

PREFIX = "STREAMLYT_"
SINGLETON_TABLES: Mapping[str, type[Component]] = {
    "serve": ServeConfig,
    "policy": RetentionPolicy,
}  # need no name
TABLES = ("source", "operators", "sinks", *SINGLETON_TABLES)
DEFAULT, FILE = "default", "file"


@dataclass(frozen=True)
class Setting:
    """A value of a pipeline, and where it comes from.

    Parameters
    ----------
    key
        Its name with dots: ``operators.newma.window``.
    value
        As TOML says it; None where nothing is said.
    origin
        ``"default"``, ``"file"``, the name of a variable of the environment, or ``"--set"``.
    """

    key: str
    value: Any
    origin: str


def parse_toml_value(text: str) -> Any:
    """Return a value as TOML reads it; what is no TOML, and what TOML reads as a date, is text.

    Examples
    --------
    >>> [parse_toml_value(text) for text in ("40", "1e4", "[1, 2]", "a.csv", "true")]
    [40, 10000.0, [1, 2], 'a.csv', True]
    """
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return value if isinstance(value, bool | int | float | str | list | dict) else text


def operator_ids(tables: Mapping[str, Any]) -> list[str]:
    """Return the names of the operators of a pipeline: their labels, or those of their files."""
    found: list[str] = []
    for table in tables.get("operators", []):
        name = str(table.get("name", "")).replace("-", "_")
        label, number = table.get("label", name), 1
        while label in found and "label" not in table:
            number += 1
            label = f"{name}_{number}"
        found.append(str(label))
    return found


def apply_overrides(
    tables: Mapping[str, Any], sets: Iterable[str], environ: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the tables of a file with what the environment and the flags set in them.

    Parameters
    ----------
    tables
        What the file says.
    sets
        ``key=value``, as ``operators.newma.window=40``; an operator goes by its name or number.
    environ
        Variables; ``STREAMLYT_OPERATORS__NEWMA__WINDOW`` is that key. Others are passed over.

    Returns
    -------
    The tables, and key -> origin of what was set.

    Raises
    ------
    ParameterError
        If a key is no place in this pipeline.
    """
    result = copy.deepcopy(dict(tables))
    origins: dict[str, str] = {}
    for name in sorted(environ):
        key = name.removeprefix(PREFIX).lower().split("__")
        if name.startswith(PREFIX) and len(key) > 1 and key[0] in TABLES:
            origins[_put(result, key, environ[name], name)] = name
    for given in sets:
        path, equals, text = given.partition("=")
        key = path.strip().split(".")
        if not equals or len(key) < 2 or key[0] not in TABLES:
            raise ParameterError(
                f"--set must be like operators.newma.window=40 or source.path=rows.csv, "
                f"got {given!r}"
            )
        origins[_put(result, key, text.strip(), "--set")] = "--set"
    return result, origins


def resolve_settings(tables: Mapping[str, Any], origins: Mapping[str, str]) -> list[Setting]:
    """Return every setting of a pipeline, the defaults included, with where each comes from."""
    found = list(_settled(tables["source"], ("connectors",), "source", "source", origins))
    for label, table in zip(operator_ids(tables), tables.get("operators", []), strict=True):
        rest, where = omit_keys(table, "label", "after"), f"operators.{label}"
        found += _settled(rest, OPERATOR_CATEGORIES, None, where, origins)
        found += _wiring(table, where, origins)
    for i, table in enumerate(tables.get("sinks", [])):
        rest, where = omit_keys(table, "after"), f"sinks.{i}"
        found += _settled(rest, ("connectors",), "sink", where, origins)
        found += _wiring(table, where, origins)
    for name, cls in SINGLETON_TABLES.items():
        if name in tables:
            found += _each(cls, tables[name], name, origins)
    return found


def omit_keys(table: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return a table without what is no parameter of its component."""
    return {name: value for name, value in table.items() if name not in names}


def _wiring(table: Mapping[str, Any], where: str, origins: Mapping[str, str]) -> list[Setting]:
    key = f"{where}.after"
    return [Setting(key, table["after"], origins.get(key, FILE))] if "after" in table else []


def _settled(
    table: Mapping[str, Any],
    rooms: tuple[str, ...],
    kind: str | None,
    where: str,
    origins: Mapping[str, str],
) -> Iterator[Setting]:
    cls = component_class(table.get("name"), rooms, kind, where)
    yield Setting(f"{where}.name", table["name"], origins.get(f"{where}.name", FILE))
    yield from _each(cls, table, where, origins)


def _each(
    cls: type[Any], table: Mapping[str, Any], where: str, origins: Mapping[str, str]
) -> Iterator[Setting]:
    for name, parameter in signature(cls).parameters.items():
        key = f"{where}.{name}"
        if name not in table:
            default = None if parameter.default is Parameter.empty else parameter.default
            yield Setting(key, default, DEFAULT)
        elif isinstance(table[name], dict) and name in CATEGORIES:
            yield from _settled(table[name], (name,), None, key, origins)
        else:
            yield Setting(key, table[name], origins.get(key, FILE))


def _put(tables: dict[str, Any], key: list[str], text: str, origin: str) -> str:
    """Set a value where a key leads; return the key with the name of its operator in it."""
    room, *rest = key
    alone = room == "source" or room in SINGLETON_TABLES
    place: Any = tables.setdefault(room, {}) if alone else tables.get(room, [])
    known = [room]
    if not alone:
        found = operator_ids(tables) if room == "operators" else [str(i) for i in range(len(place))]
        which, *rest = rest
        folded = {name.lower(): i for i, name in enumerate(found)}
        number = folded.get(which.lower())
        if number is None and which.isdigit() and int(which) < len(place):
            number = int(which)
        if number is None or not rest:
            raise unknown_name_error(
                f"{origin}: {room[:-1]}", which, found or ["none: the file names none"]
            )
        place = place[number]
        known.append(found[number])
    for part in rest[:-1]:
        place = place.setdefault(part, {})
        known.append(part)
        if not isinstance(place, dict):
            raise ParameterError(
                f"{origin}: {'.'.join(known)} must be a component to have settings of its own, "
                f"got {place!r}; set {'.'.join(known)}.name first"
            )
    place[rest[-1]] = parse_toml_value(text)
    return ".".join([*known, rest[-1]])
