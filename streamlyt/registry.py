"""Component registry: find a class by category and name."""

import ast
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from inspect import Parameter, signature
from pathlib import PurePath
from pkgutil import iter_modules
from typing import Any

import numpy as np

from streamlyt.core import Component
from streamlyt.core.component import component_name
from streamlyt.core.errors import MissingDependencyError, ParameterError, unknown_name_error

__all__ = [
    "CATEGORIES",
    "category_of_parameter",
    "component_names",
    "component_summary",
    "component_to_table",
    "get_component",
]

# Category -> the kinds of component in it, each with its base class. Bases are named, not
# imported, so that a lookup imports only what it returns.
CATEGORIES: Mapping[str, Mapping[str, str]] = {
    "connectors": {"source": "streamlyt.core:Source", "sink": "streamlyt.core:Sink"},
    "detectors": {"detector": "streamlyt.core:Operator"},
    "transforms": {"transform": "streamlyt.core:Operator"},
    "molecular": {"transform": "streamlyt.core:Operator"},
    "features": {"features": "streamlyt.core:FeatureMap"},
    "models": {
        "model": "streamlyt.core.learner:Learner",
        "anomaly": "streamlyt.models._base.anomaly_model:AnomalyModel",
    },
    "reservoirs": {
        "reservoir": "streamlyt.reservoirs:Reservoir",
        "forecaster": "streamlyt.core.forecaster:Forecaster",
    },
    "integrations": {"model": "streamlyt.core:Operator"},
    "codecs": {"codec": "streamlyt.codecs:Codec"},
    "dashboards": {"panel": "streamlyt.dashboards:Panel"},
}


# Parameters that hold one component of a kind.
_BY_KIND = {"detector": "detectors", "forecaster": "reservoirs"}
_NO_COMPONENTS = {"sklearn"}  # scikit-learn estimators are not operators
_EXTRAS = {
    "MDAnalysis": "md",
    "bokeh": "dashboard",
    "kafka": "kafka",
    "msgspec": "kafka",
    "prometheus_client": "serve",
    "river": "river",
    "sklearn": "sklearn",
    "structlog": "serve",
    "torch": "torch",
    "tornado": "serve",
}


_LONGEST_LIST = 1_000_000  # numbers in one parameter; more is data and belongs in a file


def category_of_parameter(name: str) -> str | None:
    """Return the category of the component that a parameter holds; None if it holds none.

    The parameter has the name of the category, or is ``detector`` or ``forecaster``.

    Examples
    --------
    >>> category_of_parameter("features"), category_of_parameter("detector")
    ('features', 'detectors')
    >>> category_of_parameter("window") is None
    True
    """
    return name if name in CATEGORIES else _BY_KIND.get(name)


def component_names(category: str) -> list[str]:
    """Return the sorted names of a category without importing its components.

    Raises
    ------
    ParameterError
        If there is no such category.

    Examples
    --------
    >>> "newma" in component_names("detectors")
    True
    """
    if category not in CATEGORIES:
        raise unknown_name_error("category", category, list(CATEGORIES))
    folder = import_module(f"streamlyt.{category}").__path__
    modules = {m.name for m in iter_modules(folder) if not m.name.startswith("_")}
    return sorted(modules - _NO_COMPONENTS)


def component_summary(category: str, name: str) -> str:
    """Return the first line of a component's docstring without importing it.

    Examples
    --------
    >>> component_summary("detectors", "newma")
    'NEWMA: two exponential averages of random features, one fast and one slow.'
    """
    spec = find_spec(f"streamlyt.{category}.{name}")
    source = getattr(spec.loader, "get_source", None) if spec else None
    text = ast.get_docstring(ast.parse(source(spec.name) or "")) if spec and source else None
    return (text or "").partition("\n")[0]


def get_component(category: str, name: str, kind: str | None = None) -> type[Any]:
    """Return the class of a component.

    Parameters
    ----------
    category
        A key of :data:`CATEGORIES`, such as ``"detectors"``.
    name
        Its name in the registry; hyphens count as underscores.
    kind
        ``"source"`` or ``"sink"`` where a connector has both.

    Raises
    ------
    ParameterError
        If the name is unknown, or the component has no such kind.
    MissingDependencyError
        If it needs an optional dependency that is not installed.
    """
    known = component_names(category)
    module_name = name.replace("-", "_")
    if module_name not in known:
        raise unknown_name_error(f"name in {category}", name, known)
    kinds = CATEGORIES[category]
    if kind is not None and kind not in kinds:
        raise unknown_name_error(f"kind in {category}", kind, list(kinds))
    kind_names = list(kinds) if kind is None else [kind]
    module = _imported(f"streamlyt.{category}.{module_name}")
    bases = tuple(_base(kinds[each]) for each in kind_names)
    found = [
        value
        for value in (_attribute(module, public) for public in getattr(module, "__all__", ()))
        if isinstance(value, type) and issubclass(value, bases)
    ]
    if len(found) != 1:
        what = " or ".join(kind_names)
        raise ParameterError(
            f"{category}/{module_name} must hold one {what}, got "
            f"{[value.__name__ for value in found]!r}; "
            + ("pass the kind" if found else f"choose another {what}")
        )
    return found[0]


def component_to_table(component: Component) -> dict[str, Any]:
    """Return a component as a TOML table: its type, and every parameter that is not None.

    A parameter that is None while its default is not becomes ``"none"``.

    Raises
    ------
    ParameterError
        If a parameter is not a number, text, a list or array of these, or a component of the
        category that the parameter is named after.
    """
    table: dict[str, Any] = {"type": component_name(component)}
    for name, value in component.get_params().items():
        if value is not None:
            table[name] = _plain(value, name, type(component).__name__)
        elif _default(type(component), name) is not None:
            table[name] = "none"
    return table


def _imported(module: str) -> Any:
    with _naming_the_extra():
        return import_module(module)


def _attribute(module: Any, name: str) -> Any:
    with _naming_the_extra():  # a package imports its modules when a name is asked for
        return getattr(module, name)


@contextmanager
def _naming_the_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in _EXTRAS:
            raise MissingDependencyError(package, _EXTRAS[package]) from error
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
        if category_of_parameter(name) is None:
            raise ParameterError(
                f"{owner}.{name} must be named after a category of the registry to hold a "
                f"component, got {value!r}"
            )
        return component_to_table(value)
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        if len(value) > _LONGEST_LIST:
            raise ParameterError(
                f"{owner}.{name} must have at most {_LONGEST_LIST} entries to be written as TOML, "
                f"got {len(value)}; store them in a file and pass its path"
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
