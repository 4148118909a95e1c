"""Layers of pipeline settings: default < file < environment < ``--set``."""

import copy
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

from streamlyt.core import Component
from streamlyt.core.errors import ParameterError, unknown_name_error
from streamlyt.registry import category_of_parameter
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
    "retention": RetentionPolicy,
}  # tables without a component type
TABLES = ("source", "operators", "sinks", *SINGLETON_TABLES)
DEFAULT, FILE = "default", "file"


@dataclass(frozen=True)
class Setting:
    """A value of a pipeline, and the layer it comes from.

    Parameters
    ----------
    key
        Its dotted name: ``operators.newma.window``.
    value
        The TOML value; None if it has none.
    origin
        ``"default"``, ``"file"``, the name of an environment variable, or ``"--set"``.
    """

    key: str
    value: Any
    origin: str


def parse_toml_value(text: str) -> Any:
    """Return text parsed as a TOML value; invalid TOML and dates stay text.

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
    """Return the ids of the operators of a pipeline: ``id``, or the component type."""
    ids: list[str] = []
    for table in tables.get("operators", []):
        name = str(table.get("type", "")).replace("-", "_")
        unique, number = table.get("id", name), 1
        while unique in ids and "id" not in table:
            number += 1
            unique = f"{name}_{number}"
        ids.append(str(unique))
    return ids


def apply_overrides(
    tables: Mapping[str, Any], sets: Iterable[str], environ: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the tables of a file with the overrides of the environment and of ``--set``.

    Parameters
    ----------
    tables
        Tables of the file.
    sets
        ``key=value``, as ``operators.newma.window=40``; an operator is named by id or number.
    environ
        Variables; ``STREAMLYT_OPERATORS__NEWMA__WINDOW`` sets the same key. Others are ignored.

    Returns
    -------
    The tables, and key -> origin of each override.

    Raises
    ------
    ParameterError
        If a key does not exist in this pipeline.
    """
    result = copy.deepcopy(dict(tables))
    origins: dict[str, str] = {}
    for name in sorted(environ):
        key = name.removeprefix(PREFIX).lower().split("__")
        if name.startswith(PREFIX) and len(key) > 1 and key[0] in TABLES:
            origins[_put(result, key, environ[name], name)] = name
    for override in sets:
        path, equals, text = override.partition("=")
        key = path.strip().split(".")
        if not equals or len(key) < 2 or key[0] not in TABLES:
            raise ParameterError(
                f"--set must be like operators.newma.window=40 or source.path=rows.csv, "
                f"got {override!r}"
            )
        origins[_put(result, key, text.strip(), "--set")] = "--set"
    return result, origins


def resolve_settings(tables: Mapping[str, Any], origins: Mapping[str, str]) -> list[Setting]:
    """Return every setting of a pipeline with its origin, defaults included."""
    settings = list(
        _component_settings(tables["source"], ("connectors",), "source", "source", origins)
    )
    for operator_id, table in zip(operator_ids(tables), tables.get("operators", []), strict=True):
        params, where = omit_keys(table, "id", "input"), f"operators.{operator_id}"
        settings += _component_settings(params, OPERATOR_CATEGORIES, None, where, origins)
        settings += _input_setting(table, where, origins)
    for i, table in enumerate(tables.get("sinks", [])):
        params, where = omit_keys(table, "input"), f"sinks.{i}"
        settings += _component_settings(params, ("connectors",), "sink", where, origins)
        settings += _input_setting(table, where, origins)
    for name, cls in SINGLETON_TABLES.items():
        if name in tables:
            settings += _parameter_settings(cls, tables[name], name, origins)
    return settings


def omit_keys(table: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return a table without some keys."""
    return {name: value for name, value in table.items() if name not in names}


def _input_setting(
    table: Mapping[str, Any], where: str, origins: Mapping[str, str]
) -> list[Setting]:
    key = f"{where}.input"
    return [Setting(key, table["input"], origins.get(key, FILE))] if "input" in table else []


def _component_settings(
    table: Mapping[str, Any],
    categories: tuple[str, ...],
    kind: str | None,
    where: str,
    origins: Mapping[str, str],
) -> Iterator[Setting]:
    cls = component_class(table.get("type"), categories, kind, where)
    yield Setting(f"{where}.type", table["type"], origins.get(f"{where}.type", FILE))
    yield from _parameter_settings(cls, table, where, origins)


def _parameter_settings(
    cls: type[Any], table: Mapping[str, Any], where: str, origins: Mapping[str, str]
) -> Iterator[Setting]:
    for name, parameter in signature(cls).parameters.items():
        key = f"{where}.{name}"
        if name not in table:
            default = None if parameter.default is Parameter.empty else parameter.default
            yield Setting(key, default, DEFAULT)
        elif isinstance(table[name], dict) and (category := category_of_parameter(name)):
            yield from _component_settings(table[name], (category,), None, key, origins)
        else:
            yield Setting(key, table[name], origins.get(key, FILE))


def _put(tables: dict[str, Any], key: list[str], text: str, origin: str) -> str:
    """Set the value of a key; return the key with the id of its operator in it."""
    table, *path = key
    is_singleton = table == "source" or table in SINGLETON_TABLES
    target: Any = tables.setdefault(table, {}) if is_singleton else tables.get(table, [])
    resolved = [table]
    if not is_singleton:
        ids = operator_ids(tables) if table == "operators" else list(map(str, range(len(target))))
        given, *path = path
        folded = {name.lower(): i for i, name in enumerate(ids)}
        number = folded.get(given.lower())
        if number is None and given.isdigit() and int(given) < len(target):
            number = int(given)
        if number is None or not path:
            raise unknown_name_error(
                f"{origin}: {table[:-1]}", given, ids or ["none: the file names none"]
            )
        target = target[number]
        resolved.append(ids[number])
    for part in path[:-1]:
        target = target.setdefault(part, {})
        resolved.append(part)
        if not isinstance(target, dict):
            raise ParameterError(
                f"{origin}: {'.'.join(resolved)} must be a component to have settings of its own, "
                f"got {target!r}; set {'.'.join(resolved)}.type first"
            )
    target[path[-1]] = parse_toml_value(text)
    return ".".join([*resolved, path[-1]])
