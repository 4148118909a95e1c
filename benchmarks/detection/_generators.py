"""Rows of known distribution and autocorrelation, with a change; unused in any tuning."""

import numpy as np

from streamlyt.core import Floats

__all__ = ["CHANGES", "MEMORIES", "change_from", "quiet"]

Rng = np.random.Generator

# Name: share of a row that the next one keeps, and the distribution of what is new.
MEMORIES = {
    "iid": (0.0, "normal"),
    "AR(.5)": (0.5, "normal"),
    "AR(.9)": (0.9, "normal"),
    "AR(.98)": (0.98, "normal"),
    "t3": (0.0, "t3"),
    "AR(.9) t3": (0.9, "t3"),
}
CHANGES = ("mean +1 sd", "mean +3 sd", "sd x 2", "correlation .8")
BURN = 500  # rows drawn and dropped: ten times the longest memory


def quiet(rng: Rng, n: int, d: int, memory: str) -> Floats:
    """Return n stationary rows of d independent channels of variance one."""
    kept, law = MEMORIES[memory]
    shape = n + BURN, d
    fresh = rng.standard_t(3, shape) / 3**0.5 if law == "t3" else rng.standard_normal(shape)
    fresh[1:] *= (1 - kept**2) ** 0.5
    rows = fresh
    for i in range(1, len(rows)):
        rows[i] += kept * rows[i - 1]
    return rows[BURN:]


def change_from(rng: Rng, n: int, d: int, memory: str, change: str, at: int) -> Floats:
    """Return such rows with a change from row ``at`` on in half of the channels, at least one.

    A change of correlation leaves each channel as it was and ties pairs of them, at least one.
    """
    rows = quiet(rng, n, d, memory)
    half = max(1, d // 2)
    if change == "sd x 2":
        rows[at:, :half] *= 2.0
    elif change == "correlation .8":
        pairs = max(1, d // 4)
        common = np.repeat(quiet(rng, n - at, pairs, memory), 2, axis=1)
        own = rows[at:, : 2 * pairs]
        rows[at:, : 2 * pairs] = 0.8**0.5 * common + 0.2**0.5 * own
    else:
        rows[at:, :half] += float(change.split()[1])
    return rows
