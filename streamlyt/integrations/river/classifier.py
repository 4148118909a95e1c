"""Classifiers as river classifiers."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from streamlyt.core import Floats, Learner
from streamlyt.core.errors import DataError, MissingDependencyError

try:
    from river import base
except ImportError as problem:
    raise MissingDependencyError("river", "river") from problem

from ._model_wrapper import ModelWrapper

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Classifier"]


class Classifier(ModelWrapper, base.MiniBatchClassifier):
    """River classifier around a streamlyt classifier, for dictionaries and data frames.

    Labels are any hashable values except None and NaN; new ones may appear at any time.
    For names and values see :class:`streamlyt.integrations.river.regressor.Regressor`.

    Parameters
    ----------
    model
        Name of a classifier (``streamlyt list``), or an instance, which is cloned.
    max_features
        Maximum number of different names; bounds the size of the state.

    Raises
    ------
    ParameterError
        If a parameter is out of range.

    Examples
    --------
    >>> from river import datasets, evaluate, metrics
    >>> evaluate.progressive_val_score(datasets.Phishing(), Classifier(), metrics.Accuracy())
    Accuracy: 91...
    """

    def __init__(
        self, model: str | Learner = "kernel_classifier", *, max_features: int = 64
    ) -> None:
        self.model = model
        self.max_features = max_features
        self._start("classifier", lambda model: isinstance(model, Learner) and model.is_classifier)
        self._labels: dict[Hashable, int] = {}

    @property
    def _multiclass(self) -> bool:
        return True

    def learn_one(self, x: Mapping[Any, Any], y: Any) -> None:
        """Learn one dictionary and its label.

        Raises
        ------
        DataError
            If a value is no finite number, the label is None or NaN, or there are more than
            ``max_features`` names.
        """
        labels = self._with_labels([y])
        self._learner.learn(self._row_to_learn(x), np.array([float(labels[y])]))
        self._labels = labels

    def predict_proba_one(self, x: Mapping[Any, Any], **_: Any) -> dict[Any, float]:
        """Return the probability of each known label; empty before the first one."""
        return dict(
            zip(self._known_labels(), self._probabilities(self._row(x))[0].tolist(), strict=True)
        )

    def learn_many(self, X: "pd.DataFrame", y: "pd.Series") -> None:
        """Learn the rows of a data frame, in order; equivalent to learning them one by one."""
        labels = self._with_labels(y.tolist())
        targets = np.array([float(labels[label]) for label in y.tolist()])
        self._learner.learn(self._rows_to_learn(X), targets)
        self._labels = labels

    def predict_proba_many(self, X: "pd.DataFrame") -> "pd.DataFrame":
        """Return the probabilities of the labels for the rows of a data frame."""
        probabilities = self._probabilities(self._rows(X, self._columns))
        return type(X)(probabilities, index=X.index, columns=self._known_labels())

    def _probabilities(self, rows: Floats) -> Floats:
        if not self._labels:
            return np.empty((len(rows), 0))
        probabilities: Floats = self._learner.probabilities(rows)
        return probabilities

    def _known_labels(self) -> list[Hashable]:
        """Return the labels in order of appearance, which is that of the classes."""
        return list(self._labels)

    def _with_labels(self, given: list[Any]) -> dict[Hashable, int]:
        labels = self._labels
        for label in given:
            if label is None or label != label:
                raise DataError(f"label must not be None or NaN, got {label!r}; drop such rows")
            if label not in labels:
                labels = {**labels, label: len(labels)}
        return labels
