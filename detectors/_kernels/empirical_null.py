"""Compiled loop of the empirical null: several windows over one feature stream, row by row."""

from math import exp, log1p, sqrt

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["empirical_null_rows"]

# Slots of the clock (float64): rows since the reset, evidence, total rows, and the last row
# without evidence.
SINCE, EVIDENCE, ROWS, NO_EVIDENCE = range(4)

CAP = 2.0  # cap of one row's statistic, in critical values: no outlier alarms alone
ROUGH = 5  # windows after which a null clips the values it learns from
FACTORED = 16  # covariance terms before the first factorization
EVERY = 4  # covariance terms between later factorizations
PARTS = 4  # covariance terms per window: adjacent rows carry the same information
# A constant stream leaves gaps of 1e-15 by rounding, which have no distribution to learn.
LEAST_SPREAD = 1e-5  # of a cube root; for rows that vary it is near 0.1
LEAST_VARIANCE = 1e-12  # of a gap's entry; for rows that vary it is near 1 / m


@jit()
def _factor(covariance: Array, ridge: float, upper: Array) -> None:
    """Write the Cholesky factor of covariance + ridge * mean diagonal (upper triangles)."""
    size = covariance.shape[0]
    lift = 0.0
    for i in range(size):
        lift += covariance[i, i]
    lift = ridge * max(lift / size, LEAST_VARIANCE)
    for i in range(size):
        upper[i, i:] = covariance[i, i:]
        upper[i, i] += lift
    for i in range(size):
        pivot = sqrt(upper[i, i])
        upper[i, i] = pivot
        for j in range(i + 1, size):
            upper[i, j] /= pivot
        for k in range(i + 1, size):
            x = upper[i, k]
            for j in range(k, size):
                upper[k, j] -= x * upper[i, j]


@jit()
def _whitened(upper: Array, gap: Array) -> float:
    """Return the squared length of the gap in units of the factored covariance; overwrites gap."""
    size = gap.size
    total = 0.0
    for i in range(size):
        x = gap[i] / upper[i, i]
        total += x * x
        for j in range(i + 1, size):
            gap[j] -= x * upper[i, j]
    return total


@jit(fastmath={"reassoc", "contract", "nsz"})
def _fold(row: Array, average: Array, forget: float) -> None:
    for j in range(row.size):
        average[j] += forget * (row[j] - average[j])


@jit(fastmath={"reassoc", "contract", "nsz"})
def _difference(fast: Array, slow: Array, a: float, b: float, gap: Array) -> float:
    """Write a * fast - b * slow; return its squared length."""
    total = 0.0
    for j in range(gap.size):
        x = a * fast[j] - b * slow[j]
        gap[j] = x
        total += x * x
    return total


@jit()
def _learn(value: float, null: Array, memory: float, clip: float, rough: float) -> None:
    """Fold a value into a null: its mean, variance and number of rows."""
    null[2] += 1.0
    weight = 1.0 / min(null[2], memory)
    if null[2] > rough:
        value = min(value, null[0] + clip * sqrt(null[1]))
    step = value - null[0]
    null[0] += weight * step
    null[1] += weight * ((1.0 - weight) * step * step - null[1])


@jit()
def empirical_null_rows(
    features: Array,
    whitened: Array,
    windows: Array,
    critical: Array,
    settings: Array,
    fast: Array,
    slow: Array,
    covariance: Array,
    factor: Array,
    terms: Array,
    nulls: Array,
    clock: Array,
    statistic: Array,
    threshold: Array,
) -> None:
    """Update the empirical null with rows; :class:`EmpiricalNull` has the equations.

    Parameters
    ----------
    features
        Shape (n, m).
    whitened
        Indices of the features of the whitened statistic, shape (k,).
    windows
        Shape (w,), in rows.
    critical
        Shape (w, p): critical value of a standardized statistic by the number of independent
        values in its null.
    settings
        Ratio of slow to fast window, memory of the nulls in windows, their clip, ridge, critical
        share from which a change is suspected, evidence of an event, windows before a null is
        used, windows before it learns.
    fast, slow
        Averages, shape (w, m).
    covariance, factor
        Of the whitened features, shape (w, k, k); ``terms`` (w,) counts those in the covariance.
    nulls
        Mean, variance and rows of each statistic's cube root, shape (w, 2, 3).
    clock
        See the constants above.
    statistic, threshold
        Evidence and its threshold, shape (n,); infinite threshold while all nulls are unused.
    """
    ratio, memory, clip, ridge = settings[0], settings[1], settings[2], settings[3]
    suspect, height, ready, start = settings[4], settings[5], settings[6], settings[7]
    gap = np.empty(features.shape[1])
    parts = np.empty((windows.size, whitened.size))
    scratch = np.empty(whitened.size)
    roots = np.empty((windows.size, 2))
    for i in range(features.shape[0]):
        clock[SINCE] += 1.0
        clock[ROWS] += 1.0
        t = clock[SINCE]
        strongest = -np.inf
        for w in range(windows.size):
            window = windows[w]
            quick = 1.0 / window
            lazy = quick / ratio
            _fold(features[i], fast[w], quick)
            _fold(features[i], slow[w], lazy)
            roots[w, 0] = roots[w, 1] = -1.0  # not available yet
            if t < start * window:
                continue
            p = exp(t * log1p(-quick))
            q = exp(t * log1p(-lazy))
            # Variance of the gap for independent rows; without it the null would drift at first.
            kappa = (
                quick / (2.0 - quick) * (1.0 + p) / (1.0 - p)
                + lazy / (2.0 - lazy) * (1.0 + q) / (1.0 - q)
                - 2.0
                * quick
                * lazy
                / (quick + lazy - quick * lazy)
                * (1.0 - p * q)
                / ((1.0 - p) * (1.0 - q))
            )
            unit = 1.0 / sqrt(kappa)
            square = _difference(fast[w], slow[w], unit / (1.0 - p), unit / (1.0 - q), gap)
            roots[w, 0] = np.cbrt(square)
            for j in range(whitened.size):
                parts[w, j] = scratch[j] = gap[whitened[j]]
            if terms[w] >= FACTORED:
                roots[w, 1] = np.cbrt(_whitened(factor[w], scratch))
            for s in range(2):
                null = nulls[w, s]
                if roots[w, s] >= 0.0 and null[2] >= ready * window:
                    n = int(min(null[2], 2.0 * memory * window) / (2.0 * window))
                    spread = max(sqrt(null[1]), LEAST_SPREAD)
                    over = (roots[w, s] - null[0]) / (spread * critical[w, n])
                    strongest = max(strongest, over)
        threshold[i] = 1.0 if strongest > -np.inf else np.inf
        if strongest > -np.inf:
            evidence = clock[EVIDENCE] + (min(strongest, CAP) - suspect) / height
            clock[EVIDENCE] = max(0.0, evidence)
        if clock[EVIDENCE] == 0.0:
            clock[NO_EVIDENCE] = clock[ROWS]
        statistic[i] = clock[EVIDENCE]
        if clock[EVIDENCE] >= 1.0:
            # An event: earlier rows belong to another regime. Reset everything.
            fast[:] = 0.0
            slow[:] = 0.0
            covariance[:] = 0.0
            terms[:] = 0.0
            nulls[:] = 0.0
            clock[SINCE] = clock[EVIDENCE] = 0.0
        elif strongest <= suspect:  # do not learn from a suspected change
            for w in range(windows.size):
                window = windows[w]
                for s in range(2):
                    if roots[w, s] >= 0.0:
                        _learn(roots[w, s], nulls[w, s], memory * window, clip, ROUGH * window)
                if roots[w, 0] >= 0.0 and t % (window // PARTS) == 0.0:
                    terms[w] += 1.0
                    weight = 1.0 / min(terms[w], PARTS * memory)
                    for a in range(whitened.size):
                        for b in range(a, whitened.size):
                            product = parts[w, a] * parts[w, b]
                            covariance[w, a, b] += weight * (product - covariance[w, a, b])
                    if terms[w] >= FACTORED and terms[w] % EVERY == 0.0:
                        _factor(covariance[w], ridge, factor[w])
