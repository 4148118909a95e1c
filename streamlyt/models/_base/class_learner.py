"""What learners of classes share: classes that appear, and rows cut where one does."""

from abc import abstractmethod
from itertools import pairwise

import numpy as np

from streamlyt.core import Array, Batch, Floats, Operator, Schema
from streamlyt.core.batch import example_batch
from streamlyt.core.errors import DataError

from .scaled_learner import ScaledLearner

__all__ = ["ClassLearner"]


class ClassLearner(ScaledLearner):
    """A scaled learner of classes: subclasses write ``_learn_known`` and ``_mixed``."""

    is_classifier = True
    max_classes: int

    @property
    def classes(self) -> Floats:
        """The classes seen, in the order of their first rows, shape (k,)."""
        found: Floats = self.state.get("classes", np.zeros(0))
        return found

    def probabilities(self, values: Floats) -> Floats:
        """Return the probability of each of :attr:`classes`, shape (n, k)."""
        rows, _ = self.check_inputs(values)
        if "kept" not in self.state:
            return np.empty((len(rows), 0))
        return self._mixed(rows)

    def learn(self, values: Floats, targets: Floats) -> None:
        """Learn inputs, shape (n, d), and their classes, shape (n,), in this order."""
        rows, wanted = self.check_inputs(values, targets)
        new = {label for label in wanted.tolist() if label == label}
        new.difference_update(self.classes.tolist())
        if len(self.classes) + len(new) > self.max_classes:
            raise DataError(
                f"there must be at most {self.max_classes!r} classes, got "
                f"{len(self.classes) + len(new)}; raise max_classes, or take a regressor"
            )
        self._take(rows, wanted)

    @abstractmethod
    def _learn_known(self, rows: Floats, labels: Floats) -> None:
        """Learn rows with labels (n,): integers, places in ``classes``, to which none is new."""

    @abstractmethod
    def _mixed(self, rows: Floats) -> Floats:
        """Return the probabilities, shape (n, k)."""

    def _learn_rows(self, rows: Floats, targets: Floats) -> None:
        if len(targets) == 1:  # a row alone, mostly of a class that is known
            place: Array = np.flatnonzero(self.classes == targets[0])
            if place.size:
                self._learn_known(rows, place)
                return
        places = {label: i for i, label in enumerate(self.classes.tolist())}
        given = targets.tolist()
        cuts = []
        for row, label in enumerate(given):
            if label not in places:
                places[label] = len(places)
                cuts.append(row)
        labels = np.array([places[label] for label in given])
        for start, stop in pairwise(sorted({0, *cuts, len(given)})):
            if start in cuts:  # no row but the first is of a new class
                self.state["classes"] = np.append(self.classes, given[start])
            self._learn_known(rows[start:stop], labels[start:stop])

    def _predict_rows(self, rows: Floats) -> Floats:
        best: Floats = self.classes[np.argmax(self._mixed(rows), axis=1)]
        return best

    def _grown(self, name: str) -> None:
        """Let an array of the memory have rows of zeros for the classes that are new."""
        array = self.state[name]
        missing = len(self.classes) - len(array)
        if missing:
            self.state[name] = np.concatenate([array, np.zeros((missing, *array.shape[1:]))])

    @classmethod
    def _check_example(cls) -> tuple[Operator, Batch]:
        batch = example_batch()
        values = np.column_stack([batch.values, batch.values[:, 0] > 0])
        return cls(), batch.with_values(values, Schema.of("x", "y", "z", "above"))
