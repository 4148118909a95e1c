"""Anomaly models as river anomaly detectors."""

from collections.abc import Mapping
from typing import Any

from streamlyt.core.errors import MissingDependencyError
from streamlyt.models import AnomalyModel

try:
    from river import base
except ImportError as problem:
    raise MissingDependencyError("river", "river") from problem

from ._model_wrapper import ModelWrapper

__all__ = ["AnomalyDetector"]


class AnomalyDetector(ModelWrapper, base.AnomalyDetector):
    """River anomaly detector around a streamlyt anomaly model.

    ``score_one`` returns the anomaly score without learning. ``classify`` returns whether a score
    exceeds the threshold, which false alarms do at the model's ``false_alarm_rate``. For names and
    values see :class:`streamlyt.integrations.river.Regressor`; a new name also resets the
    threshold.

    Parameters
    ----------
    model
        Name of an anomaly model (``mahalanobis``, ``kernel_density``, ``one_class_svm``), or an
        instance, which is cloned.
    max_features
        Maximum number of different names; bounds the size of the state.

    Raises
    ------
    ParameterError
        If a parameter is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> detector = AnomalyDetector()
    >>> for row in np.random.default_rng(0).normal(size=(1000, 2)).tolist():
    ...     detector.learn_one(dict(zip("ab", row)))
    >>> [detector.classify(detector.score_one(x)) for x in ({"a": 0.5, "b": 1.0}, {"a": 9.0})]
    [False, True]
    """

    def __init__(
        self, model: str | AnomalyModel = "mahalanobis", *, max_features: int = 64
    ) -> None:
        self.model = model
        self.max_features = max_features
        self._start("anomaly model", lambda model: isinstance(model, AnomalyModel))

    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return the anomaly score of one dictionary; unknown names are ignored.

        Raises
        ------
        DataError
            If a value is no finite number.
        """
        return float(self._learner.anomaly_score(self._row(x))[0])

    def learn_one(self, x: Mapping[Any, Any]) -> None:
        """Learn one dictionary; its score before that updates the threshold.

        Raises
        ------
        DataError
            If a value is no finite number, or there are more than ``max_features`` names.
        """
        self._learner.score(self._row_to_learn(x))

    def classify(self, score: float) -> bool:
        """Return whether a score exceeds the threshold."""
        return bool(score > self._learner.threshold)

    @property
    def threshold(self) -> float:
        """Threshold for the next row; infinite during the warm-up."""
        threshold: float = self._learner.threshold
        return threshold
