"""Progressive validation: each row is predicted, then learnt; the score is over all rows."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from streamlyt.core import Batch, Floats, Learner
from streamlyt.core.errors import DataError

__all__ = ["ProgressiveValidationResult", "progressive_validation"]


@dataclass(frozen=True)
class ProgressiveValidationResult:
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
    learner: Learner,
    batches: Iterable[Batch],
    progress: Callable[[int], None] | None = None,
    *,
    delay: int = 0,
) -> ProgressiveValidationResult:
    """Let a learner predict and then learn each row of a stream, and others beside it.

    Parameters
    ----------
    learner
        Clones of it are run, one a series; its ``target`` names the column to be learnt.
    batches
        The rows. A hole (NaN) as a target: the row is predicted, and not learnt nor scored. Those
        of several series are told in the order of their times.
    progress
        Called with the number of rows so far.
    delay
        How many rows of the same series come before a target is known, to the others, too.

    Raises
    ------
    DataError
        If there is no row with a target, or a row cannot be learnt.

    Examples
    --------
    >>> from streamlyt.core import Schema
    >>> from streamlyt.models import RLS
    >>> x = np.random.default_rng(0).normal(size=(400, 1))
    >>> rows = Batch("a", np.arange(400), np.hstack([x, np.sin(x)]), Schema.of("x", "y"))
    >>> found = progressive_validation(RLS(target="y"), [rows])
    >>> [name for name in found.predictions if found.score(name) < 0.1]
    ['model']
    """
    series: dict[str, _Late] = {}
    targets, told, keys, times, done = [], [], [], [], 0
    for batch in batches:
        own = series.setdefault(batch.key, _Late(learner.clone(), delay))
        column = batch.schema.channel_names.index(learner.target) if learner.target else -1
        targets.append(batch.values[:, column])
        told.append(own.follow(batch))
        times.append(batch.times)
        keys.append(np.full(batch.n_rows, list(series).index(batch.key)))
        done += batch.n_rows
        if progress is not None:
            progress(done)
    known = np.concatenate(targets) if targets else np.empty(0)
    whole = ~np.isnan(known)
    if not whole.any():
        raise DataError(f"there must be a row with a target, got none in {done} rows")
    of, order = np.concatenate(keys), np.arange(len(known))
    if len(series) > 1:  # a source may give them one after the other, each some rows at a time
        order = np.argsort(np.concatenate(times), kind="stable")
    whole = order[whole[order]]
    second = "majority" if learner.is_classifier else "mean"
    predictions = {"model": np.concatenate(told)[whole]}
    for name in ("persistence", second):
        plain = np.zeros(len(known))
        for key in range(len(series)):
            plain[of == key] = _plain(known[of == key], name, delay)
        predictions[name] = plain[whole]
    return ProgressiveValidationResult(known[whole], predictions, learner.is_classifier)


class _Late:
    """A learner whose targets come some rows late."""

    def __init__(self, learner: Learner, delay: int) -> None:
        self._learner, self._delay = learner, delay
        self._waiting: deque[tuple[Floats, Floats]] = deque()

    def follow(self, batch: Batch) -> Floats:
        """Return the predictions for rows, each before what is due is learnt."""
        if not self._delay:
            return self._learner.update(batch)[0].values[:, -1]
        target = self._learner.target
        column = batch.schema.channel_names.index(target) if target else batch.schema.n_channels - 1
        inputs, targets = np.delete(batch.values, column, axis=1), batch.values[:, column]
        told = np.empty(batch.n_rows)
        for i in range(batch.n_rows):
            one = slice(i, i + 1)
            told[i] = self._learner.predict(inputs[one])[0]
            self._waiting.append((inputs[one], targets[one]))
            if len(self._waiting) > self._delay:
                self._learner.learn(*self._waiting.popleft())
        return told


def _plain(targets: Floats, name: str, delay: int) -> Floats:
    """Return what one who learns nothing from inputs says before each row; 0 at first."""
    out = np.zeros(len(targets))
    places = np.flatnonzero(~np.isnan(targets))
    if not len(places):
        return out
    known = targets[places]
    if name == "persistence":
        after = known
    elif name == "mean":
        after = np.cumsum(known) / np.arange(1, len(known) + 1)
    else:
        after = _majority(known)
    # How many targets are known before each row.
    ready = np.searchsorted(places, np.arange(len(targets)) - delay)
    out[ready > 0] = after[ready[ready > 0] - 1]
    return out


def _majority(targets: Floats) -> Floats:
    """Return the most frequent class after each row, the earlier one of two."""
    classes, labels = np.unique(targets, return_inverse=True)
    counts = np.cumsum(np.eye(len(classes))[labels], axis=0)
    found: Floats = classes[counts.argmax(axis=1)]
    return found
