"""river models as pipeline operators."""

import math
from typing import Any

import numpy as np

from streamlyt.core import Array, Batch, Channel, Event, Operator, Schema
from streamlyt.core.batch import example_batch
from streamlyt.core.errors import (
    DataError,
    MissingDependencyError,
    ParameterError,
    StateError,
    series_prefix,
)

try:
    from river import anomaly, base
except ImportError as problem:
    raise MissingDependencyError("river", "river") from problem

from streamlyt.integrations._serialization.expressions import parse_expression
from streamlyt.integrations._serialization.objects import from_text, to_text

__all__ = ["RiverModel"]

# Up to river 0.22 the class was in another package.
_DETECTOR: Any = getattr(base, "AnomalyDetector", None) or vars(anomaly)["base"].AnomalyDetector


class RiverModel(Operator):
    """Operator around a river regressor, classifier or anomaly detector.

    Regressors and classifiers learn the column ``target`` from all other columns, by name. Each row
    is predicted before it is learned, and the column ``prediction`` is appended. A row with a
    missing target (NaN) is predicted but not learned. Anomaly detectors use all columns and append
    the column ``score``. A None from river, before the first rows, becomes 0. Missing or infinite
    inputs raise: add the ``missing_values`` operator first.

    The state is saved as text with names of river's classes and functions and plain values; nothing
    is pickled. Only names of an allow-list are accepted: components of river and their parts, and
    nothing that opens files, sockets or processes. A model with other parts cannot be saved in a
    run file, and raises.

    Parameters
    ----------
    model
        Expression with names below ``river``:
        ``"preprocessing.StandardScaler() | linear_model.LinearRegression(l2=0.1)"``. Only calls of
        river's components (estimators, transformers, metrics, drift detectors, statistics,
        optimizers) and plain values are accepted; data sets, streams and ``utils`` are not.
        At most 20,000 characters, 60 parts deep, whole numbers up to 10,000,000 (a seed may be
        larger), and 1,000,000 models and nodes in total.
    target
        Target column; empty for the last one.

    Raises
    ------
    ParameterError
        If the expression is no such model.

    Examples
    --------
    >>> from streamlyt.core import Schema
    >>> rows = Batch("a", np.arange(3), [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]], Schema.of("x", "y"))
    >>> out, _ = RiverModel("dummy.StatisticRegressor(stats.Mean())").update(rows)
    >>> out.values[:, -1]
    array([0., 2., 3.])
    """

    def __init__(self, model: str, *, target: str = "") -> None:
        self.model = model
        self.target = target
        self._river = parse_expression(model, "river")
        kinds = base.Regressor | base.Classifier | _DETECTOR
        final = self._river
        while isinstance(steps := getattr(final, "steps", None), dict):
            final = [None, *steps.values()][-1]
        if not isinstance(final, kinds):
            raise ParameterError(
                "model must end in a regressor, a classifier or an anomaly detector of river, got "
                f"{model!r}"
            )
        self._scores = isinstance(final, _DETECTOR)
        self._fresh = True

    @property
    def state(self) -> dict[str, Array]:
        """State; empty before the first row. Serialized on access."""
        if self._fresh:
            return {}
        text = to_text(self._river, "river").encode()
        # Padded to a power of two, because the number of digits varies.
        size = 1 << max(10, len(text).bit_length())
        return {"river": np.frombuffer(text.ljust(size), dtype=np.uint8).copy()}

    @state.setter
    def state(self, state: dict[str, Array]) -> None:
        self._fresh = not state
        if self._fresh:
            self._river = parse_expression(self.model, "river")
            return
        model = from_text(state["river"].tobytes().decode(), "river")
        # No repr: it may not terminate for cyclic references.
        if _outline(model) != _outline(self._river):
            raise StateError(
                f"the saved model must match {self.model!r}, got {_outline(model)!r}; "
                f"resume with the pipeline of the saved run"
            )
        self._river = model

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Predict, then learn, row by row; see :class:`Operator`."""
        names = batch.schema.channel_names
        column = None if self._scores else self._target_in(batch.schema)
        inputs = [name for i, name in enumerate(names) if i != column]
        columns = [i for i in range(len(names)) if i != column]
        bad = ~np.isfinite(batch.values)
        if column is not None:
            bad[:, column] = np.isinf(batch.values[:, column])
        if bad.any():
            row, channel = (int(i) for i in np.argwhere(bad)[0])
            raise DataError(
                f"{series_prefix(batch.key)}values must be finite, got "
                f"{batch.values[row, channel]} in channel {names[channel]!r} at time "
                f"{batch.times[row]} {batch.schema.time_unit}; fill or drop such rows with the "
                "missing_values operator"
            )
        results = np.empty((batch.n_rows, 1))
        for i, row_values in enumerate(batch.values.tolist()):
            x = dict(zip(inputs, (row_values[j] for j in columns), strict=True))
            results[i] = self._one(x, None if column is None else row_values[column])
        self._fresh = self._fresh and not batch.n_rows
        name = "score" if self._scores else "prediction"
        schema = batch.schema.with_channels([*batch.schema.channels, Channel(name)])
        return batch.with_values(np.hstack([batch.values, results]), schema), []

    def _one(self, x: dict[str, float], y: float | None) -> float:
        model: Any = self._river
        if y is None:
            result = model.score_one(x)
            model.learn_one(x)
        else:
            result = model.predict_one(x)
            if not math.isnan(y):
                model.learn_one(x, y)
        return 0.0 if result is None else float(result)

    def _target_in(self, schema: Schema) -> int:
        if schema.n_channels < 2:
            raise DataError(
                f"rows must have a target and at least one input, got columns "
                f"{schema.channel_names!r}"
            )
        if self.target and self.target not in schema.channel_names:
            raise ParameterError(
                f"target must be one of the columns {schema.channel_names!r}, got {self.target!r}"
            )
        return schema.channel_names.index(self.target) if self.target else schema.n_channels - 1

    @classmethod
    def _check_example(cls) -> tuple[Operator, Batch]:
        text = "preprocessing.StandardScaler() | linear_model.LinearRegression(l2=0.01)"
        return cls(text), example_batch()


def _outline(model: Any) -> Any:
    """Return the classes of a model and of its steps."""
    for name in ("steps", "transformers"):
        parts = getattr(model, name, None)
        if isinstance(parts, dict):
            inside = [(key, _outline(part)) for key, part in parts.items()]
            return type(model).__name__, inside
    return type(model).__name__
