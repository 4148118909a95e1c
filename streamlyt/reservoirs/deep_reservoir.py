"""Deep reservoir: each layer is driven by the states of the previous one."""

from collections.abc import Sequence

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import ParameterError

from ._base.reservoir import Reservoir
from .echo_state_network import EchoStateNetwork

__all__ = ["DeepReservoir"]


class DeepReservoir(Reservoir):
    """Stacked reservoirs; the state is that of all layers.

    The inputs of the first layer are the rows; those of each further layer are the states of the
    previous one at the same row [1]_. Smaller leak rates in later layers give longer memories. (For
    parallel reservoirs, pass a sequence to the forecaster.)

    Parameters
    ----------
    reservoirs
        The layers in order; None for two of 500 nodes, the second with leak rate 0.5.

    Raises
    ------
    ParameterError
        If there is no layer, or if one is no reservoir.

    References
    ----------
    .. [1] C. Gallicchio, A. Micheli, L. Pedrelli, "Deep reservoir computing: a critical
       experimental analysis", Neurocomputing 268, 2017.

    Examples
    --------
    >>> DeepReservoir([EchoStateNetwork(30), EchoStateNetwork(20, leak_rate=0.3)]).n_outputs(3)
    50
    """

    def __init__(self, reservoirs: Sequence[Reservoir] | None = None) -> None:
        super().__init__()
        self.reservoirs = reservoirs
        layers = (
            (EchoStateNetwork(500), EchoStateNetwork(500, leak_rate=0.5, seed=1))
            if reservoirs is None
            else reservoirs
        )
        self._layers = [layer for layer in layers if isinstance(layer, Reservoir)]
        if not self._layers or len(self._layers) != len(layers):
            raise ParameterError(
                f"reservoirs must be one or more reservoirs, got {reservoirs!r}; use "
                "[EchoStateNetwork(500), EchoStateNetwork(500, leak_rate=0.5)]"
            )

    def n_outputs(self, width: int) -> int:
        """Return the number of nodes of all layers."""
        return sum(layer.n_outputs(w) for layer, w in self._widths(width))

    def start(self, lanes: int, width: int) -> dict[str, Array]:
        """Return the initial state of all layers."""
        memory = {}
        for i, (layer, w) in enumerate(self._widths(width)):
            memory.update({f"layer{i}.{k}": v for k, v in layer.start(lanes, w).items()})
        return memory

    def run(self, inputs: Floats, memory: dict[str, Array]) -> Array:
        """Drive the layers one after another; see :class:`Reservoir`."""
        states = []
        for i, layer in enumerate(self._layers):
            prefix = f"layer{i}."
            own = {k.removeprefix(prefix): v for k, v in memory.items() if k.startswith(prefix)}
            inputs = np.asarray(layer.run(inputs, own), np.float64)
            states.append(inputs)
        return np.concatenate(states, axis=2)

    def _widths(self, width: int) -> list[tuple[Reservoir, int]]:
        pairs = []
        for layer in self._layers:
            pairs.append((layer, width))
            width = layer.n_outputs(width)
        return pairs
