"""Naive empirical null model, row by row, in plain Python and NumPy's linear algebra."""

import math
import os

import numpy as np
import pytest
from scipy import stats

compiled_only = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="long recordings: minutes when uncompiled"
)

RATIO, NULL, COVARIANCE = 10, 20, 80  # slow over fast; windows; terms, four per window
CAP, SUSPECT, HEIGHT = 2.0, 0.6, 40.0


class Null:
    """Running mean and deviation of a cube root."""

    def __init__(self, window):
        self.memory, self.rough = NULL * window, 5 * window
        self.mean = self.variance = 0.0
        self.rows = 0

    def learn(self, value):
        self.rows += 1
        weight = 1 / min(self.rows, self.memory)
        if self.rows > self.rough:
            value = min(value, self.mean + 3 * math.sqrt(self.variance))
        before = self.mean
        self.mean = (1 - weight) * self.mean + weight * value
        self.variance = (1 - weight) * (self.variance + weight * (value - before) ** 2)


class Window:
    """Two averages, their gap, and the two statistics of it."""

    def __init__(self, window, arl, chosen, width):
        self.window, self.arl, self.chosen = window, arl, chosen
        self.fast = self.slow = np.zeros(width)
        self.nulls = Null(window), Null(window)
        self.covariance = np.zeros((len(chosen), len(chosen)))
        self.factored = None
        self.terms = 0

    def score(self, row, t):
        """Process a row; return the cube roots of both statistics, None if not available yet."""
        quick, lazy = 1 / self.window, 1 / (RATIO * self.window)
        self.fast = (1 - quick) * self.fast + quick * row
        self.slow = (1 - lazy) * self.slow + lazy * row
        if t < 2 * self.window:
            return None, None
        # The weights of both averages, written out: the gap's variance for independent rows.
        back = np.arange(t)
        fast = quick * (1 - quick) ** back
        slow = lazy * (1 - lazy) ** back
        weights = fast / fast.sum() - slow / slow.sum()
        gap = self.fast / fast.sum() - self.slow / slow.sum()
        self.gap = gap / math.sqrt((weights**2).sum())
        squared = None
        if self.factored is not None:
            part = self.gap[self.chosen]
            squared = float(part @ np.linalg.solve(self.factored, part))
        return float(np.cbrt(self.gap @ self.gap)), None if squared is None else np.cbrt(squared)

    def over(self, root, null):
        """Return R of a statistic, None while its null is learning."""
        if root is None or null.rows < 10 * self.window:
            return None
        n = int(min(null.rows, 2 * NULL * self.window) / (2 * self.window))
        tail = min(0.5, 2 * self.window / self.arl)
        bound = stats.t.isf(tail, n - 1) * math.sqrt(1 + 1 / n)
        return (root - null.mean) / ((math.sqrt(null.variance) + 1e-300) * bound)

    def learn(self, roots, t):
        for root, null in zip(roots, self.nulls, strict=True):
            if root is not None:
                null.learn(root)
        if roots[0] is not None and t % (self.window // 4) == 0:
            self.terms += 1
            weight = 1 / min(self.terms, COVARIANCE)
            part = self.gap[self.chosen]
            self.covariance = (1 - weight) * self.covariance + weight * np.outer(part, part)
            if self.terms >= 16 and self.terms % 4 == 0:
                lift = 0.1 * np.trace(self.covariance) / len(part)
                self.factored = self.covariance + lift * np.eye(len(part))


def empirical_null(features, chosen, windows, arl):
    """Return evidence, threshold and, for each row, whether it was an event."""

    def begin():
        return [Window(int(w), arl, chosen, features.shape[1]) for w in windows]

    members, t, evidence = begin(), 0, 0.0
    rows = []
    for row in features:
        t += 1
        roots = [member.score(row, t) for member in members]
        ratios = [
            member.over(root, null)
            for member, both in zip(members, roots, strict=True)
            for root, null in zip(both, member.nulls, strict=True)
        ]
        known = [ratio for ratio in ratios if ratio is not None]
        if known:
            evidence = max(0.0, evidence + (min(max(known), CAP) - SUSPECT) / HEIGHT)
        rows.append((evidence, 1.0 if known else math.inf))
        if evidence >= 1:
            members, t, evidence = begin(), 0, 0.0
        elif not known or max(known) <= SUSPECT:
            for member, both in zip(members, roots, strict=True):
                member.learn(both, t)
    return tuple(np.array(rows).T)
