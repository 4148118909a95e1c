"""Compiled loops of recursive least squares, in square-root form."""

import math

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = [
    "absorb_row",
    "cycle_starts",
    "learn_row",
    "leverage_rows",
    "pack",
    "predict_and_learn_rows",
    "products",
    "pulls_per_row",
    "spread_rows",
    "unpack",
]

CONSISTENT = 1.4826  # median absolute error to standard deviation, for normal errors
# Maximum number of memories, of 1 / (1 - forget) rows each, between two pulls of a coordinate. The
# root grows by exp(PULL_PERIOD / 2) in that time if no row excites the coordinate.
PULL_PERIOD = 4.0
MEDIAN_STEP = 0.02  # relative step of the running median


@jit()
def _turned(product: float, before: float, grow: float) -> tuple[float, float, float, float]:
    """Return the factors of the rank-one update of a column: own, of the gain, to the gain, new s.

    ``product``: of the column and the row; ``before``: s of the columns before it.
    """
    g = grow * product
    after = before + g * g
    return grow * math.sqrt(before / after), g / math.sqrt(before * after), grow * g, after


# Reassociated sums vectorize; finite values stay finite, and nothing is assumed about NaN.
@jit(fastmath={"reassoc", "contract"})
def absorb_row(root: Array, f: Array, first: int, grow: float, gain: Array) -> float:
    """Update the root by one row; return s = 1 + f P f, and s times the gain in ``gain``.

    ``root`` has the concatenated columns of an upper triangle S, P = S S^T; it is first multiplied
    by ``grow``. ``f`` is zero before ``first``. The loop handles four columns at a time, so the
    gain is read and written a quarter as often.
    """
    m = f.size
    before = 1.0
    j = 0
    if grow == 1.0:  # columns before the first nonzero input do not change
        j = first - first % 4
    at = j * (j + 1) // 2
    for i in range(m):
        gain[i] = 0.0
    while j + 3 < m:
        p, q = root[at : at + j + 1], root[at + j + 1 : at + 2 * j + 3]
        r, s = root[at + 2 * j + 3 : at + 3 * j + 6], root[at + 3 * j + 6 : at + 4 * j + 10]
        at += 4 * j + 10
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        for i in range(j + 1):
            a += p[i] * f[i]
            b += q[i] * f[i]
            c += r[i] * f[i]
            d += s[i] * f[i]
        b += q[j + 1] * f[j + 1]
        c += r[j + 1] * f[j + 1] + r[j + 2] * f[j + 2]
        d += s[j + 1] * f[j + 1] + s[j + 2] * f[j + 2] + s[j + 3] * f[j + 3]
        p_old, p_gain, a, before = _turned(a, before, grow)
        q_old, q_gain, b, before = _turned(b, before, grow)
        r_old, r_gain, c, before = _turned(c, before, grow)
        s_old, s_gain, d, before = _turned(d, before, grow)
        for i in range(j + 1):
            v, t, u, w, x = gain[i], p[i], q[i], r[i], s[i]
            p[i] = p_old * t - p_gain * v
            v += a * t
            q[i] = q_old * u - q_gain * v
            v += b * u
            r[i] = r_old * w - r_gain * v
            v += c * w
            s[i] = s_old * x - s_gain * v
            gain[i] = v + d * x
        # The corner: p has no entry in row j + 1, q none in j + 2, r none in j + 3.
        v, w, x = b * q[j + 1], r[j + 1], s[j + 1]
        q[j + 1] *= q_old
        r[j + 1] = r_old * w - r_gain * v
        v += c * w
        s[j + 1] = s_old * x - s_gain * v
        gain[j + 1] = v + d * x
        v, x = c * r[j + 2], s[j + 2]
        r[j + 2] *= r_old
        s[j + 2] = s_old * x - s_gain * v
        gain[j + 2] = v + d * x
        gain[j + 3] = d * s[j + 3]
        s[j + 3] *= s_old
        j += 4
    while j < m:
        p = root[at : at + j + 1]
        at += j + 1
        a = 0.0
        for i in range(j + 1):
            a += p[i] * f[i]
        p_old, p_gain, a, before = _turned(a, before, grow)
        for i in range(j + 1):
            u, v = p[i], gain[i]
            p[i] = p_old * u - p_gain * v
            gain[i] = v + a * u
        j += 1
    return before


@jit(fastmath={"reassoc", "contract"})
def products(features: Array, weights: Array, out: Array) -> None:
    """Fill ``out`` (n, k) with the products of rows (n, m) and weights (k, m), row by row."""
    for i in range(features.shape[0]):
        for c in range(weights.shape[0]):
            total = 0.0
            for j in range(features.shape[1]):
                total += features[i, j] * weights[c, j]
            out[i, c] = total


@jit(fastmath={"reassoc", "contract"})
def spread_rows(root: Array, features: Array, out: Array) -> None:
    """Fill ``out`` (n,) with f P f for rows of features (n, m)."""
    n, m = features.shape
    for i in range(n):
        f, at, total = features[i], 0, 0.0
        for j in range(m):
            p = root[at : at + j + 1]
            at += j + 1
            g = 0.0
            for k in range(j + 1):
                g += p[k] * f[k]
            total += g * g
        out[i] = total


@jit()
def pack(upper: Array, root: Array) -> None:
    """Concatenate the columns of an upper triangle (m, m), with a positive diagonal."""
    signs = np.sign(np.diag(upper))
    at = 0
    for j in range(upper.shape[0]):
        for i in range(j + 1):
            root[at] = signs[i] * upper[i, j]
            at += 1


@jit()
def unpack(root: Array, upper: Array) -> None:
    """Fill an upper triangle (m, m), or the first columns of a larger one, from its columns."""
    at = 0
    for j in range(round((math.sqrt(8.0 * root.size + 1.0) - 1.0) / 2.0)):
        for i in range(j + 1):
            upper[i, j] = root[at]
            at += 1


@jit()
def pulls_per_row(forget: float, m: int) -> int:
    """Return the pulls per row, so all m coordinates are pulled within PULL_PERIOD memories."""
    if forget == 1.0:
        return 0
    return max(1, math.ceil(m * (1.0 - forget) / PULL_PERIOD - 1e-9))


@jit()
def cycle_starts(count: int, pulls: int, m: int) -> bool:
    """Return whether a cycle of pulls starts at the row with index ``count``."""
    return pulls > 0 and count * pulls % m < pulls


@jit(fastmath={"reassoc", "contract"})
def learn_row(
    features: Array,
    targets: Array,
    root: Array,
    weights: Array,
    anchors: Array,
    at: int,
    noise: Array,
    counts: Array,
    forget: float,
    ridge: float,
    robust: float,
    predictions: Array,
    f: Array,
    gain: Array,
) -> None:
    """Predict and learn one row (m,) with targets (k,).

    Its weights are the columns of ``weights`` from ``at`` on; ``anchors`` has the same layout.
    ``noise`` (3,): running median of absolute errors, the minimized objective (a mean over the
    targets), and the weight of the rows in it. ``counts``: number of learned rows first. ``f`` and
    ``gain`` (m,) are buffers.
    """
    m, k = features.size, targets.size
    pulls = pulls_per_row(forget, m)
    if cycle_starts(counts[0], pulls, m):
        for c in range(k):
            anchors[c][at : at + m] = weights[c][at : at + m]
    grow = 1.0 / math.sqrt(forget)
    weight, largest = 1.0, 0.0
    for c in range(k):
        w, total = weights[c][at : at + m], 0.0
        for j in range(m):
            total += features[j] * w[j]
        predictions[c] = total
        largest = max(largest, abs(targets[c] - total))
    if robust > 0.0:
        if largest > robust * CONSISTENT * noise[0] and counts[0] > 1 and noise[0] > 0.0:
            weight = math.sqrt(robust * CONSISTENT * noise[0] / largest)
        step = 1.0 + max(1.0 / (counts[0] + 1), MEDIAN_STEP)
        if noise[0] == 0.0:
            noise[0] = largest
        elif largest > noise[0]:
            noise[0] *= step
        elif largest < noise[0]:
            noise[0] /= step
    for j in range(m):
        f[j] = weight * features[j]
    s = absorb_row(root, f, 0, grow, gain)
    noise[1] *= forget
    for c in range(k):
        w, error = weights[c][at : at + m], weight * (targets[c] - predictions[c])
        noise[1] += error * error / (s * k)
        for j in range(m):
            w[j] += gain[j] * (error / s)
    noise[2] = forget * noise[2] + 1.0
    # Pull coordinates in turn to their values at the start of the cycle; otherwise P winds up.
    pull = math.sqrt((1.0 - forget) * ridge * m / max(pulls, 1))
    for h in range(pulls):
        turn = (counts[0] * pulls + h) % m
        for j in range(m):
            f[j] = 0.0
        f[turn] = pull
        s = absorb_row(root, f, turn, 1.0, gain)
        for c in range(k):
            w = weights[c][at : at + m]
            error = pull * (anchors[c][at + turn] - w[turn])
            noise[1] += error * error / (s * k)
            for j in range(m):
                w[j] += gain[j] * (error / s)
    counts[0] += 1


@jit()
def predict_and_learn_rows(
    features: Array,
    targets: Array,
    root: Array,
    weights: Array,
    anchors: Array,
    noise: Array,
    counts: Array,
    forget: float,
    ridge: float,
    robust: float,
    predictions: Array,
) -> None:
    """Predict and learn rows (n, m) with targets (n, k) one after the other; see learn_row."""
    f, gain = features[0].copy(), features[0].copy()
    for i in range(len(features)):
        learn_row(
            features[i],
            targets[i],
            root,
            weights,
            anchors,
            0,
            noise,
            counts,
            forget,
            ridge,
            robust,
            predictions[i],
            f,
            gain,
        )


@jit()
def leverage_rows(
    features: Array, root: Array, counts: Array, forget: float, ridge: float, out: Array
) -> None:
    """Fill ``out`` (n,) with f P f of rows (n, m), each before it updates the root.

    P includes the forgetting up to the row.
    """
    n, m = features.shape
    grow = 1.0 / math.sqrt(forget)
    pulls = pulls_per_row(forget, m)
    pull = math.sqrt((1.0 - forget) * ridge * m / max(pulls, 1))
    f, gain = features[0].copy(), features[0].copy()
    for i in range(n):
        out[i] = absorb_row(root, features[i], 0, grow, gain) - 1.0
        for h in range(pulls):
            turn = (counts[0] * pulls + h) % m
            f[:] = 0.0
            f[turn] = pull
            absorb_row(root, f, turn, 1.0, gain)
        counts[0] += 1
