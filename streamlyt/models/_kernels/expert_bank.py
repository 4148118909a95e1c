"""Compiled loops of several least squares at once, each over its part of what is seen of a row."""

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

from .square_root_rls import learn_row

__all__ = ["advise_rows", "follow_bank"]


# Sums may be taken in another order, which vectorises them; nothing is assumed of NaN.
@jit(fastmath={"reassoc", "contract"})
def advise_rows(seen: Array, starts: Array, which: Array, weights: Array, out: Array) -> None:
    """Fill ``out`` (n, experts, k) with what each expert says of rows (n, all designs).

    Expert e sees the columns from ``starts[which[e]]`` to the next start; its weights stand behind
    those of the experts before, in ``weights`` (k, all).
    """
    for i in range(len(seen)):
        at = 0
        for e in range(which.size):
            f = seen[i][starts[which[e]] : starts[which[e] + 1]]
            for c in range(len(weights)):
                w, total = weights[c][at : at + f.size], 0.0
                for j in range(f.size):
                    total += f[j] * w[j]
                out[i, e, c] = total
            at += f.size


@jit()
def follow_bank(
    seen: Array,
    starts: Array,
    which: Array,
    laws: Array,
    targets: Array,
    roots: Array,
    weights: Array,
    anchors: Array,
    noise: Array,
    counts: Array,
    out: Array,
) -> None:
    """Predict and learn rows one after the other; see :func:`advise_rows` for what they are.

    ``laws`` (experts, 3): forgetting, ridge and robustness of each; ``targets`` (n, experts, k);
    ``roots``: their roots, one behind the other; ``anchors`` stand as ``weights`` do; ``noise``
    (experts, 3), ``counts`` (experts, 1).
    """
    at, root_at = 0, 0
    for e in range(which.size):
        start, stop = starts[which[e]], starts[which[e] + 1]
        m = stop - start
        size = m * (m + 1) // 2
        root = roots[root_at : root_at + size]
        f, gain = np.empty(m), np.empty(m)
        for i in range(len(seen)):
            learn_row(
                seen[i][start:stop],
                targets[i][e],
                root,
                weights,
                anchors,
                at,
                noise[e],
                counts[e],
                laws[e, 0],
                laws[e, 1],
                laws[e, 2],
                out[i][e],
                f,
                gain,
            )
        at += m
        root_at += size
