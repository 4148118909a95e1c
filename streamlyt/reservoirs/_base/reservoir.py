"""A reservoir: a fixed map with a memory, driven by rows, whose states are rows again."""

from abc import abstractmethod
from functools import lru_cache

import numpy as np

from streamlyt.core import Array, Batch, Channel, Event, Floats, Operator, Schema
from streamlyt.core.errors import DataError
from streamlyt.core.state import check_fingerprint, parameter_fingerprint, stamp

__all__ = ["Reservoir"]


class Reservoir(Operator):
    """A fixed map with a memory: subclass it and write n_outputs, start and run.

    Its weights follow from its parameters: what is saved is the state of the nodes alone. As an
    operator it turns rows (n, d) into the states (n, m) after each of them, columns ``node0`` and
    so on; in a forecaster several run side by side with the same weights, one a *lane*.

    Attributes
    ----------
    appends_inputs
        Whether a read-out wants the inputs themselves beside the states.
    """

    appends_inputs: bool = True

    def __init__(self) -> None:
        self.state = {}

    @abstractmethod
    def n_outputs(self, width: int) -> int:
        """Return how many values m a state gives for inputs of width w."""

    @abstractmethod
    def start(self, lanes: int, width: int) -> dict[str, Array]:
        """Return the memory of so many reservoirs at rest: arrays of shape (lanes, ...)."""

    @abstractmethod
    def run(self, inputs: Floats, memory: dict[str, Array]) -> Array:
        """Drive reservoirs with rows (n, lanes, w); return their states (n, lanes, m).

        ``memory`` is written to. A row has the same states, bit for bit, in any cut of the rows.
        """

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Turn rows into states; a hole (NaN) or an infinite value is refused."""
        schema = _nodes(batch.schema, self.n_outputs(batch.schema.n_channels))
        if not batch.n_rows:
            return batch.with_values(np.empty((0, schema.n_channels)), schema), []
        if not np.isfinite(batch.values).all():
            at = int(np.argmin(np.isfinite(batch.values).all(axis=1)))
            raise DataError(
                f"series {batch.key!r}: values must be finite, got {batch.values[at].tolist()!r} "
                f"at time {batch.times[at]}; fill or drop such rows before the reservoir"
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
