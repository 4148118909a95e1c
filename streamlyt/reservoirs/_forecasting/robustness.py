"""Robustness: Huber weights for large steps, damped extrapolation from distant rows."""

import numpy as np

from streamlyt.core import Array, Floats

__all__ = [
    "extrapolation_weight",
    "huber_weights",
    "init_robust_state",
    "running_extrapolation_weight",
]

_REACH = 0.5  # fraction of the span of the learned rows; beyond it nothing is known
_LEAP = 6.0  # usual steps; ten standard deviations of a Gaussian are eight
_MEMORY = 100  # rows behind the usual step, which may grow by a twentieth per row


def init_robust_state(rows: Floats) -> dict[str, Array]:
    """Return the initial state from rows (n, d): range without the last row, usual steps."""
    steps = np.abs(np.diff(rows, axis=0))
    return {
        "low": rows[:-1].min(axis=0),
        "high": rows[:-1].max(axis=0),
        "usual": steps.mean(axis=0),
        "steps": np.array(len(steps)),
    }


def extrapolation_weight(rows: Floats, low: Floats, high: Floats) -> Floats:
    """Return the factor of the predicted step from rows (m, d): shape (m, 1), 1 for nearly all.

    Rows outside the learned range, ``low`` to ``high``, by more than half its span are unknown to
    the readout; the factor decreases with the distance.
    """
    span = np.maximum(high - low, np.finfo(float).tiny)
    outside = np.maximum(np.maximum(low - rows, rows - high), 0.0) / span
    far = outside.max(axis=-1, keepdims=True) / _REACH
    share: Floats = 1.0 / np.maximum(far, 1.0) ** 2
    return share


def running_extrapolation_weight(before: Floats, state: dict[str, Array]) -> Floats:
    """Return the factors for rows (n, d), each by the range of the rows before it; update it."""
    low = np.minimum.accumulate(np.vstack([state["low"], before]))
    high = np.maximum.accumulate(np.vstack([state["high"], before]))
    state["low"], state["high"] = low[-1], high[-1]
    return extrapolation_weight(before, low[:-1], high[:-1])


def huber_weights(steps: Floats, state: dict[str, Array]) -> Floats:
    """Return the square root of the weight of each step (n, d), shape (n,).

    A step larger than six usual ones gets the influence of six, which is Huber's weight.
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
