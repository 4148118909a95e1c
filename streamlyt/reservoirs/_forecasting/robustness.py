"""Care with measured rows: leaps count little, and what is far out is not believed to lead on."""

import numpy as np

from streamlyt.core import Array, Floats

__all__ = ["counted", "extrapolation_weight", "init_robust_state", "running_extrapolation_weight"]

_REACH = 0.5  # of the span of what was learnt from: further out nothing is known
_LEAP = 6.0  # usual steps: ten standard deviations of a Gaussian are eight
_MEMORY = 100  # rows that say what is usual: steps may grow by a twentieth with each


def init_robust_state(rows: Floats) -> dict[str, Array]:
    """Return what is kept of the first rows (n, d): their range but for the last, usual steps."""
    steps = np.abs(np.diff(rows, axis=0))
    return {
        "low": rows[:-1].min(axis=0),
        "high": rows[:-1].max(axis=0),
        "usual": steps.mean(axis=0),
        "steps": np.array(len(steps)),
    }


def extrapolation_weight(rows: Floats, low: Floats, high: Floats) -> Floats:
    """Return which share of a step to go on from rows (m, d): shape (m, 1), 1 for nearly all.

    Rows further outside of what was learnt from, ``low`` to ``high``, than half its span are like
    nothing the read-out knows; the further out, the less it is believed.
    """
    span = np.maximum(high - low, np.finfo(float).tiny)
    outside = np.maximum(np.maximum(low - rows, rows - high), 0.0) / span
    far = outside.max(axis=-1, keepdims=True) / _REACH
    share: Floats = 1.0 / np.maximum(far, 1.0) ** 2
    return share


def running_extrapolation_weight(before: Floats, state: dict[str, Array]) -> Floats:
    """Return the trust in rows (n, d), each in the range of those before it; the range grows."""
    low = np.minimum.accumulate(np.vstack([state["low"], before]))
    high = np.maximum.accumulate(np.vstack([state["high"], before]))
    state["low"], state["high"] = low[-1], high[-1]
    return extrapolation_weight(before, low[:-1], high[:-1])


def counted(steps: Floats, state: dict[str, Array]) -> Floats:
    """Return the square root of what each of these steps (n, d) counts for, shape (n,).

    A step of more than six usual ones counts as one of six does, which is Huber's weight.
    """
    usual, seen = state["usual"].copy(), int(state["steps"])
    share = np.ones(len(steps))
    for i, step in enumerate(np.abs(steps)):
        most = np.where(usual > 0, _LEAP * usual, np.inf)
        whole = np.ones(step.size)
        share[i] = np.divide(most, np.maximum(step, most), out=whole, where=np.isfinite(most)).min()
        seen += 1
        usual += (np.minimum(step, most) - usual) / min(seen, _MEMORY)
    state["usual"], state["steps"] = usual, np.array(seen)
    return np.sqrt(share)
