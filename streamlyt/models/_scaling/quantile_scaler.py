"""Map inputs to the normal scores of their quantiles, fitted to the stored rows."""

import numpy as np
from scipy.special import ndtri

from streamlyt.core import Array, Floats
from streamlyt.models._kernels.inputs import scale_rows

__all__ = ["KNOTS", "fit_quantiles", "fraction_outside", "to_scores"]

KNOTS = 33  # maximum number of quantiles; 256 rows determine no more
_MAX_SCORE = 20.0  # scores are clipped here
_TAME = 2.2  # standard deviations: a uniform distribution reaches 1.7, 256 normal rows 2.8
_APART = 0.4  # standard deviations per quarter of the knots: 0.9 in a uniform distribution
_SMALLEST_STEP = 1e-12  # between two knots, relative to their range; closer ones are one value


def fit_quantiles(rows: Floats) -> dict[str, Array]:
    """Return the knots of each column of rows (n, d), their scores and their number.

    The scores are the normal scores of the quantiles. A value that occurs in many rows gets the
    score of the middle of its ranks, so binary columns and counts keep their steps. If no value is
    further than 2.2 standard deviations from the mean and the values do not cluster, a score is
    the distance from the mean in standard deviations. Missing values are ignored.
    """
    d = rows.shape[1]
    state = {
        "knots": np.zeros((d, KNOTS)),
        "scores": np.zeros((d, KNOTS)),
        "sizes": np.ones(d, dtype=np.int64),
    }
    for j in range(d):
        column = rows[:, j]
        known = column[~np.isnan(column)]
        knots, counts = np.unique(known, return_counts=True)
        if not knots.size:
            continue
        ranks = (np.cumsum(counts) - counts / 2) / counts.sum()
        if knots.size > KNOTS:
            even = (np.arange(KNOTS) + 0.5) / KNOTS
            knots, ranks = np.interp(even, ranks, knots), even
        apart = np.diff(knots, prepend=-np.inf) > _SMALLEST_STEP * (knots[-1] - knots[0])
        knots, ranks = knots[apart], ranks[apart]
        state["sizes"][j] = knots.size
        state["knots"][j, : knots.size] = knots
        linear = _linear_scores(knots, known)
        state["scores"][j, : knots.size] = ndtri(ranks) if linear is None else linear
    return state


def _linear_scores(knots: Floats, known: Floats) -> Floats | None:
    """Return the distance of knots from the mean in standard deviations; None for long tails.

    Also None if a quarter of the knots has nearly one value, as in distant clusters: there, ranks
    are more informative.
    """
    spread = known.std()
    if knots.size == 1 or not spread > 0.0:
        return None
    scores: Floats = (knots - known.mean()) / spread
    quarter = max(1, knots.size // 4)
    if (scores[quarter:] - scores[:-quarter]).min() < _APART:
        return None
    farthest = max(known.max() - known.mean(), known.mean() - known.min()) / spread
    return scores if farthest < _TAME else None


def to_scores(state: dict[str, Array], rows: Floats) -> Floats:
    """Return the scores of rows (n, d)."""
    out = np.empty(rows.shape)
    scale_rows(rows, state["knots"], state["scores"], state["sizes"], _MAX_SCORE, out)
    return out


def fraction_outside(state: dict[str, Array], rows: Floats) -> Floats:
    """Return the fraction of rows (n, d) beyond the knots, shape (d,)."""
    sizes = state["sizes"]
    high = state["knots"][np.arange(sizes.size), sizes - 1]
    beyond = (rows < state["knots"][:, 0]) | (rows > high)
    fraction: Floats = beyond.mean(axis=0)
    return fraction
