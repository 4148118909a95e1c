"""Lazy exports: a package imports a module only when one of its names is used."""

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["export_locations", "lazy_exports"]

Exports = tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]


def lazy_exports(package: str) -> Exports:
    """Return the module-level ``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    The package lists each export once, for type checkers and for this function, as
    ``from .newma import NEWMA as NEWMA`` under ``if TYPE_CHECKING:``. The module is imported when
    the name is first used (PEP 562).

    Parameters
    ----------
    package
        ``__name__`` of the package.
    """
    locations = export_locations(package)

    def getattribute(name: str) -> Any:
        if name not in locations:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f".{locations[name]}", package), name)

    def directory() -> list[str]:
        return sorted(locations)

    return getattribute, directory, sorted(locations)


def export_locations(package: str) -> dict[str, str]:
    """Return public name -> module relative to the package, read from the package's source."""
    spec = sys.modules[package].__spec__
    source = getattr(spec.loader, "get_source", lambda name: None)(package) if spec else None
    return {
        alias.asname or alias.name: node.module or ""
        for block in ast.parse(source or "").body
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }
