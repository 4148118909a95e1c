"""Readout for noisy series: a cross-validated mixture of solutions of several sizes and ridges."""

import numpy as np
from scipy.linalg import eigh

from streamlyt.core import Array, Floats

from .base import Gram

__all__ = ["CrossValidated", "mixed_ridges"]

_RIDGES = 10.0 ** np.arange(-14.0, 0.0)  # relative to the trace
# Errors of neighboring rows are correlated, and forecasts span several rows: each row counts as a
# fifth of an independent one. Chosen on generated series, see docs/forecasting.md.
_ROW_WEIGHT = 0.2
_MAX_FREE = 0.9  # maximum effective degrees of freedom, as a fraction of the rows
_ROUNDING = 1e-13  # fraction of the energy of the targets; smaller residuals are rounding


class CrossValidated(Gram):
    """Gram matrix with a mixture of its solutions by generalized cross-validation.

    The solutions use the first features only (the inputs, then each reservoir in turn) or all of
    them, each with ridges from ``ridge`` upwards; another one has zero weights, which is
    persistence for increments. Their errors on unseen rows are estimated from the Gram matrix [1]_
    and determine the weights of the mixture.

    References
    ----------
    .. [1] G. H. Golub, M. Heath, G. Wahba, "Generalized cross-validation as a method for choosing
       a good ridge parameter", Technometrics 21, 1979.
    """

    def start(self, features: int, targets: int) -> dict[str, Array]:
        """Return empty sums; the caller sets ``ends``, the ends of the groups of features."""
        sums = {"squares": np.zeros(targets), "count": np.zeros(1), "ends": np.array([features])}
        return {**super().start(features, targets), **sums}

    def absorb(
        self, features: Floats, targets: Floats, rows: int, memory: dict[str, Array]
    ) -> None:
        """Add the products, and the squares of the targets."""
        left, _, y = self._aged(features, targets, rows)
        memory["squares"] *= left
        memory["squares"] += np.einsum("ij,ij->j", y, y)
        memory["count"] *= left
        memory["count"] += len(features)
        super().absorb(features, targets, rows, memory)

    def solve(self, memory: dict[str, Array]) -> Floats:
        """Solve for every group and ridge, and mix."""
        gram, cross, squares = memory["gram"], memory["cross"], memory["squares"]
        count = float(memory["count"][0])
        known = squares > 0  # a constant target needs no weights
        weights = [np.zeros(cross.shape[::-1])]
        scores = [1.0]
        if not known.any():
            return weights[0]
        for end in memory["ends"]:
            part = gram[:end, :end]
            values, vectors = eigh(part, lower=False, check_finite=False)
            values = np.maximum(values, 0.0)
            projected = vectors.T @ cross[:end]
            for ridge in _RIDGES[self.ridge <= _RIDGES]:
                damped = values + ridge * values.sum()
                free = float((values / damped).sum())
                if free >= _MAX_FREE * count:
                    continue
                fitted = (
                    projected**2 * (1.0 / damped + ridge * values.sum() / damped**2)[:, None]
                ).sum(0)
                left = np.maximum(squares - fitted, _ROUNDING * squares)
                error = float((left[known] / squares[known]).mean()) / (1.0 - free / count) ** 2
                solution = np.zeros(cross.shape[::-1])
                solution[:, :end] = (vectors @ (projected / damped[:, None])).T
                weights.append(solution)
                scores.append(error)
        return _mixed(weights, scores, count)


def mixed_ridges(values: Floats, vectors: Floats, targets: Floats) -> Floats:
    """Mix the solutions of many ridges over n rows, and zero weights, in the same way.

    Parameters
    ----------
    values, vectors
        Eigenvalues (n,) and eigenvectors (n, n) of a kernel matrix of the rows.
    targets
        Shape (n, p).

    Returns
    -------
    numpy.ndarray
        Shape (p, n): weights of the columns of that matrix.
    """
    n, squares = len(values), (targets**2).sum(axis=0)
    known = squares > 0
    weights, scores = [np.zeros(targets.shape[::-1])], [1.0]
    if not known.any():
        return weights[0]
    values = np.maximum(values, 0.0)
    projected = vectors.T @ targets
    for ridge in _RIDGES:
        damped = values + ridge * values.sum()
        free = float((values / damped).sum())
        if free >= _MAX_FREE * n:
            continue
        left = ((ridge * values.sum() / damped[:, None] * projected) ** 2).sum(axis=0)
        left = np.maximum(left, _ROUNDING * squares)
        scores.append(float((left[known] / squares[known]).mean()) / (1.0 - free / n) ** 2)
        weights.append((vectors @ (projected / damped[:, None])).T)
    return _mixed(weights, scores, n)


def _mixed(weights: list[Floats], scores: list[float], count: float) -> Floats:
    log_weights = -0.5 * _ROW_WEIGHT * count * (np.log(scores) - np.log(min(scores)))
    shares = np.exp(log_weights) / np.exp(log_weights).sum()
    mixed: Floats = np.ascontiguousarray(np.tensordot(shares, np.array(weights), 1))
    return mixed
