"""Base class of the classifiers: new classes, and batches split where one appears."""

from abc import abstractmethod
from itertools import pairwise

import numpy as np

from streamlyt.core import Array, Batch, Floats, Operator, Schema
from streamlyt.core.batch import example_batch
from streamlyt.core.errors import DataError

from .scaled_learner import ScaledLearner

__all__ = ["ClassLearner"]


class ClassLearner(ScaledLearner):
    """Scaled classifier: subclasses implement ``_learn_known`` and ``_class_probabilities``."""

    is_classifier = True
    max_classes: int

    @property
    def classes(self) -> Floats:
        """Known classes in the order of their first rows, shape (k,)."""
        classes: Floats = self.state.get("classes", np.zeros(0))
        return classes

    def probabilities(self, values: Floats) -> Floats:
        """Return the probability of each of :attr:`classes`, shape (n, k)."""
        rows, _ = self.check_inputs(values)
        if "kept" not in self.state:
            return np.empty((len(rows), 0))
        return self._class_probabilities(rows)

    def learn(self, values: Floats, targets: Floats) -> None:
        """Learn inputs, shape (n, d), and their classes, shape (n,), in this order."""
        rows, labels = self.check_inputs(values, targets)
        new = {label for label in labels.tolist() if label == label}
        new.difference_update(self.classes.tolist())
        if len(self.classes) + len(new) > self.max_classes:
            raise DataError(
                f"targets must have at most {self.max_classes!r} classes, got "
                f"{len(self.classes) + len(new)}; increase max_classes or use a regressor"
            )
        self._learn_checked(rows, labels)

    @abstractmethod
    def _learn_known(self, rows: Floats, labels: Floats) -> None:
        """Learn rows with labels (n,), indices into ``classes``; none of them is new."""

    @abstractmethod
    def _class_probabilities(self, rows: Floats) -> Floats:
        """Return the probabilities, shape (n, k)."""

    def _learn_rows(self, rows: Floats, targets: Floats) -> None:
        if len(targets) == 1:  # fast path: a single row, mostly of a known class
            index: Array = np.flatnonzero(self.classes == targets[0])
            if index.size:
                self._learn_known(rows, index)
                return
        indices = {label: i for i, label in enumerate(self.classes.tolist())}
        given = targets.tolist()
        cuts = []
        for row, label in enumerate(given):
            if label not in indices:
                indices[label] = len(indices)
                cuts.append(row)
        labels = np.array([indices[label] for label in given])
        for start, stop in pairwise(sorted({0, *cuts, len(given)})):
            if start in cuts:  # only the first row of a part may have a new class
                self.state["classes"] = np.append(self.classes, given[start])
            self._learn_known(rows[start:stop], labels[start:stop])

    def _predict_rows(self, rows: Floats) -> Floats:
        best: Floats = self.classes[np.argmax(self._class_probabilities(rows), axis=1)]
        return best

    def _pad_classes(self, name: str) -> None:
        """Append rows of zeros for new classes to an array of the state."""
        array = self.state[name]
        missing = len(self.classes) - len(array)
        if missing:
            self.state[name] = np.concatenate([array, np.zeros((missing, *array.shape[1:]))])

    @classmethod
    def _check_example(cls) -> tuple[Operator, Batch]:
        batch = example_batch()
        values = np.column_stack([batch.values, batch.values[:, 0] > 0])
        return cls(), batch.with_values(values, Schema.of("x", "y", "z", "above"))
