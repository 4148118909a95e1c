"""Any learner of numbers as a river regressor."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from streamlyt.core import Learner
from streamlyt.core.errors import DataError, MissingDependencyError

try:
    from river import base
except ImportError as problem:
    raise MissingDependencyError("river", "river") from problem

from ._model_wrapper import ModelWrapper

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Regressor"]


class Regressor(ModelWrapper, base.MiniBatchRegressor):
    """A learner of streamlyt in river's words, one dictionary or one data frame at a time.

    A name keeps its column for good, so the order of names does not matter. A name that is absent,
    None or NaN is a missing value and counts as a typical one; it is not zero. With a new name the
    model learns its last 256 rows anew. Text and infinite values are refused, and leave the model
    as it was. Pickling keeps the memory, cloning does not. Put no running scaler in front: inputs
    are scaled within, once, and a scaler that moves lets the same value mean another one each time.

    Parameters
    ----------
    model
        Name of a learner of numbers (``streamlyt list``), or one, of which a clone is run.
    max_features
        How many different names there may be in all: it bounds the memory.

    Raises
    ------
    ParameterError
        If a parameter cannot hold.

    Examples
    --------
    >>> from river import datasets, evaluate, metrics
    >>> evaluate.progressive_val_score(datasets.ChickWeights(), Regressor(), metrics.MAE())
    MAE: 5.7...
    """

    def __init__(
        self, model: str | Learner = "kernel_regressor", *, max_features: int = 64
    ) -> None:
        self.model = model
        self.max_features = max_features
        self._start(
            "learner of numbers", lambda made: isinstance(made, Learner) and not made.is_classifier
        )

    def learn_one(self, x: Mapping[Any, Any], y: Any) -> None:
        """Learn one dictionary and its target.

        Raises
        ------
        DataError
            If a value is no finite number, or there are more names than agreed.
        """
        wanted = _target(y)
        self._learner.learn(self._row_to_learn(x), wanted)

    def predict_one(self, x: Mapping[Any, Any]) -> Any:
        """Return the prediction for one dictionary; names that were never learnt do not matter."""
        return float(self._learner.predict(self._row(x))[0])

    def learn_many(self, X: "pd.DataFrame", y: "pd.Series") -> None:
        """Learn the rows of a data frame, in their order, to the same model as one by one."""
        wanted = y.to_numpy(dtype=np.float64)
        self._learner.learn(self._rows_to_learn(X), wanted)

    def predict_many(self, X: "pd.DataFrame") -> "pd.Series":
        """Return the predictions for the rows of a data frame."""
        series = type(X.iloc[:, 0]) if X.shape[1] else type(X.sum(axis=1))
        found = self._learner.predict(self._rows(X, self._columns))
        return series(found, index=X.index, name=getattr(self, "_target_name", None))


def _target(y: object) -> Any:
    try:
        found = float(y)  # type: ignore[arg-type] # what is no number raises
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found) or isinstance(y, str):
        raise DataError(f"a target must be a finite number, got {y!r}; drop or encode it before")
    return np.array([found])
