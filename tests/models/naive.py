"""Slow, naive references of the loops of the models."""

import numpy as np
from scipy.special import ndtri


def ridge(features, targets, forget, penalty, weights=None, given=None):
    """Minimize the weighted squares plus the ridge, which is renewed one coordinate at a time.

    A renewal pulls to the weights at the start of its cycle, computed in the same way.
    """
    (n, m), k = features.shape, targets.shape[1]
    scale = np.sqrt(forget ** np.arange(n - 1.0, -1.0, -1.0))
    own = scale if weights is None else scale * np.sqrt(weights)
    times = 0 if forget == 1 else max(1, int(np.ceil(m * (1 - forget) / 4 - 1e-9)))
    pulls, towards = np.zeros((n * times, m)), np.zeros((n * times, k))
    anchors = np.zeros((m, k))
    size = np.sqrt((1 - forget) * penalty * m / max(1, times))
    for row in range(n if times else 0):
        if given is None and row and row * times % m < times:
            part = None if weights is None else weights[:row]
            anchors = ridge(features[:row], targets[:row], forget, penalty, part, towards)[0]
        for at in range(row * times, row * times + times):
            pulls[at, at % m] = size
            towards[at] = size * anchors[at % m] if given is None else given[at]
    first = np.sqrt(forget**n * penalty) * np.eye(m)
    rows = np.vstack([own[:, None] * features, scale.repeat(times)[:, None] * pulls, first])
    expected = np.vstack(
        [own[:, None] * targets, scale.repeat(times)[:, None] * towards, np.zeros((m, k))]
    )
    q, r = np.linalg.qr(rows)
    return np.linalg.solve(r, q.T @ expected), r


def scores(column, value):
    """Return the score of a value relative to few known ones."""
    if np.isnan(value):
        return 0.0
    column = column[~np.isnan(column)]
    known, counts = np.unique(column, return_counts=True)
    marks = ndtri((np.cumsum(counts) - counts / 2) / counts.sum())
    if known.size == 1:
        return float(np.sign(value - known[0]))
    plain = (known - column.mean()) / max(column.std(), 1e-300)
    quarter = max(1, known.size // 4)
    apart = min(plain[i + quarter] - plain[i] for i in range(known.size - quarter))
    if max(-plain[0], plain[-1]) < 2.2 and apart >= 0.4:
        marks = plain
    slope = (marks[-1] - marks[0]) / (known[-1] - known[0])
    if value > known[-1]:
        return min(20.0, marks[-1] + np.log1p((value - known[-1]) * slope))
    if value < known[0]:
        return max(-20.0, marks[0] - np.log1p((known[0] - value) * slope))
    return float(np.interp(value, known, marks))


def hedge(advice, targets, rate, share, reach, worst, slowest):
    """Return the weights of experts after rows of predictions, and the mixture before each row."""
    n, k = advice.shape
    shares, scale, mixed = np.full(k, 1 / k), 0.0, []
    for i in range(1, n):
        seen = targets[:i]
        span = np.ptp(seen)
        bounded = np.clip(advice[i], seen.min() - reach * span, seen.max() + reach * span)
        mixed.append(shares @ bounded)
        errors = np.abs(bounded - targets[i])
        own = shares @ errors
        scale = scale or own
        if scale:
            shares = shares * np.exp(-rate * np.minimum(errors / scale, worst))
            shares = (1 - share) * shares / shares.sum() + share / k
            scale += max(1 / (i + 1), slowest) * (min(own, worst * scale) - scale)
    return shares, np.array(mixed)


def probabilities(scores, sharpness):
    """Return the softmax of bounded scores."""
    p = np.exp(sharpness * np.clip(scores, -2, 2))
    return p / p.sum()
