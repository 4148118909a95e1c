"""Naive reference implementations of the detectors, in plain Python from the equations."""

import itertools
import math

import numpy as np


def newma(features, fast, slow):
    """The published recursion, averages from zero, each divided by the sum of its weights."""
    z, y, out = [0.0] * len(features[0]), [0.0] * len(features[0]), []
    for t, row in enumerate(features, start=1):
        z = [(1 - fast) * a + fast * float(x) for a, x in zip(z, row, strict=True)]
        y = [(1 - slow) * b + slow * float(x) for b, x in zip(y, row, strict=True)]
        quick, lazy = 1 - (1 - fast) ** t, 1 - (1 - slow) ** t
        gaps = [a / quick - b / lazy for a, b in zip(z, y, strict=True)]
        out.append(math.sqrt(math.fsum(gap * gap for gap in gaps)))
    return np.array(out)


def scales(features, memories, reference):
    """Squared distances of averages from the reference, row by row.

    The first two are those of single rows; the others and the reference see the means of four
    rows, and stay as they are between.
    """

    def averages(memory, group):
        kept = (1 - 1 / memory) ** group
        total, weight, out = np.zeros(features.shape[1]), 0.0, [np.zeros(features.shape[1])]
        for t in range(1, len(features) + 1):
            if t % group == 0:
                total = kept * total + (1 - kept) * features[t - group : t].mean(axis=0)
                weight = kept * weight + (1 - kept)
            out.append(total / weight if weight else total)
        return np.array(out)

    slow = averages(reference, 4)
    found = []
    for k, memory in enumerate(memories):
        if k < 2:  # compared with the reference before the group is complete
            here, t = averages(memory, 1)[1:], np.arange(len(features))
            found.append(((here - slow[t - t % 4]) ** 2).sum(axis=1))
        else:
            found.append(((averages(memory, 4) - slow)[1:] ** 2).sum(axis=1))
    return np.array(found).T


def tail_level(squares, bound, chance, caution, n_components):
    """The square that a row exceeds with this probability, by the docstring of TailModel."""
    v = -np.log(bound - squares)
    u = np.quantile(v, 0.95)
    excess = v[v > u] - u
    k = len(excess)
    xi = (1 - excess.mean() ** 2 / excess.var(ddof=1)) / 2
    xi = (k * xi + 100 * (14 / n_components - 0.06)) / (k + 100)
    fading = 0.5 if xi < 0 else 1.0
    xi = min(max(fading * xi, -0.3), 0.3)
    beta = excess.mean() * (1 - max(xi, 0))
    plain = math.log(k / (len(v) * chance))
    error = fading * k / (k + 100) / math.sqrt(k)
    careful = k * (math.exp((plain + error**2 * plain**4 / 8) / k) - 1)
    y = plain + caution * (careful - plain)
    return bound - math.exp(-(u + beta * (math.exp(xi * y) - 1) / xi))


def adaptive(statistic, rate, quantile, learning):
    """The root of the published threshold of s^2, which does not learn above itself."""
    mean = squares = 0.0
    out = []
    for i, s in enumerate(statistic):
        level = mean + quantile * math.sqrt(max(squares - mean**2, 0.0))
        out.append(math.sqrt(level) if i >= learning else math.inf)
        if not (i >= learning and s > out[-1]):
            weight = max(rate, 1 / (i + 1))
            mean = (1 - weight) * mean + weight * s**2
            squares = (1 - weight) * squares + weight * s**4
    return np.array(out)


def weights(fast, slow, t):
    """Weights of the rows in z - z' after t rows, the last row first."""
    a, b = fast / (1 - (1 - fast) ** t), slow / (1 - (1 - slow) ** t)
    return np.array([a * (1 - fast) ** j - b * (1 - slow) ** j for j in range(t)])


def over_tuples(count, size, value):
    """The mean of ``value`` over all tuples of distinct rows."""
    found = [value(*rows) for rows in itertools.permutations(range(count), size)]
    return math.fsum(found) / len(found)


def trace_averages(x):
    """Products of differences of distinct rows, independent of the mean."""

    def second(i, j, k, n):
        return ((x[i] - x[j]) @ (x[k] - x[n])) ** 2 / 4

    def third(i, j, k, n, p, q):
        a, b, c = x[i] - x[j], x[k] - x[n], x[p] - x[q]
        return (a @ b) * (b @ c) * (c @ a) / 8

    return over_tuples(len(x), 4, second), over_tuples(len(x), 6, third)


def product_averages(x, level):
    g = x @ x.T
    u = np.diagonal(g) - level
    pairs = [
        lambda i, j: g[i, j] ** 2,
        lambda i, j: g[i, j] ** 3,
        lambda i, j: g[i, j] ** 4,
        lambda i, j: u[i] * g[i, j] ** 2,
        lambda i, j: u[i] * u[j] * g[i, j],
        lambda i, j: u[i] ** 2 * g[i, j] ** 2,
        lambda i, j: u[i] * u[j] * g[i, j] ** 2,
        lambda i, j: u[i] * g[i, j] ** 3,
        lambda i, j: u[i] ** 2 * u[j] * g[i, j],
    ]
    triples = [
        lambda i, j, k: u[i] * g[i, j] * g[j, k] * g[k, i],
        lambda i, j, k: g[i, j] ** 2 * g[i, k] ** 2,
        lambda i, j, k: g[i, j] ** 2 * g[j, k] * g[k, i],
        lambda i, j, k: u[i] * u[k] * g[i, j] * g[j, k],
        lambda i, j, k: g[i, j] ** 2 * g[j, k] * u[k],
    ]
    rings = over_tuples(len(x), 4, lambda i, j, k, n: g[i, j] * g[j, k] * g[k, n] * g[n, i])
    return [
        *(over_tuples(len(x), 2, value) for value in pairs),
        *(over_tuples(len(x), 3, value) for value in triples),
        rings,
    ]
