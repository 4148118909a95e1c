"""The offline split of a short recording: the rows before against the rows after."""

from math import isqrt

import numpy as np

from streamlyt.core import Batch, ChangeLocator, Event, Floats
from streamlyt.core.errors import DataError, series_prefix

__all__ = ["offline_split"]

PERMUTATIONS = 199  # recordings of the rows in random order
LEVEL = 0.95  # fraction of them that must split worse
LEAST = 8  # rows: two blocks of two on either side
CONSTANT = 1e-12  # of a channel's largest value: a smaller spread is rounding


def offline_split(recording: Batch, standardise: bool = True, seed: int = 0) -> Event:
    r"""Return the best split of a recording that is too short for an online detector.

    Of all borders k between rows 0 to k - 1 and the others, with means :math:`m_0, m_1`, the split
    is the one that explains the largest share of the variance,

    .. math:: s_k = \frac{k (n - k)}{n} |m_1 - m_0|^2 \Big/ \sum_i |x_i - \bar x|^2.

    The threshold is the 95th percentile of the largest s of 199 recordings of the same rows, with
    blocks of :math:`\sqrt n` rows in random order: that preserves serial dependence within a
    block, and no more. A steady drift is split near its middle; changes of spread are not detected.

    Parameters
    ----------
    recording
        All rows of a series, at least 8.
    standardise
        Whether to divide each channel by its standard deviation first; not for coordinates, which
        share a unit.
    seed
        Seed of the random orders.

    Raises
    ------
    DataError
        If there are fewer rows, or a value is not finite.

    Examples
    --------
    >>> from streamlyt.core import Schema
    >>> rows = np.random.default_rng(0).normal(size=(60, 2))
    >>> rows[20:] += 3
    >>> event = offline_split(Batch("", np.arange(60), rows, Schema.of("a", "b")))
    >>> event.change_index, event.statistic > event.threshold
    (20, True)
    """
    n, schema = recording.n_rows, recording.schema
    if n < LEAST:
        raise DataError(f"recording must have at least {LEAST} rows, got {n}")
    if not np.isfinite(recording.values).all():
        raise DataError(
            f"{series_prefix(recording.key)}values must be finite; fill or drop such rows"
        )
    # In units of the largest value no square overflows or underflows.
    size = np.abs(recording.values).max(axis=0 if standardise else None)
    rows = recording.values / np.where(size > 0, size, 1.0)
    rows -= rows.mean(axis=0)
    if standardise:
        spread = rows.std(axis=0)
        rows = np.where(spread > CONSTANT, rows / np.maximum(spread, CONSTANT), 0.0)
    shares = _explained(rows)
    change = int(shares.argmax()) + 1
    rng = np.random.default_rng(seed)
    blocks = np.array_split(np.arange(n), max(2, n // isqrt(n)))
    orders = (rng.permutation(len(blocks)) for _ in range(PERMUTATIONS))
    permuted = [
        _explained(rows[np.concatenate([blocks[b] for b in order])]).max() for order in orders
    ]
    locator = ChangeLocator(chunk_rows=1)
    channels, contributions = locator.contributions(
        change * (n - change) / n * _step(rows, change) ** 2 / np.maximum(rows.var(axis=0), 1e-300),
        schema.channels,
    )
    return Event(
        key=recording.key,
        detector="offline_split",
        alarm_index=schema.source_row(change),
        alarm_time=int(recording.times[change]),
        change_index=schema.source_row(change),
        change_time=int(recording.times[change]),
        statistic=float(shares[change - 1]),
        threshold=float(np.quantile(permuted, LEVEL)),
        channels=channels,
        contributions=contributions,
        time_unit=schema.time_unit,
    )


def _explained(rows: Floats) -> Floats:
    """Return the share of the variance that each border explains, (n - 1,), of centered rows."""
    n = len(rows)
    before = np.arange(1, n)
    sums = np.cumsum(rows, axis=0)[:-1]
    between = (sums * sums).sum(axis=1) * n / (before * (n - before))
    total = float((rows * rows).sum())
    shares: Floats = between / total if total > 0 else np.zeros(n - 1)
    return shares


def _step(rows: Floats, change: int) -> Floats:
    step: Floats = rows[change:].mean(axis=0) - rows[:change].mean(axis=0)
    return step
