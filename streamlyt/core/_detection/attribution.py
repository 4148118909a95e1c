"""Localization and attribution of a change: a ring buffer of chunk sums, a CUSUM arg-max."""

from dataclasses import dataclass

import numpy as np

from streamlyt.core.batch import Channel
from streamlyt.core.numerics.arrays import Array, Floats

from ._kernels import add_rows

__all__ = ["ChangeLocator"]

SLOTS = 64  # chunks in the buffer: the change row is known to 1/64 of its rows
LARGEST_POWER = 1000  # of two, whose inverse is finite too
LISTED = 5  # channels named in an event; more are hard to read at a glance


@dataclass(frozen=True)
class ChangeLocator:
    r"""Locate a change in the last ``n_chunks * chunk_rows`` rows, and its channels.

    The rows are stored as sums and sums of squares of chunks, in bounded memory. At an alarm,
    every chunk border is a candidate. The score of channel j is the sum of the two-sample
    statistics of its mean and of its variance,

    .. math::

        e_j = \left(\frac{1}{n_0} + \frac{1}{n_1}\right)^{-1}
              \left[\frac{(\bar x_1 - \bar x_0)^2}{\sigma_j^2}
              + \frac{(v_1 - v_0)^2}{2 \sigma_j^4}\right],

    with :math:`v` the variance about the mean of the rows before, and :math:`\sigma_j^2` the
    pooled variance within the two sides. The change is located at the border with the largest sum
    over j. The contributions are :math:`e_j` minus its expectation of 2, at least 0, at that
    border. A change of correlations alone is not detected: means and variances stay the same.

    Parameters
    ----------
    chunk_rows
        Rows per chunk, at least 1: the resolution of the change row.
    n_chunks
        Number of chunks in the buffer.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows = rng.normal(size=(300, 3))
    >>> rows[200:, 1] += 3
    >>> history = ChangeLocator(chunk_rows=4)
    >>> state = history.start(rows[0])
    >>> history.add(rows, np.arange(300), state)
    >>> change, time, strength = history.locate(state, latest=250)
    >>> change, time, int(strength.argmax())
    (200, 200, 1)
    """

    chunk_rows: int
    n_chunks: int = SLOTS

    def start(self, first: Array) -> dict[str, Array]:
        """Return the state before the first row, given that row (the origin of the sums)."""
        width = first.size
        # A power of two is exact, and keeps squares from overflowing in any unit.
        unit = np.ldexp(1.0, -np.clip(np.frexp(first)[1], -LARGEST_POWER, LARGEST_POWER))
        return {
            "history_unit": unit,
            "history_origin": first * unit,
            "history_sums": np.zeros((self.n_chunks, width)),
            "history_squares": np.zeros((self.n_chunks, width)),
            "history_counts": np.zeros(self.n_chunks, dtype=np.int64),
            "history_times": np.zeros(self.n_chunks, dtype=np.int64),
            "history_rows": np.zeros(1, dtype=np.int64),
            "history_since": np.zeros(1, dtype=np.int64),
        }

    def add(self, values: Floats, times: Array, state: dict[str, Array]) -> None:
        """Add rows (n, d) and their times (n,)."""
        add_rows(
            values,
            times,
            state["history_unit"],
            state["history_origin"],
            state["history_sums"],
            state["history_squares"],
            state["history_counts"],
            state["history_times"],
            self.chunk_rows,
            int(state["history_rows"][0]),
        )
        state["history_rows"] += values.shape[0]

    def exclude_before(self, row: int, state: dict[str, Array]) -> None:
        """Exclude chunks that start before this row: they contain an earlier change."""
        state["history_since"][0] = row

    def locate(self, state: dict[str, Array], latest: int) -> tuple[int, int, Floats]:
        """Return the most probable row and time of the change, and the scores of the channels.

        Parameters
        ----------
        latest
            Upper bound of the change row: the row of the threshold crossing.
        """
        last = (int(state["history_rows"][0]) - 1) // self.chunk_rows
        since = -(-int(state["history_since"][0]) // self.chunk_rows)
        first = max(0, last - self.n_chunks + 1, min(since, last))
        order = np.arange(first, last + 1) % self.n_chunks
        counts = np.cumsum(state["history_counts"][order].astype(np.float64))[:, None]
        sums = np.cumsum(state["history_sums"][order], axis=0)
        squares = np.cumsum(state["history_squares"][order], axis=0)
        starts = np.arange(first, last + 1) * self.chunk_rows
        times = state["history_times"][order]
        borders = starts[1:][starts[1:] <= latest]
        if not borders.size:
            return int(starts[0]), int(times[0]), np.zeros(sums.shape[1])
        k = borders.size
        scores = _two_sample(counts[:k], sums[:k], squares[:k], counts[-1], sums[-1], squares[-1])
        best = int(np.argmax(scores.sum(axis=1)))
        return int(borders[best]), int(times[best + 1]), scores[best]

    @staticmethod
    def contributions(
        strength: Floats, channels: tuple[Channel, ...]
    ) -> tuple[tuple[str, ...], tuple[float, ...]]:
        """Return the groups (or single channels) with the largest contributions, and these."""
        excess = np.maximum(strength - 2.0, 0.0)
        if not excess.sum() > 0:
            return (), ()
        totals: dict[str, float] = {}
        for channel, score in zip(channels, excess / excess.sum(), strict=True):
            name = channel.group or channel.name
            totals[name] = totals.get(name, 0.0) + float(score)
        largest = sorted(totals.items(), key=lambda item: -item[1])[:LISTED]
        positive = [(name, total) for name, total in largest if total > 0]
        return tuple(name for name, _ in positive), tuple(total for _, total in positive)


def _two_sample(n0: Array, s0: Array, q0: Array, n: Array, s: Array, q: Array) -> Floats:
    """Score each border, given counts, sums and squares before it and of all rows."""
    n1, s1, q1 = n - n0, s - s0, q - q0
    mean0, mean1 = s0 / n0, s1 / n1
    within = (q0 - n0 * mean0**2 + q1 - n1 * mean1**2) / n
    # A constant column has no variance: the floor is the rounding error of its squares.
    floor = 1e-12 * (q / n) + np.finfo(np.float64).tiny
    sigma2 = np.maximum(within, floor)
    spread0 = q0 / n0 - mean0**2
    spread1 = q1 / n1 - mean1**2
    weight = n0 * n1 / n
    scores: Floats = weight * (
        (mean1 - mean0) ** 2 / sigma2 + ((spread1 - spread0) / sigma2) ** 2 / 2
    )
    return scores
