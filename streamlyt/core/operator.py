"""Base classes of operators, and of feature maps, which have no state."""

from abc import ABC, abstractmethod
from typing import Self

from .batch import Batch
from .component import Component
from .event import Event
from .numerics.arrays import Array, Floats

__all__ = ["FeatureMap", "Operator"]


class Operator(Component, ABC):
    """Base class of the steps of a pipeline: one series, everything it keeps in ``state``.

    Attributes
    ----------
    state
        Name -> array. Empty before the first row. Assign a saved state to resume from it.
    """

    state: dict[str, Array]

    @abstractmethod
    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Process rows; return the output rows and the events.

        The output does not depend on the batch boundaries, bit for bit. A heartbeat (a batch
        without rows) does not change the state.
        """

    def finish(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Process the last rows of the series, and emit all buffered rows.

        Called once, at the end of the source. The default calls :meth:`update`, which is enough
        for operators without a buffer.
        """
        return self.update(batch)

    def late_rows(self) -> list[Batch]:
        """Return the late rows of the last update: those it neither processed nor emitted."""
        return []

    def on_params_changed(self) -> None:
        """Adapt ``state`` after a change of reloadable parameters."""

    def input_index(self, index: int) -> int:
        """Return the index of the input row that became output row ``index``.

        Both count from 0 in this series. An operator that drops rows overrides this, so that
        events name rows of the source; all others emit every row.
        """
        return index


class FeatureMap(Component, ABC):
    r"""A random-feature map :math:`\phi` with :math:`E[\phi_j(x) \phi_j(y)] \cdot m = k(x, y)`.

    It has no state. The same seed gives the same map on every machine, up to rounding. The
    features of a row do not depend on the batch boundaries, bit for bit.

    Attributes
    ----------
    n_components
        Number of features m.
    scale
        Factor of the inputs: the map is :math:`x \mapsto \phi(\mathrm{scale} \cdot x)`.
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
        """Return the same map with ``scale`` as a further factor of its inputs."""
        return type(self)(**{**self.get_params(), "scale": self.scale * scale})
