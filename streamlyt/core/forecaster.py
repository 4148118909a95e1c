"""The Forecaster: each row is predicted before it is learnt, and the future at any moment."""

from abc import abstractmethod
from functools import lru_cache

import numpy as np

from .batch import Batch, Channel, Schema
from .errors import DataError
from .event import Event
from .numerics.arrays import Floats
from .operator import Operator

__all__ = ["Forecaster"]

SUFFIX = ".predicted"


class Forecaster(Operator):
    """A model of how a series goes on: subclass it, write predict_and_learn and forecast.

    ``update`` is written here, once: it passes the input channels on, and beside each of them, as
    ``x.predicted``, what was predicted for the row before the row was seen. A hole (NaN) or an
    infinite value is refused.

    Examples
    --------
    >>> class Persistence(Forecaster):
    ...     def predict_and_learn(self, values):
    ...         last = self.state.get("last", np.full(values.shape[1], np.nan))
    ...         self.state["last"] = values[-1].copy()
    ...         return np.vstack([last, values[:-1]])
    ...
    ...     def forecast(self, horizon):
    ...         return np.tile(self.state["last"], (horizon, 1))
    >>> model = Persistence()
    >>> batch = Batch("a", np.arange(3), np.array([[1.0], [2], [4]]), Schema.of("x"))
    >>> model.update(batch)[0].values[:, 1], model.forecast(2).ravel()
    (array([nan,  1.,  2.]), array([4., 4.]))
    """

    def __init__(self) -> None:
        self.state = {}

    @abstractmethod
    def predict_and_learn(self, values: Floats) -> Floats:
        """Absorb rows (n, d), n at least 1; return the prediction made for each before it.

        Rows are finite. A row of which nothing could be known is predicted as NaN.
        """

    @abstractmethod
    def forecast(self, horizon: int) -> Floats:
        """Return the rows expected next, shape (horizon, d). Nothing is learnt, nothing changes."""

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Predict the rows and learn from them; see :class:`Operator`."""
        schema = _with_predictions(batch.schema)
        if not batch.n_rows:
            return batch.with_values(np.empty((0, schema.n_channels)), schema), []
        bad = ~np.isfinite(batch.values)
        if bad.any():
            row, column = (int(i) for i in np.argwhere(bad)[0])
            raise DataError(
                f"series {batch.key!r}: values must be finite, got {batch.values[row, column]} in "
                f"channel {batch.schema.channel_names[column]!r} at time {batch.times[row]} "
                f"{batch.schema.time_unit}; fill or drop such rows before the forecaster"
            )
        predicted = self.predict_and_learn(batch.values)
        return batch.with_values(np.hstack([batch.values, predicted]), schema), []


@lru_cache(maxsize=64)
def _with_predictions(schema: Schema) -> Schema:
    predicted = [Channel(c.name + SUFFIX, c.unit, c.group) for c in schema.channels]
    return schema.with_channels([*schema.channels, *predicted])
