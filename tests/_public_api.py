"""What streamlyt makes public, read from its modules; shared by the layout and docs tests."""

import importlib
import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from streamlyt.core.lazy import export_locations

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "streamlyt"


def modules() -> list[str]:
    """Return every module of streamlyt by its import name, private ones included."""
    names = []
    for folder, _, files in os.walk(PACKAGE, followlinks=True):
        parts = ("streamlyt", *Path(folder).relative_to(PACKAGE).parts)
        names += [".".join((*parts, f[:-3])) for f in files if f.endswith(".py")]
    return sorted(name.removesuffix(".__init__") for name in names)


def public_modules() -> list[str]:
    """Return the modules that a user may import from."""
    return [name for name in modules() if not any(p.startswith("_") for p in name.split("."))]


def load(name: str) -> ModuleType:
    return importlib.import_module(name)


def packages() -> list[str]:
    """Return the public packages: each exports what its modules define."""
    return [name for name in public_modules() if (_path(name) / "__init__.py").is_file()]


def components() -> list[str]:
    """Return the public modules that define something."""
    return sorted(set(public_modules()) - set(packages()))


# Packages of which only the exports are documented: their modules are internal.
EXPORTS_ONLY = (
    "streamlyt.config.",
    "streamlyt.connectors.files.",
    "streamlyt.connectors.kafka.",
    "streamlyt.connectors.trajectories.",
    "streamlyt.core.former_names",
    "streamlyt.core.lazy",
    "streamlyt.core.numerics.",
    "streamlyt.runfile.user_key",
)


def documented() -> list[str]:
    """Return the public modules that the reference shows whole."""
    return [name for name in components() if not name.startswith(EXPORTS_ONLY)]


def _path(name: str) -> Path:
    return ROOT.joinpath(*name.split("."))


def exports(package: ModuleType) -> dict[str, str]:
    """Return the lazy exports of a package: public name -> module that defines it."""
    return export_locations(package.__name__)


def public_objects(name: str) -> Iterator[tuple[str, Any]]:
    """Yield the public classes and functions that a module defines, by their full names."""
    module = load(name)
    for public in getattr(module, "__all__", ()):
        value = getattr(module, public)
        if inspect.isroutine(value) or inspect.isclass(value):
            yield f"{name}.{public}", value
