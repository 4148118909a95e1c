"""A read-out for noisy series: solutions of several sizes and ridges, mixed as they deserve."""

import numpy as np
from scipy.linalg import eigh

from streamlyt.core import Array, Floats

from .base import Gram

__all__ = ["CrossValidated", "mixed_ridges"]

_LADDER = 10.0 ** np.arange(-14.0, 0.0)  # ridges tried, relative to the trace
# Errors of neighbouring rows are alike, and a loop is asked for more than the next row: each row
# counts for a fifth of an independent one. Chosen on generated series, see docs/reservoirs.md.
_COUNTS = 0.2
_MOST_FREE = 0.9  # of the rows: with more free weights than that nothing is left to judge by
_ROUNDING = 1e-13  # of the energy of the targets: smaller residuals are rounding


class CrossValidated(Gram):
    """The Gram matrix, and of its many solutions a mixture by generalised cross-validation.

    Solutions over the first features alone (the inputs, then each reservoir in turn) and over all,
    each with ridges from the least asked for upwards, and the one of no weights at all, which for
    increments is persistence. What each would err on rows that it has not seen follows from the
    Gram matrix [1]_; the weights of the mixture fall with it.

    References
    ----------
    .. [1] G. H. Golub, M. Heath, G. Wahba, "Generalized cross-validation as a method for choosing
       a good ridge parameter", Technometrics 21, 1979.
    """

    def start(self, features: int, targets: int) -> dict[str, Array]:
        """Return sums of nothing; whoever knows the groups of features sets their ``ends``."""
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
        known = squares > 0  # a target that never moved needs no weights
        weights = [np.zeros(cross.shape[::-1])]
        scores = [1.0]
        if not known.any():
            return weights[0]
        for end in memory["ends"]:
            part = gram[:end, :end]
            values, vectors = eigh(part, lower=False, check_finite=False)
            values = np.maximum(values, 0.0)
            turned = vectors.T @ cross[:end]
            for ridge in _LADDER[self.ridge <= _LADDER]:
                damped = values + ridge * values.sum()
                free = float((values / damped).sum())
                if free >= _MOST_FREE * count:
                    continue
                fitted = (
                    turned**2 * (1.0 / damped + ridge * values.sum() / damped**2)[:, None]
                ).sum(0)
                left = np.maximum(squares - fitted, _ROUNDING * squares)
                error = float((left[known] / squares[known]).mean()) / (1.0 - free / count) ** 2
                found = np.zeros(cross.shape[::-1])
                found[:, :end] = (vectors @ (turned / damped[:, None])).T
                weights.append(found)
                scores.append(error)
        return _mixed(weights, scores, count)


def mixed_ridges(values: Floats, vectors: Floats, targets: Floats) -> Floats:
    """Mix the solutions of many ridges over n rows, and that of none at all, in the same way.

    Parameters
    ----------
    values, vectors
        The eigenvalues (n,) and eigenvectors (n, n) of a kernel matrix of the rows.
    targets
        Shape (n, p).

    Returns
    -------
    numpy.ndarray
        Shape (p, n): the weights on the columns of that matrix.
    """
    n, squares = len(values), (targets**2).sum(axis=0)
    known = squares > 0
    weights, scores = [np.zeros(targets.shape[::-1])], [1.0]
    if not known.any():
        return weights[0]
    values = np.maximum(values, 0.0)
    turned = vectors.T @ targets
    for ridge in _LADDER:
        damped = values + ridge * values.sum()
        free = float((values / damped).sum())
        if free >= _MOST_FREE * n:
            continue
        left = ((ridge * values.sum() / damped[:, None] * turned) ** 2).sum(axis=0)
        left = np.maximum(left, _ROUNDING * squares)
        scores.append(float((left[known] / squares[known]).mean()) / (1.0 - free / n) ** 2)
        weights.append((vectors @ (turned / damped[:, None])).T)
    return _mixed(weights, scores, n)


def _mixed(weights: list[Floats], scores: list[float], count: float) -> Floats:
    worth = -0.5 * _COUNTS * count * (np.log(scores) - np.log(min(scores)))
    share = np.exp(worth) / np.exp(worth).sum()
    mixed: Floats = np.ascontiguousarray(np.tensordot(share, np.array(weights), 1))
    return mixed
