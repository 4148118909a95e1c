"""Any learner of classes as a river classifier."""

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
    """A learner of classes in river's words, one dictionary or one data frame at a time.

    Labels are anything hashable but None and NaN, as they come; new ones may appear at any time.
    For names and values see :class:`streamlyt.integrations.river.regressor.Regressor`.

    Parameters
    ----------
    model
        Name of a learner of classes (``streamlyt list``), or one, of which a clone is run.
    max_features
        How many different names there may be in all: it bounds the memory.

    Raises
    ------
    ParameterError
        If a parameter cannot hold.

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
        self._start(
            "learner of classes", lambda made: isinstance(made, Learner) and made.is_classifier
        )
        self._labels: dict[Hashable, int] = {}

    @property
    def _multiclass(self) -> bool:
        return True

    def learn_one(self, x: Mapping[Any, Any], y: Any) -> None:
        """Learn one dictionary and its label.

        Raises
        ------
        DataError
            If a value is no finite number, a label none, or there are more names than agreed.
        """
        labels = self._with_labels([y])
        self._learner.learn(self._row_to_learn(x), np.array([float(labels[y])]))
        self._labels = labels

    def predict_proba_one(self, x: Mapping[Any, Any], **_: Any) -> dict[Any, float]:
        """Return the probability of each label seen, empty before the first."""
        return dict(zip(self._order(), self._probable(self._row(x))[0].tolist(), strict=True))

    def learn_many(self, X: "pd.DataFrame", y: "pd.Series") -> None:
        """Learn the rows of a data frame, in their order, to the same model as one by one."""
        labels = self._with_labels(y.tolist())
        wanted = np.array([float(labels[each]) for each in y.tolist()])
        self._learner.learn(self._rows_to_learn(X), wanted)
        self._labels = labels

    def predict_proba_many(self, X: "pd.DataFrame") -> "pd.DataFrame":
        """Return the probabilities of the labels for the rows of a data frame."""
        found = self._probable(self._rows(X, self._columns))
        return type(X)(found, index=X.index, columns=self._order())

    def _probable(self, rows: Floats) -> Floats:
        if not self._labels:
            return np.empty((len(rows), 0))
        found: Floats = self._learner.probabilities(rows)
        return found

    def _order(self) -> list[Hashable]:
        """Return the labels in the order of the learner's classes, that of their coming."""
        return list(self._labels)

    def _with_labels(self, given: list[Any]) -> dict[Hashable, int]:
        labels = self._labels
        for label in given:
            if label is None or label != label:
                raise DataError(f"a label must not be {label!r}; leave such rows out")
            if label not in labels:
                labels = {**labels, label: len(labels)}
        return labels
