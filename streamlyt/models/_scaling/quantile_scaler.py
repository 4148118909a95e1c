"""Inputs put on scores, those of their quantiles, taken from rows that are kept."""

import numpy as np
from scipy.special import ndtri

from streamlyt.core import Array, Floats
from streamlyt.models._kernels.inputs import scale_rows

__all__ = ["KNOTS", "fit_quantiles", "outside", "scaled"]

KNOTS = 33  # quantiles at most: as many as 256 rows can tell
_LARGEST = 20.0  # of a score: what is beyond is as far as that
_TAME = 2.2  # deviations: 1.7 is the border of a uniform law, normal rows reach 2.8 among 256
_APART = 0.4  # deviations between knots a quarter of all apart: 0.9 in a uniform law
_SMALLEST_STEP = 1e-12  # between two knots, in their range: what is closer is one value


def fit_quantiles(rows: Floats) -> dict[str, Array]:
    """Return the knots of each column of rows (n, d), their scores and how many there are.

    These are the normal scores of their quantiles. A value that stands in many rows gets the score
    of the middle of its ranks, so that binary columns and counts keep their steps. Where no value
    is further than 2.2 standard deviations from the mean, and values do not crowd, there is nothing
    to be tamed, and a score is just the distance from the mean in deviations. Holes are left out.
    """
    d = rows.shape[1]
    memory = {
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
            wanted = (np.arange(KNOTS) + 0.5) / KNOTS
            knots, ranks = np.interp(wanted, ranks, knots), wanted
        apart = np.diff(knots, prepend=-np.inf) > _SMALLEST_STEP * (knots[-1] - knots[0])
        knots, ranks = knots[apart], ranks[apart]
        memory["sizes"][j] = knots.size
        memory["knots"][j, : knots.size] = knots
        straight = _straight(knots, known)
        memory["scores"][j, : knots.size] = ndtri(ranks) if straight is None else straight
    return memory


def _straight(knots: Floats, known: Floats) -> Floats | None:
    """Return the distance of knots from the mean in deviations, or None where tails are long.

    None also where a quarter of the knots is nearly one value, as in clusters far apart: there
    ranks tell more.
    """
    spread = known.std()
    if knots.size == 1 or not spread > 0.0:
        return None
    scores: Floats = (knots - known.mean()) / spread
    few = max(1, knots.size // 4)
    if (scores[few:] - scores[:-few]).min() < _APART:
        return None
    farthest = max(known.max() - known.mean(), known.mean() - known.min()) / spread
    return scores if farthest < _TAME else None


def scaled(memory: dict[str, Array], rows: Floats) -> Floats:
    """Return rows (n, d) on the scores of their quantiles."""
    out = np.empty(rows.shape)
    scale_rows(rows, memory["knots"], memory["scores"], memory["sizes"], _LARGEST, out)
    return out


def outside(memory: dict[str, Array], rows: Floats) -> Floats:
    """Return the share of rows (n, d) that lie beyond the knots, shape (d,)."""
    sizes = memory["sizes"]
    high = memory["knots"][np.arange(sizes.size), sizes - 1]
    beyond = (rows < memory["knots"][:, 0]) | (rows > high)
    share: Floats = beyond.mean(axis=0)
    return share
