"""Compiled loops of several least squares, each over its part of the features of a row."""

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

from .square_root_rls import learn_row

__all__ = ["predict_and_learn_experts", "predict_experts"]


# Reassociated sums vectorize; nothing is assumed about NaN.
@jit(fastmath={"reassoc", "contract"})
def predict_experts(
    features: Array, starts: Array, basis: Array, weights: Array, out: Array
) -> None:
    """Fill ``out`` (n, experts, k) with the predictions of the experts for rows (n, all bases).

    Expert e uses the columns from ``starts[basis[e]]`` to the next start. ``weights`` (k, all) has
    the weights of all experts in order.
    """
    for i in range(len(features)):
        at = 0
        for e in range(basis.size):
            f = features[i][starts[basis[e]] : starts[basis[e] + 1]]
            for c in range(len(weights)):
                w, total = weights[c][at : at + f.size], 0.0
                for j in range(f.size):
                    total += f[j] * w[j]
                out[i, e, c] = total
            at += f.size


@jit()
def predict_and_learn_experts(
    features: Array,
    starts: Array,
    basis: Array,
    settings: Array,
    targets: Array,
    roots: Array,
    weights: Array,
    anchors: Array,
    noise: Array,
    counts: Array,
    out: Array,
) -> None:
    """Predict and learn rows one after the other; see :func:`predict_experts` for the layout.

    ``settings`` (experts, 3): forgetting, ridge and robustness; ``targets`` (n, experts, k);
    ``roots``: the triangular roots, concatenated; ``anchors``: same layout as ``weights``;
    ``noise`` (experts, 3), ``counts`` (experts, 1).
    """
    at, root_at = 0, 0
    for e in range(basis.size):
        start, stop = starts[basis[e]], starts[basis[e] + 1]
        m = stop - start
        size = m * (m + 1) // 2
        root = roots[root_at : root_at + size]
        f, gain = np.empty(m), np.empty(m)
        for i in range(len(features)):
            learn_row(
                features[i][start:stop],
                targets[i][e],
                root,
                weights,
                anchors,
                at,
                noise[e],
                counts[e],
                settings[e, 0],
                settings[e, 1],
                settings[e, 2],
                out[i][e],
                f,
                gain,
            )
        at += m
        root_at += size
