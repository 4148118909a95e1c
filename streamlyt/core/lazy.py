"""Names handed on lazily: a package's face costs no import until a name is asked for."""

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["export_locations", "lazy_exports"]

Face = tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]


def lazy_exports(package: str) -> Face:
    """Return the module-level ``__getattr__``, ``__dir__`` and ``__all__`` of a package's face.

    A face says each name once, for type checkers and for us: ``from .newma import NEWMA as NEWMA``
    under ``if TYPE_CHECKING:``. What stands there is imported when it is asked for (PEP 562).

    Parameters
    ----------
    package
        ``__name__`` of the package.
    """
    homes = export_locations(package)

    def getattribute(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f".{homes[name]}", package), name)

    def directory() -> list[str]:
        return sorted(homes)

    return getattribute, directory, sorted(homes)


def export_locations(package: str) -> dict[str, str]:
    """Return public name -> module, relative to the package, as the package's file says it."""
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
