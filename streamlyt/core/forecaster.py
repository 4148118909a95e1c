"""Base class of forecasters: one-step predictions, and a forecast at any time."""

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
    """Base class of forecasters; implement ``predict_and_learn`` and ``forecast``.

    ``update`` passes the input channels on and appends, as ``x.predicted``, the prediction of each
    row from the rows before it. Missing (NaN) and infinite values are rejected.

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
        """Learn from rows (n, d), n at least 1; return the prediction of each, made before it.

        Rows are finite. The prediction is NaN where no rows are known to predict from.
        """

    @abstractmethod
    def forecast(self, horizon: int) -> Floats:
        """Return the forecast of the next rows, shape (horizon, d). The state does not change."""

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
