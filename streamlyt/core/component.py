"""Base class of everything configurable: parameters, repr and cloning."""

import inspect
from typing import Any, ClassVar, Self

__all__ = ["Component", "component_name"]


class Component:
    """Base class of objects whose parameters are set in ``__init__`` and never change.

    Each parameter is an attribute of the same name.

    Attributes
    ----------
    reloadable_params
        Parameters that may change when a run is resumed from a saved state.
    """

    reloadable_params: ClassVar[frozenset[str]] = frozenset()

    def get_params(self) -> dict[str, Any]:
        """Return the parameters by name, as given to ``__init__``."""
        names = inspect.signature(type(self)).parameters
        return {name: getattr(self, name) for name in names}

    def clone(self) -> Self:
        """Return a new object with the same parameters and no state."""
        return type(self)(**{k: _cloned(v) for k, v in self.get_params().items()})

    def __repr__(self) -> str:
        params = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({params})"


def _cloned(value: Any) -> Any:
    return value.clone() if isinstance(value, Component) else value


def component_name(component: Component | type[Any]) -> str:
    """Return the name of a component in the registry.

    It is the path segment of its module after the category: ``newma`` for
    ``streamlyt.detectors.newma``, ``kafka`` for ``streamlyt.connectors.kafka.source``. A class
    from another package is named after the last segment of its module.
    """
    cls = component if isinstance(component, type) else type(component)
    parts = cls.__module__.split(".")
    return parts[2] if parts[0] == "streamlyt" and len(parts) > 2 else parts[-1]
