"""Aggregates of panes: count, sum, mean, squared deviations, minimum and maximum."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Array, Floats

__all__ = ["STATISTICS", "Aggregates"]

STATISTICS = ("count", "sum", "mean", "std", "min", "max")


@dataclass
class Aggregates:
    """Aggregates of g panes and d channels; every array has shape (g, d).

    Parameters
    ----------
    counts
        Number of values that are not missing.
    totals, means, lows, highs
        Their sum, mean, minimum and maximum.
    squares
        Sum of their squared deviations from the mean.
    """

    counts: NDArray[np.int64]
    totals: Floats
    means: Floats
    squares: Floats
    lows: Floats
    highs: Floats

    @classmethod
    def none(cls, panes: int, n_channels: int) -> "Aggregates":
        """Return the aggregates of empty panes."""
        shape = panes, n_channels
        return cls(
            counts=np.zeros(shape, np.int64),
            totals=np.zeros(shape),
            means=np.zeros(shape),
            squares=np.zeros(shape),
            lows=np.full(shape, np.inf),
            highs=np.full(shape, -np.inf),
        )

    def arrays(self) -> dict[str, Array]:
        """Return the arrays by name, as state."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def concatenate(self, other: "Aggregates") -> "Aggregates":
        """Return these panes followed by other panes."""
        last = other.arrays()
        return Aggregates(**{k: np.concatenate([a, last[k]]) for k, a in self.arrays().items()})

    def select(self, panes: Array | slice) -> "Aggregates":
        """Return a copy of some panes."""
        return Aggregates(**{name: array[panes].copy() for name, array in self.arrays().items()})

    def merge(self, rows: Array, other: "Aggregates") -> None:
        """Add other panes, one to each of ``rows`` (Chan's pairwise update)."""
        own = self.select(rows)
        counts = own.counts + other.counts
        weight = other.counts / np.maximum(counts, 1)
        # For values near the largest float the difference overflows, the mean does not.
        with np.errstate(over="ignore", invalid="ignore"):
            difference = np.where(own.counts > 0, other.means - own.means, 0.0)
            squares = own.squares + other.squares + difference**2 * own.counts * weight
            means = np.where(
                np.isfinite(difference),
                own.means + difference * weight,
                own.means * (1 - weight) + other.means * weight,
            )
        self.counts[rows] = counts
        with np.errstate(over="ignore", invalid="ignore"):
            self.totals[rows] = own.totals + other.totals
        self.means[rows] = np.where(own.counts == 0, other.means, means)
        self.squares[rows] = squares
        self.lows[rows] = np.minimum(own.lows, other.lows)
        self.highs[rows] = np.maximum(own.highs, other.highs)

    def columns(self, statistic: str) -> Floats:
        """Return a statistic, shape (g, d); NaN for channels without values.

        The standard deviation is that of the sample (n - 1), and NaN for a single value.
        """
        if statistic == "count":
            return self.counts.astype(np.float64)
        if statistic == "std":
            with np.errstate(invalid="ignore", divide="ignore"):
                spread = np.sqrt(self.squares / np.where(self.counts > 1, self.counts - 1, np.nan))
            return np.asarray(spread)
        values = {"sum": self.totals, "mean": self.means, "min": self.lows, "max": self.highs}
        return np.where(self.counts > 0, values[statistic], np.nan)
