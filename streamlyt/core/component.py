"""A thing with parameters: how it is told, copied and written down."""

import inspect
from typing import Any, ClassVar, Self

__all__ = ["Component", "component_name"]


class Component:
    """A thing with parameters: they are set in ``__init__`` under their own names, for good.

    Attributes
    ----------
    reloadable_params
        Parameters that may be others when a run goes on from what was saved.
    """

    reloadable_params: ClassVar[frozenset[str]] = frozenset()

    def get_params(self) -> dict[str, Any]:
        """Return the parameters by name, as given to ``__init__``."""
        names = inspect.signature(type(self)).parameters
        return {name: getattr(self, name) for name in names}

    def clone(self) -> Self:
        """Return a new one with the same parameters and no memory."""
        return type(self)(**{k: _cloned(v) for k, v in self.get_params().items()})

    def __repr__(self) -> str:
        listed = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({listed})"


def _cloned(value: Any) -> Any:
    return value.clone() if isinstance(value, Component) else value


def component_name(component: Component | type[Any]) -> str:
    """Return the name of a component in the registry.

    It is the part of its module's path after the category: ``newma`` for
    ``streamlyt.detectors.newma``, ``kafka`` for ``streamlyt.connectors.kafka.source``. A class
    from elsewhere is named by the last part of its module.
    """
    cls = component if isinstance(component, type) else type(component)
    parts = cls.__module__.split(".")
    return parts[2] if parts[0] == "streamlyt" and len(parts) > 2 else parts[-1]
