"""Tests of serial dependence, and the linear prediction that may remove it."""

from dataclasses import dataclass

import numpy as np

from streamlyt.core import Floats
from streamlyt.detectors._kernels.scales import innovation_rows

__all__ = [
    "ORDERS",
    "PAST",
    "DependenceTest",
    "autoregression",
    "innovations",
    "lagged_dependence",
    "serial_dependence",
]

CONSTANT = 1e-12  # of the features' squares: a smaller spread is rounding
ORDERS = 4  # largest order of the linear prediction, in rows
LAGS = 32
# Limits in standard errors of independent rows: 1 in 1000 independent streams exceeds one of them.
ALONE, TOGETHER, PAST = 4.5, 4.0, 5.0


@dataclass(frozen=True)
class DependenceTest:
    """Deviation of rows from independence, in standard errors of independent rows.

    Parameters
    ----------
    alone
        Largest correlation of the features with those of earlier rows.
    together
        Mean of these correlations.
    """

    alone: float
    together: float

    @property
    def excess(self) -> float:
        """The larger of the two over its limit: above 1 the rows are dependent."""
        return max(self.alone / ALONE, self.together / TOGETHER)

    @property
    def independent(self) -> bool:
        """Whether the rows pass as independent."""
        return self.excess < 1.0


def serial_dependence(features: Floats) -> DependenceTest:
    r"""Return the serial dependence of features (n, m) at lags of 1 to 32 rows.

    With f the centered features and C their covariance, :math:`r_h = \sum_t f_t \cdot f_{t+h}` has,
    for independent rows, the variance :math:`(n - h)\, \mathrm{tr}\, C^2`.
    """
    rows = features.astype(np.float64)
    f = rows - rows.mean(axis=0)
    gram = f @ f.T
    n = len(f)
    if np.trace(gram) < CONSTANT * (rows * rows).sum():  # constant rows
        return DependenceTest(0.0, 0.0)
    pairs = float((gram**2).sum() - (np.diagonal(gram) ** 2).sum()) / (n * (n - 1))
    lags = min(LAGS, n // 4)
    sums = np.array([np.trace(gram, offset=h) for h in range(1, lags + 1)])
    # Removing the mean correlates the rows: each pair is lower by the mean square over n.
    sums += float(np.trace(gram)) / n * (1.0 - np.arange(1, lags + 1) / n)
    scores = sums / np.sqrt((n - np.arange(1, lags + 1)) * pairs)
    return DependenceTest(float(np.abs(scores).max()), float(abs(scores.sum()) / np.sqrt(lags)))


def lagged_dependence(features: Floats, past: Floats) -> float:
    r"""Return the dependence of features (n, m) on those of the past (n, m), in standard errors.

    The Hilbert-Schmidt criterion :math:`\sum_{s \ne t} (f_s \cdot f_t) (g_s \cdot g_t)` against its
    standard deviation for independent pairs.
    """
    f, g = (each - each.mean(axis=0) for each in (features, past))
    a, b = f @ f.T, g @ g.T
    for gram in (a, b):
        np.fill_diagonal(gram, 0.0)
    n = len(f)
    a -= a.sum() / (n * (n - 1))
    b -= b.sum() / (n * (n - 1))
    for gram in (a, b):
        np.fill_diagonal(gram, 0.0)
    spread = np.sqrt(2.0 * (a * a).sum() * (b * b).sum()) / n
    return float((a * b).sum() / spread) if spread > 0 else 0.0


def autoregression(rows: Floats) -> Floats:
    """Return weights (p, d) that predict each channel from its own last p rows, p up to 4.

    By least squares, for rows (n, d) of mean near zero; p has the smallest Bayesian information
    criterion over all channels together.
    """
    n, d = rows.shape
    weights = np.zeros((ORDERS, d))
    best, least = np.zeros((0, d)), np.inf
    target = rows[ORDERS:]
    lagged = np.stack([rows[ORDERS - k : n - k] for k in range(1, ORDERS + 1)])
    power = np.maximum((target**2).mean(axis=0), 1e-300)
    products = np.einsum("ktd,ltd->dkl", lagged, lagged)
    cross = np.einsum("ktd,td->dk", lagged, target)
    for order in range(ORDERS + 1):
        fitted = np.zeros((order, d))
        if order:
            ridge = 1e-9 * np.trace(products, axis1=1, axis2=2)[:, None, None] + 1e-300
            inner = products[:, :order, :order] + ridge * np.eye(order)
            fitted = np.linalg.solve(inner, cross[:, :order, None])[:, :, 0].T
        residuals = target - (lagged[:order] * fitted[:, None, :]).sum(axis=0)
        ratio = np.maximum((residuals**2).mean(axis=0) / power, 1e-12)
        cost = len(target) * float(np.log(ratio).sum()) + d * order * np.log(len(target))
        if cost < least:
            best, least = fitted, cost
    weights[: len(best)] = best
    return np.ascontiguousarray(weights)


def innovations(rows: Floats, weights: Floats, past: Floats) -> Floats:
    """Return rows (n, d) less their prediction; ``past`` (p, d) is updated in place."""
    out = np.empty_like(rows)
    innovation_rows(rows, weights, past, out)
    return out
