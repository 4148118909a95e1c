"""Names handed on lazily: a package's face costs no import until a name is asked for."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the module-level ``__getattr__`` and ``__dir__`` of a package's face (PEP 562).

    Parameters
    ----------
    package
        ``__name__`` of the package.
    homes
        Public name -> the module, relative to the package, that defines it.
    """

    def getattribute(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f".{homes[name]}", package), name)

    def directory() -> list[str]:
        return sorted(homes)

    return getattribute, directory
