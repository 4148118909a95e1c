"""Progressive validation: predict each row, then learn it; the score is over all rows."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from streamlyt.core import Batch, Floats, Learner
from streamlyt.core.errors import DataError

__all__ = ["ProgressiveValidationResult", "progressive_validation"]


@dataclass(frozen=True)
class ProgressiveValidationResult:
    """Predictions of each row, made before it was learned.

    Parameters
    ----------
    targets
        Targets, shape (n,); rows without a target are left out.
    predictions
        By name, shapes (n,): ``"model"`` and the baselines ``"persistence"`` (the last target) and,
        for numbers, ``"mean"`` (of all earlier targets) or, for classes, ``"majority"`` (the most
        frequent class).
    classifies
        Whether the targets are class indices.
    """

    targets: Floats
    predictions: Mapping[str, Floats]
    classifies: bool

    def losses(self, name: str) -> Floats:
        """Return absolute errors, or 1 for a wrong class and 0 otherwise, shape (n,)."""
        predictions = self.predictions[name]
        if self.classifies:
            return np.asarray(predictions != self.targets, dtype=np.float64)
        return np.abs(predictions - self.targets)

    def score(self, name: str) -> float:
        """Return the mean absolute error, or the accuracy, over all rows."""
        loss = float(self.losses(name).mean())
        return 1.0 - loss if self.classifies else loss

    def curve(self, name: str, parts: int = 60) -> tuple[Floats, Floats]:
        """Return the last row and the score of each of at most ``parts`` equal parts."""
        n = len(self.targets)
        starts = np.unique(np.arange(parts) * n // parts)
        sums = np.add.reduceat(self.losses(name), starts)
        ends = np.append(starts[1:], n)
        loss: Floats = sums / (ends - starts)
        return ends - 1.0, 1.0 - loss if self.classifies else loss


def progressive_validation(
    learner: Learner,
    batches: Iterable[Batch],
    progress: Callable[[int], None] | None = None,
    *,
    delay: int = 0,
) -> ProgressiveValidationResult:
    """Let a learner and the baselines predict and then learn each row of a stream.

    Parameters
    ----------
    learner
        Cloned for each series; its ``target`` names the column to learn.
    batches
        The rows. A row with a missing target (NaN) is predicted, but not learned or scored. Rows of
        several series are ordered by time.
    progress
        Called with the number of rows so far.
    delay
        Label delay: rows of the same series until a target is known, also to the baselines.

    Raises
    ------
    DataError
        If no row has a target, or a row cannot be learned.

    Examples
    --------
    >>> from streamlyt.core import Schema
    >>> from streamlyt.models import RLS
    >>> x = np.random.default_rng(0).normal(size=(400, 1))
    >>> rows = Batch("a", np.arange(400), np.hstack([x, np.sin(x)]), Schema.of("x", "y"))
    >>> result = progressive_validation(RLS(target="y"), [rows])
    >>> [name for name in result.predictions if result.score(name) < 0.1]
    ['model']
    """
    series: dict[str, _DelayedLearner] = {}
    targets, outputs, keys, times, done = [], [], [], [], 0
    for batch in batches:
        delayed = series.setdefault(batch.key, _DelayedLearner(learner.clone(), delay))
        column = batch.schema.channel_names.index(learner.target) if learner.target else -1
        targets.append(batch.values[:, column])
        outputs.append(delayed.predict_and_learn(batch))
        times.append(batch.times)
        keys.append(np.full(batch.n_rows, list(series).index(batch.key)))
        done += batch.n_rows
        if progress is not None:
            progress(done)
    known = np.concatenate(targets) if targets else np.empty(0)
    scored = ~np.isnan(known)
    if not scored.any():
        raise DataError(f"targets must be known in at least one row, got none in {done} rows")
    series_index, order = np.concatenate(keys), np.arange(len(known))
    if len(series) > 1:  # a source may interleave batches of several series
        order = np.argsort(np.concatenate(times), kind="stable")
    rows = order[scored[order]]
    baseline = "majority" if learner.is_classifier else "mean"
    predictions = {"model": np.concatenate(outputs)[rows]}
    for name in ("persistence", baseline):
        values = np.zeros(len(known))
        for index in range(len(series)):
            own = series_index == index
            values[own] = _baseline(known[own], name, delay)
        predictions[name] = values[rows]
    return ProgressiveValidationResult(known[rows], predictions, learner.is_classifier)


class _DelayedLearner:
    """A learner whose targets are known after a label delay."""

    def __init__(self, learner: Learner, delay: int) -> None:
        self._learner, self._delay = learner, delay
        self._waiting: deque[tuple[Floats, Floats]] = deque()

    def predict_and_learn(self, batch: Batch) -> Floats:
        """Return the predictions of rows, each made before due targets are learned."""
        if not self._delay:
            return self._learner.update(batch)[0].values[:, -1]
        target = self._learner.target
        column = batch.schema.channel_names.index(target) if target else batch.schema.n_channels - 1
        inputs, targets = np.delete(batch.values, column, axis=1), batch.values[:, column]
        predictions = np.empty(batch.n_rows)
        for i in range(batch.n_rows):
            row = slice(i, i + 1)
            predictions[i] = self._learner.predict(inputs[row])[0]
            self._waiting.append((inputs[row], targets[row]))
            if len(self._waiting) > self._delay:
                self._learner.learn(*self._waiting.popleft())
        return predictions


def _baseline(targets: Floats, name: str, delay: int) -> Floats:
    """Return the prediction of a baseline before each row; 0 without an earlier target."""
    out = np.zeros(len(targets))
    positions = np.flatnonzero(~np.isnan(targets))
    if not len(positions):
        return out
    known = targets[positions]
    if name == "persistence":
        after = known
    elif name == "mean":
        after = np.cumsum(known) / np.arange(1, len(known) + 1)
    else:
        after = _majority(known)
    # Number of targets known before each row.
    ready = np.searchsorted(positions, np.arange(len(targets)) - delay)
    out[ready > 0] = after[ready[ready > 0] - 1]
    return out


def _majority(targets: Floats) -> Floats:
    """Return the most frequent class after each row; ties go to the smaller class index."""
    classes, labels = np.unique(targets, return_inverse=True)
    counts = np.cumsum(np.eye(len(classes))[labels], axis=0)
    majority: Floats = classes[counts.argmax(axis=1)]
    return majority
