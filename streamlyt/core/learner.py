"""Base class of online models: each row is predicted before it is learnt."""

from abc import abstractmethod
from functools import lru_cache

import numpy as np

from ._detection import exceeds
from .batch import Batch, Channel, Schema
from .errors import DataError, ParameterError
from .event import Event
from .numerics.arrays import Array, Floats
from .operator import Operator

__all__ = ["LARGEST", "Learner"]

LARGEST = 1e140  # of inputs and targets: squares of their differences are still numbers


class Learner(Operator):
    """Base class of models of a number or a class; implement ``predict`` and ``learn``.

    Outside a pipeline, call ``predict`` and ``learn`` whenever labels arrive. In a pipeline,
    ``update`` takes the column ``target`` as the target and all others as inputs, predicts each
    row before it learns it, and appends the column ``prediction``. A row with a missing target
    (NaN) is predicted and not learnt. The state ``scored`` counts the learnt rows and sums their
    absolute errors (for classes: counts the wrong ones). A missing input counts as a typical
    value. Infinite values and magnitudes above 1e140 are rejected and leave the state unchanged.

    Attributes
    ----------
    target
        Name of the target column; empty for the last one.
    is_classifier
        Whether targets are class numbers: integers from 0 on.

    Examples
    --------
    >>> class Last(Learner):
    ...     def __init__(self):
    ...         super().__init__()
    ...
    ...     def predict(self, values):
    ...         return np.full(len(values), self.state.get("last", np.zeros(1))[0])
    ...
    ...     def learn(self, values, targets):
    ...         self.state["last"] = np.array(targets[-1:])
    >>> rows = Batch("a", [0, 1], [[1.0, 5.0], [2.0, 6.0]], Schema.of("x", "y"))
    >>> Last().update(rows)[0].values[:, -1]
    array([0., 5.])
    """

    target: str = ""
    is_classifier: bool = False

    def __init__(self) -> None:
        self.state = {}

    @abstractmethod
    def predict(self, values: Floats) -> Floats:
        """Return the predictions, shape (n,), for inputs of shape (n, d); nothing is learnt.

        Before the first learnt row a prediction is 0.
        """

    @abstractmethod
    def learn(self, values: Floats, targets: Floats) -> None:
        """Learn from inputs, shape (n, d), and their targets, shape (n,), in this order.

        Rows whose target is NaN are skipped.
        """

    def add_inputs(self, width: int) -> None:
        """Extend the model to ``width`` inputs, the new ones after the known.

        Raises
        ------
        DataError
            If the model does not support it.
        """
        known = self._width()
        if known is not None and width != known:
            raise DataError(
                f"the number of inputs must stay {known} as in the first rows, got {width}; "
                "start another model for other inputs"
            )

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Predict and then learn each row; see :class:`Operator`."""
        column = self._target_in(batch.schema)
        inputs = np.delete(batch.values, column, axis=1)
        targets = batch.values[:, column]
        self.check_inputs(inputs, targets)
        predictions = np.empty((batch.n_rows, 1))
        scored = self.state.setdefault("scored", np.zeros(2))
        for i in range(batch.n_rows):  # row by row, so that batch boundaries do not matter
            predictions[i] = self.predict(inputs[i : i + 1])
            if targets[i] == targets[i]:
                self.learn(inputs[i : i + 1], targets[i : i + 1])
                prediction, target = predictions[i, 0], targets[i]
                error = prediction != target if self.is_classifier else prediction - target
                scored += (1.0, abs(error))
        values = np.hstack([batch.values, predictions])
        return batch.with_values(values, _with_output(batch.schema)), []

    def check_inputs(self, values: Array, targets: Array | None = None) -> tuple[Floats, Floats]:
        """Return inputs and targets as arrays.

        Raises
        ------
        DataError
            If shapes do not match, a value is infinite or its magnitude above 1e140, or a class
            is not an integer from 0 on.
        """
        rows = np.ascontiguousarray(values, dtype=np.float64)
        labels = np.empty(len(rows)) if targets is None else np.asarray(targets, dtype=np.float64)
        if rows.ndim != 2 or not rows.shape[1] or labels.shape != rows.shape[:1]:
            raise DataError(
                "values must have shape (n, d) with at least one column and targets shape (n,), "
                f"got {rows.shape!r} and {labels.shape!r}"
            )
        width = self._width()
        if width is not None and rows.shape[1] != width:
            raise DataError(
                f"the number of inputs must stay {width} as in the first rows, "
                f"got {rows.shape[1]}; widen the model, or start another one"
            )
        if exceeds(rows, LARGEST):
            _reject(np.abs(rows) > LARGEST, rows, "values")
        if targets is not None and not (len(labels) == 1 and self._is_valid(labels.item())):
            if exceeds(labels[:, None], LARGEST):
                _reject(np.abs(labels) > LARGEST, labels, "targets")
            if self.is_classifier:
                known = labels[~np.isnan(labels)]
                _reject((known < 0) | (known != np.floor(known)), known, "targets of classes")
        return rows, labels

    def _is_valid(self, target: float) -> bool:
        """Return whether a single target is valid; fast, for rows that arrive one by one."""
        if self.is_classifier:
            return 0.0 <= target <= LARGEST and target.is_integer()
        return -LARGEST <= target <= LARGEST

    def _width(self) -> int | None:
        """Return the number of inputs, None before the first learnt row."""
        return None

    def _target_in(self, schema: Schema) -> int:
        if schema.n_channels < 2:
            raise DataError(
                f"there must be a target and at least one input, got columns "
                f"{schema.channel_names!r}"
            )
        if not self.target:
            return schema.n_channels - 1
        if self.target not in schema.channel_names:
            raise ParameterError(
                f"target must be one of the columns {schema.channel_names!r}, got {self.target!r}"
            )
        return schema.channel_names.index(self.target)


def _reject(bad: Array, values: Floats, what: str) -> None:
    if bad.any():
        must = "integers from 0 on" if "classes" in what else f"finite and below {LARGEST:g}"
        raise DataError(
            f"{what} must be {must}, got {values[bad].flat[0]}; encode, clip or drop such rows"
        )


@lru_cache(maxsize=64)
def _with_output(schema: Schema) -> Schema:
    return schema.with_channels([*schema.channels, Channel("prediction")])
