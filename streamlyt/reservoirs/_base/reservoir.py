"""Base class of the reservoirs: fixed recurrent maps driven by rows."""

from abc import abstractmethod
from functools import lru_cache

import numpy as np

from streamlyt.core import Array, Batch, Channel, Event, Floats, Operator, Schema
from streamlyt.core.errors import DataError
from streamlyt.core.state import check_fingerprint, parameter_fingerprint, stamp

__all__ = ["Reservoir"]


class Reservoir(Operator):
    """Fixed recurrent map: subclasses implement n_outputs, start and run.

    The weights follow from the parameters; the saved state has only the nodes. As an operator it
    maps rows (n, d) to the states (n, m) after each row, in columns ``node0`` and so on. In a
    forecaster, several copies with the same weights run in parallel, each in a *lane*.

    Attributes
    ----------
    appends_inputs
        Whether a readout also uses the inputs.
    """

    appends_inputs: bool = True

    def __init__(self) -> None:
        self.state = {}

    @abstractmethod
    def n_outputs(self, width: int) -> int:
        """Return the number m of state values for inputs of ``width`` columns."""

    @abstractmethod
    def start(self, lanes: int, width: int) -> dict[str, Array]:
        """Return the initial state of parallel reservoirs: arrays of shape (lanes, ...)."""

    @abstractmethod
    def run(self, inputs: Floats, memory: dict[str, Array]) -> Array:
        """Drive reservoirs with rows (n, lanes, w); return their states (n, lanes, m).

        ``memory`` is updated in place. Results are batch-invariant, bit for bit.
        """

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Map rows to states; raise for missing (NaN) or infinite values."""
        schema = _nodes(batch.schema, self.n_outputs(batch.schema.n_channels))
        if not batch.n_rows:
            return batch.with_values(np.empty((0, schema.n_channels)), schema), []
        if not np.isfinite(batch.values).all():
            row = int(np.argmin(np.isfinite(batch.values).all(axis=1)))
            raise DataError(
                f"series {batch.key!r}: values must be finite, got {batch.values[row].tolist()!r} "
                f"at time {batch.times[row]}; fill or drop such rows before the reservoir"
            )
        if not self.state:
            self.state = self.start(1, batch.schema.n_channels)
            self.state["width"] = np.array(batch.schema.n_channels)
            self.state["parameters"] = stamp(parameter_fingerprint(self))
        check_fingerprint(self.state, parameter_fingerprint(self))
        if int(self.state["width"]) != batch.schema.n_channels:
            raise DataError(
                f"series {batch.key!r}: the number of channels must stay {self.state['width']} as "
                f"in the first rows, got {batch.schema.n_channels}; start a new series"
            )
        states = self.run(batch.values[:, None, :], self.state)
        return batch.with_values(states[:, 0].astype(np.float64), schema), []


@lru_cache(maxsize=16)
def _nodes(schema: Schema, n: int) -> Schema:
    return schema.with_channels([Channel(f"node{i}") for i in range(n)])
