"""Any model of anomalies as a river anomaly detector."""

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
    """A model of anomalies in river's words, one dictionary at a time.

    ``score_one`` gives the score, larger for stranger rows, and learns nothing; ``classify`` tells
    whether a score is beyond the threshold, which false alarms cross at the model's ``rate``. For
    names and values see :class:`streamlyt.integrations.river.Regressor`; with a new name the
    threshold is reset, too.

    Parameters
    ----------
    model
        Name of a model of anomalies (``mahalanobis``, ``density``, ``one_class``), or one, of which
        a clone is run.
    max_features
        How many different names there may be in all: it bounds the memory.

    Raises
    ------
    ParameterError
        If a parameter cannot hold.

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
        self._start("model of anomalies", lambda made: isinstance(made, AnomalyModel))

    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return how strange one dictionary is; names that were never learnt do not matter.

        Raises
        ------
        DataError
            If a value is no finite number.
        """
        return float(self._learner.anomaly_score(self._row(x))[0])

    def learn_one(self, x: Mapping[Any, Any]) -> None:
        """Learn one dictionary; its score, taken before, goes into the threshold.

        Raises
        ------
        DataError
            If a value is no finite number, or there are more names than agreed.
        """
        self._learner.score(self._row_to_learn(x))

    def classify(self, score: float) -> bool:
        """Return whether a score is beyond the threshold."""
        return bool(score > self._learner.threshold)

    @property
    def threshold(self) -> float:
        """The threshold for the next row; infinite while the model is learning."""
        found: float = self._learner.threshold
        return found
