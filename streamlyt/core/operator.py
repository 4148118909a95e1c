"""Base classes of what works on rows: operators, and feature maps without state."""

from abc import ABC, abstractmethod
from typing import Self

from .batch import Batch
from .component import Component
from .event import Event
from .numerics.arrays import Array, Floats

__all__ = ["FeatureMap", "Operator"]


class Operator(Component, ABC):
    """One step of a pipeline over one series, with all its memory in ``state``.

    Attributes
    ----------
    state
        Name -> array. Empty before the first row. Assign a saved one to go on from there.
    """

    state: dict[str, Array]

    @abstractmethod
    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Absorb rows; return what goes on downstream, and the findings.

        The stream may be cut into batches anywhere: the rows that come out are the same, bit for
        bit. A heartbeat (no rows) leaves no trace.
        """

    def finish(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Absorb the last rows of the series, and give up all that was held back for others.

        Called once, when the source has come to its end; no rows follow. An operator that holds
        nothing back has nothing more to say than :meth:`update`.
        """
        return self.update(batch)

    def late_rows(self) -> list[Batch]:
        """Return rows that the last update neither absorbed nor gave on: those that were late."""
        return []

    def on_params_changed(self) -> None:
        """Bring ``state``, made under other ``free`` parameters, in line with those of now."""

    def input_index(self, index: int) -> int:
        """Return which of the rows that it took the row is that it gave on as number ``index``.

        Both numbers count from 0 in this series. An operator that leaves rows out says it here,
        so that findings name rows of the source; all others give on every row.
        """
        return index


class FeatureMap(Component, ABC):
    r"""A random-feature map :math:`\phi` with :math:`E[\phi_j(x) \phi_j(y)] \cdot m = k(x, y)`.

    It has no memory. The same seed is the same map on every machine, up to rounding, and gives a
    row the same features, bit for bit, in every cut of the rows.

    Attributes
    ----------
    n_components
        Number of features m.
    scale
        Factor on the inputs: the map is :math:`x \mapsto \phi(\mathrm{scale} \cdot x)`.
    """

    n_components: int
    scale: float

    @abstractmethod
    def __call__(self, values: Array) -> Array:
        """Return the features, shape (n, m), of ``values``, shape (n, d)."""

    @abstractmethod
    def kernel(self, x: Array, y: Array) -> Floats:
        """Return the closed-form kernel, shape (n, p), of ``x`` (n, d) and ``y`` (p, d)."""

    @abstractmethod
    def variance(self, x: Array, y: Array) -> Floats:
        """Return the variance of m times one feature product, shape (n, p)."""

    def with_scale(self, scale: float) -> Self:
        """Return the same map with its inputs multiplied by ``scale`` once more."""
        return type(self)(**{**self.get_params(), "scale": self.scale * scale})
