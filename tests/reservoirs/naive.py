"""Naive reference implementations of the compiled reservoirs and readouts."""

from itertools import combinations_with_replacement
from math import prod

import numpy as np
from scipy.linalg import hadamard
from scipy.special import erf

ANSWERS = {
    "tanh": np.tanh,
    "erf": erf,
    "cos": np.cos,
    "relu": lambda a: np.maximum(a, 0.0),
    "sign": lambda a: np.where(a >= 0, 1.0, -1.0),
    "heaviside": lambda a: (a >= 0) * 1.0,
}


def echo_states(recurrent, feed, bias, activation, leak, rows):
    """States after each row, of weights that hold all scales."""
    x, states = np.zeros(len(bias)), []
    for row in rows:
        x = (1 - leak) * x + leak * ANSWERS[activation](recurrent @ x + feed @ row + bias)
        states.append(x)
    return np.array(states)


def structured_weights(tables, nodes):
    """The matrix that three transforms with signs before each make; rows in our order."""
    m = tables.shape[1]
    order = transform_order(m)
    h = hadamard(m)[order]
    whole = h @ np.diag(tables[2]) @ h @ np.diag(tables[1]) @ h @ np.diag(tables[0])
    return whole[:nodes]


def transform_order(m):
    """Which output of the ordinary transform stands where in ours."""
    from streamlyt.core.numerics.hadamard import hadamard_transform

    places = []
    for i in range(m.bit_length() - 1):
        e = np.zeros(m)
        e[1 << i] = 1.0
        places.append(hadamard_transform(e, np.empty(m), m.bit_length() - 1).copy())
    # the sign at input 2^i tells bit i of the number of the output
    return sum(((place < 0).astype(int) << i) for i, place in enumerate(places))


def products(rows, delays, skip, order):
    """Every product of up to ``order`` values of the delayed rows, zeros before the first."""
    n, d = rows.shape
    padded = np.vstack([np.zeros(((delays - 1) * skip, d)), rows])
    out = []
    for t in range(n):
        line = [padded[t + (delays - 1 - k) * skip + 0] for k in range(delays)]
        values = np.concatenate(line)
        out.append(
            [
                prod(values[list(chosen)])
                for o in range(1, order + 1)
                for chosen in combinations_with_replacement(range(values.size), o)
            ]
        )
    return np.array(out)


def ridge(features, targets, damping):
    """Least squares with a ridge of ``damping``, by an orthogonal factorisation."""
    m = features.shape[1]
    x = np.vstack([features, np.sqrt(damping) * np.eye(m)])
    y = np.vstack([targets, np.zeros((m, targets.shape[1]))])
    return np.linalg.lstsq(x, y, rcond=None)[0].T
