"""Progressive validation: each row is predicted, then learnt; the score is over all rows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from streamlyt.base import Batch, Floats
from streamlyt.errors import DataError
from streamlyt.learner import Learner

__all__ = ["Validation", "progressive_validation"]


@dataclass(frozen=True)
class Validation:
    """What was predicted for each row before it was learnt.

    Parameters
    ----------
    targets
        What came, shape (n,); rows without a target are left out.
    predictions
        By name, shapes (n,): of ``"model"``, and of those who learn nothing from inputs:
        ``"persistence"`` (the last target) and, for numbers, ``"mean"`` (of all targets before) or,
        for classes, ``"majority"`` (the class that was the most frequent).
    classifies
        Whether the targets are numbers of classes.
    """

    targets: Floats
    predictions: Mapping[str, Floats]
    classifies: bool

    def losses(self, name: str) -> Floats:
        """Return absolute errors, or 1 where the class was another one, shape (n,)."""
        told = self.predictions[name]
        if self.classifies:
            return np.asarray(told != self.targets, dtype=np.float64)
        return np.abs(told - self.targets)

    def score(self, name: str) -> float:
        """Return the mean absolute error, or the accuracy; the first row counts."""
        loss = float(self.losses(name).mean())
        return 1.0 - loss if self.classifies else loss

    def curve(self, name: str, parts: int = 60) -> tuple[Floats, Floats]:
        """Return the last row of each of so many equal parts at most, and its own score."""
        n = len(self.targets)
        starts = np.unique(np.arange(parts) * n // parts)
        sums = np.add.reduceat(self.losses(name), starts)
        ends = np.append(starts[1:], n)
        loss: Floats = sums / (ends - starts)
        return ends - 1.0, 1.0 - loss if self.classifies else loss


def progressive_validation(
    learner: Learner, batches: Iterable[Batch], progress: Callable[[int], None] | None = None
) -> Validation:
    """Let a learner predict and then learn each row of a stream, and others beside it.

    Parameters
    ----------
    learner
        A clone of it is run; its ``target`` names the column to be learnt.
    batches
        The rows. A hole (NaN) as a target: the row is predicted, and not learnt nor scored.
    progress
        Called with the number of rows so far.

    Raises
    ------
    DataError
        If there is no row with a target, or a row cannot be learnt.

    Examples
    --------
    >>> from streamlyt.base import Schema
    >>> from streamlyt.models import RLS
    >>> x = np.random.default_rng(0).normal(size=(400, 1))
    >>> rows = Batch("a", np.arange(400), np.hstack([x, np.sin(x)]), Schema.of("x", "y"))
    >>> found = progressive_validation(RLS(target="y"), [rows])
    >>> [name for name in found.predictions if found.score(name) < 0.1]
    ['model']
    """
    learner = learner.clone()
    targets, told, done = [], [], 0
    for batch in batches:
        out, _ = learner.update(batch)
        column = batch.schema.names.index(learner.target) if learner.target else -1
        targets.append(batch.values[:, column])
        told.append(out.values[:, -1])
        done += batch.n
        if progress is not None:
            progress(done)
    known = np.concatenate(targets) if targets else np.empty(0)
    whole = ~np.isnan(known)
    if not whole.any():
        raise DataError(f"there must be a row with a target, got none in {done} rows")
    known, own = known[whole], np.concatenate(told)[whole]
    others = {"persistence": np.append(0.0, known[:-1])}
    if learner.classifies:
        others["majority"] = _majority(known)
    else:
        others["mean"] = np.append(0.0, np.cumsum(known)[:-1] / np.arange(1, len(known)))
    return Validation(known, {"model": own, **others}, learner.classifies)


def _majority(targets: Floats) -> Floats:
    """Return the most frequent class before each row, the earlier one of two; 0 at first."""
    classes, labels = np.unique(targets, return_inverse=True)
    counts = np.cumsum(np.eye(len(classes))[labels], axis=0)[:-1]
    return np.append(0.0, classes[counts.argmax(axis=1)])
