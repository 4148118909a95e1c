"""Count, sum, mean, squared deviations, minimum and maximum of the rows of panes."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Array, Floats

__all__ = ["STATISTICS", "Aggregates"]

STATISTICS = ("count", "sum", "mean", "std", "min", "max")


@dataclass
class Aggregates:
    """Of g panes and d channels; every array has shape (g, d).

    Parameters
    ----------
    counts
        Values that were there.
    totals, means, lows, highs
        Their sum, mean, minimum and maximum.
    squares
        Their squared deviations from the mean, summed.
    """

    counts: NDArray[np.int64]
    totals: Floats
    means: Floats
    squares: Floats
    lows: Floats
    highs: Floats

    @classmethod
    def none(cls, panes: int, width: int) -> "Aggregates":
        """Return the moments of panes without rows."""
        shape = panes, width
        return cls(
            counts=np.zeros(shape, np.int64),
            totals=np.zeros(shape),
            means=np.zeros(shape),
            squares=np.zeros(shape),
            lows=np.full(shape, np.inf),
            highs=np.full(shape, -np.inf),
        )

    def arrays(self) -> dict[str, Array]:
        """Return the arrays by name, to be saved."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def followed_by(self, other: "Aggregates") -> "Aggregates":
        """Return these panes and others after them."""
        theirs = other.arrays()
        return Aggregates(**{k: np.concatenate([a, theirs[k]]) for k, a in self.arrays().items()})

    def at(self, panes: Array | slice) -> "Aggregates":
        """Return some panes."""
        return Aggregates(**{name: array[panes].copy() for name, array in self.arrays().items()})

    def merge(self, rows: Array, other: "Aggregates") -> None:
        """Add other panes, one to each of ``rows`` (Chan's pairwise update)."""
        mine = self.at(rows)
        counts = mine.counts + other.counts
        share = other.counts / np.maximum(counts, 1)
        # Of values near the largest the distance is infinite, and the mean is not.
        with np.errstate(over="ignore", invalid="ignore"):
            apart = np.where(mine.counts > 0, other.means - mine.means, 0.0)
            squares = mine.squares + other.squares + apart**2 * mine.counts * share
            means = np.where(
                np.isfinite(apart),
                mine.means + apart * share,
                mine.means * (1 - share) + other.means * share,
            )
        self.counts[rows] = counts
        with np.errstate(over="ignore", invalid="ignore"):
            self.totals[rows] = mine.totals + other.totals
        self.means[rows] = np.where(mine.counts == 0, other.means, means)
        self.squares[rows] = squares
        self.lows[rows] = np.minimum(mine.lows, other.lows)
        self.highs[rows] = np.maximum(mine.highs, other.highs)

    def columns(self, statistic: str) -> Floats:
        """Return a statistic, shape (g, d); NaN where a channel had no value.

        The standard deviation is that of the sample (n - 1), and NaN of a single value.
        """
        if statistic == "count":
            return self.counts.astype(np.float64)
        if statistic == "std":
            with np.errstate(invalid="ignore", divide="ignore"):
                spread = np.sqrt(self.squares / np.where(self.counts > 1, self.counts - 1, np.nan))
            return np.asarray(spread)
        found = {"sum": self.totals, "mean": self.means, "min": self.lows, "max": self.highs}
        return np.where(self.counts > 0, found[statistic], np.nan)
