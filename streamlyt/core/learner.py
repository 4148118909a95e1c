"""The Learner: y from x on line, each row predicted before it is learnt."""

from abc import abstractmethod
from functools import lru_cache

import numpy as np

from ._detection._kernels import beyond
from .batch import Batch, Channel, Schema
from .errors import DataError, ParameterError
from .event import Event
from .numerics.arrays import Array, Floats
from .operator import Operator

__all__ = ["LARGEST", "Learner"]

LARGEST = 1e140  # of inputs and targets: squares of their differences are still numbers


class Learner(Operator):
    """A model that learns a number or a class from inputs: write ``predict`` and ``learn``.

    Out of a pipeline, ``predict`` and ``learn`` are called as labels come, late or never. In a
    pipeline, ``update`` takes the column ``target`` for what is to be learnt and all others for
    inputs, predicts each row before it learns it, and sets the column ``prediction`` beside them.
    A row whose target is a hole (NaN) is predicted and not learnt. How many were learnt, and the
    sum of the absolute errors (of wrong classes: their number) stand as ``scored`` in the state.
    A hole in an input is a
    missing value and counts as a typical one; infinite values, and any beyond 1e140, are refused
    and leave no trace.

    Attributes
    ----------
    target
        Name of the column to be learnt; empty for the last one.
    is_classifier
        Whether targets are numbers of classes: integers from 0 on.

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

        Before anything was learnt a prediction is 0.
        """

    @abstractmethod
    def learn(self, values: Floats, targets: Floats) -> None:
        """Learn inputs, shape (n, d), and their targets, shape (n,), in this order.

        Rows whose target is NaN are left out.
        """

    def add_inputs(self, width: int) -> None:
        """Go on with more inputs, ``width`` in all, the new ones behind the known.

        Raises
        ------
        DataError
            If the model cannot.
        """
        known = self._width()
        if known is not None and width != known:
            raise DataError(
                f"the number of inputs must stay {known} as in the first rows, got {width}; "
                "start another model for other inputs"
            )

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Predict and then learn row after row; see :class:`Operator`."""
        column = self._target_in(batch.schema)
        inputs = np.delete(batch.values, column, axis=1)
        targets = batch.values[:, column]
        self.check_inputs(inputs, targets)
        found = np.empty((batch.n_rows, 1))
        scored = self.state.setdefault("scored", np.zeros(2))
        for i in range(batch.n_rows):  # each row alone, so that no cut of the stream is seen
            found[i] = self.predict(inputs[i : i + 1])
            if targets[i] == targets[i]:
                self.learn(inputs[i : i + 1], targets[i : i + 1])
                off = found[i, 0] != targets[i] if self.is_classifier else found[i, 0] - targets[i]
                scored += (1.0, abs(off))
        return batch.with_values(np.hstack([batch.values, found]), _with_output(batch.schema)), []

    def check_inputs(self, values: Array, targets: Array | None = None) -> tuple[Floats, Floats]:
        """Return inputs and targets as arrays, or say why they cannot be learnt.

        Raises
        ------
        DataError
            If shapes do not fit, a value is infinite or beyond 1e140, or a class is no integer
            from 0 on.
        """
        rows = np.ascontiguousarray(values, dtype=np.float64)
        wanted = np.empty(len(rows)) if targets is None else np.asarray(targets, dtype=np.float64)
        if rows.ndim != 2 or not rows.shape[1] or wanted.shape != rows.shape[:1]:
            raise DataError(
                "values must have shape (n, d) with at least one column and targets shape (n,), "
                f"got {rows.shape!r} and {wanted.shape!r}"
            )
        width = self._width()
        if width is not None and rows.shape[1] != width:
            raise DataError(
                f"the number of inputs must stay {width} as in the first rows, "
                f"got {rows.shape[1]}; widen the model, or start another one"
            )
        if beyond(rows, LARGEST):
            _refuse(np.abs(rows) > LARGEST, rows, "values")
        if targets is not None and not (len(wanted) == 1 and self._fine(wanted.item())):
            if beyond(wanted[:, None], LARGEST):
                _refuse(np.abs(wanted) > LARGEST, wanted, "targets")
            if self.is_classifier:
                known = wanted[~np.isnan(wanted)]
                _refuse((known < 0) | (known != np.floor(known)), known, "targets of classes")
        return rows, wanted

    def _fine(self, target: float) -> bool:
        """Tell whether a single target can be learnt; a row alone has no time for more."""
        if self.is_classifier:
            return 0.0 <= target <= LARGEST and target.is_integer()
        return -LARGEST <= target <= LARGEST

    def _width(self) -> int | None:
        """Return the number of inputs, once rows were learnt."""
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


def _refuse(bad: Array, values: Floats, what: str) -> None:
    if bad.any():
        must = "integers from 0 on" if "classes" in what else f"finite and below {LARGEST:g}"
        raise DataError(
            f"{what} must be {must}, got {values[bad].flat[0]}; encode, clip or drop such rows"
        )


@lru_cache(maxsize=64)
def _with_output(schema: Schema) -> Schema:
    return schema.with_channels([*schema.channels, Channel("prediction")])
