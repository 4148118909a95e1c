"""Regressors as river regressors."""

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
    """River regressor around a streamlyt regressor, for dictionaries and data frames.

    Each name keeps its column, so the order of names does not matter. An absent, None or NaN value
    is missing and counts as a typical value, not as zero. After a new name the model relearns its
    last 256 rows. Text and infinite values raise and do not change the model. Pickling keeps the
    state, cloning does not. Do not put a running scaler in front: the model scales its inputs
    itself, and a running scaler changes the meaning of values over time.

    Parameters
    ----------
    model
        Name of a regressor (``streamlyt list``), or an instance, which is cloned.
    max_features
        Maximum number of different names; bounds the size of the state.

    Raises
    ------
    ParameterError
        If a parameter is out of range.

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
            "regressor", lambda model: isinstance(model, Learner) and not model.is_classifier
        )

    def learn_one(self, x: Mapping[Any, Any], y: Any) -> None:
        """Learn one dictionary and its target.

        Raises
        ------
        DataError
            If a value is no finite number, or there are more than ``max_features`` names.
        """
        targets = _target(y)
        self._learner.learn(self._row_to_learn(x), targets)

    def predict_one(self, x: Mapping[Any, Any]) -> Any:
        """Return the prediction for one dictionary; unknown names are ignored."""
        return float(self._learner.predict(self._row(x))[0])

    def learn_many(self, X: "pd.DataFrame", y: "pd.Series") -> None:
        """Learn the rows of a data frame, in order; equivalent to learning them one by one."""
        targets = y.to_numpy(dtype=np.float64)
        self._learner.learn(self._rows_to_learn(X), targets)

    def predict_many(self, X: "pd.DataFrame") -> "pd.Series":
        """Return the predictions for the rows of a data frame."""
        series = type(X.iloc[:, 0]) if X.shape[1] else type(X.sum(axis=1))
        predictions = self._learner.predict(self._rows(X, self._columns))
        return series(predictions, index=X.index, name=getattr(self, "_target_name", None))


def _target(y: object) -> Any:
    try:
        target = float(y)  # type: ignore[arg-type] # raises for other types
    except (TypeError, ValueError):
        target = math.nan
    if not math.isfinite(target) or isinstance(y, str):
        raise DataError(f"target must be a finite number, got {y!r}; drop or encode it first")
    return np.array([target])
