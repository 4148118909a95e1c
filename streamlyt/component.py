"""A thing with parameters: how it is told, copied and written down."""

import inspect
from typing import Any, ClassVar, Self

__all__ = ["Component"]


class Component:
    """A thing with parameters: they are set in ``__init__`` under their own names, for good.

    Attributes
    ----------
    free
        Parameters that may be others when a run goes on from what was saved.
    """

    free: ClassVar[frozenset[str]] = frozenset()

    def params(self) -> dict[str, Any]:
        """Return the parameters by name, as given to ``__init__``."""
        names = inspect.signature(type(self)).parameters
        return {name: getattr(self, name) for name in names}

    def clone(self) -> Self:
        """Return a new one with the same parameters and no memory."""
        return type(self)(**{k: _cloned(v) for k, v in self.params().items()})

    def __repr__(self) -> str:
        listed = ", ".join(f"{name}={value!r}" for name, value in self.params().items())
        return f"{type(self).__name__}({listed})"


def _cloned(value: Any) -> Any:
    return value.clone() if isinstance(value, Component) else value
