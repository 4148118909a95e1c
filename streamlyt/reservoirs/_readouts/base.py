"""Linear readouts that accumulate blocks of rows and solve on demand."""

from abc import ABC, abstractmethod

import numpy as np
from scipy.linalg import LinAlgError, blas, lapack

from streamlyt.core import Array, Floats

__all__ = ["BLOCK", "Gram", "Readout", "SquareRoot", "solve_gram"]

# Rows per block: one matrix product costs a fraction of as many updates. Blocks are counted from
# the first row, so sums do not depend on batch boundaries.
BLOCK = 64


class Readout(ABC):
    """Linear map learned from blocks of features and targets; its state is a dict of arrays."""

    def __init__(self, ridge: float, keep: float) -> None:
        self.ridge = ridge
        self.keep = keep  # forgetting factor per row

    @abstractmethod
    def start(self, features: int, targets: int) -> dict[str, Array]:
        """Return the initial state."""

    @abstractmethod
    def absorb(
        self, features: Floats, targets: Floats, rows: int, memory: dict[str, Array]
    ) -> None:
        """Learn a block (r, F) and (r, p), of ``rows`` rows; updates ``memory`` in place."""

    @abstractmethod
    def solve(self, memory: dict[str, Array]) -> Floats:
        """Return the weights (p, F)."""

    def _aged(self, features: Floats, targets: Floats, rows: int) -> tuple[float, Floats, Floats]:
        """Return the weight of the past after a block, and its rows weighted by age."""
        if self.keep == 1.0:
            return 1.0, features, targets
        lanes = len(features) // rows
        age = np.repeat(self.keep ** (0.5 * np.arange(rows - 1, -1, -1)), lanes)[:, None]
        return self.keep**rows, features * age, targets * age


class Gram(Readout):
    """Accumulated Gram matrix of the features, solved by Cholesky factorization.

    A row costs F^2 and a solution F^3 / 3: the cheapest exact readout, with half of the digits of
    the square-root form.
    """

    def start(self, features: int, targets: int) -> dict[str, Array]:
        """Return empty sums."""
        return {"gram": np.zeros((features, features)), "cross": np.zeros((features, targets))}

    def absorb(
        self, features: Floats, targets: Floats, rows: int, memory: dict[str, Array]
    ) -> None:
        """Add the products; only the upper triangle is stored."""
        left, x, y = self._aged(features, targets, rows)
        gram = memory["gram"].T  # Fortran order: its lower triangle
        memory["gram"] = blas.dsyrk(1.0, x.T, beta=left, c=gram, lower=1, overwrite_c=1).T
        memory["cross"] *= left
        memory["cross"] += x.T @ y

    def solve(self, memory: dict[str, Array]) -> Floats:
        """Solve the normal equations."""
        return solve_gram(memory["gram"], memory["cross"], self.ridge)


class SquareRoot(Readout):
    """Triangular factor R of the features: twice the digits at twice the time."""

    def start(self, features: int, targets: int) -> dict[str, Array]:
        """Return empty factors."""
        wide = features + targets
        split = np.array(features)
        return {"root": np.zeros((wide, wide)), "energy": np.zeros(1), "split": split}

    def absorb(
        self, features: Floats, targets: Floats, rows: int, memory: dict[str, Array]
    ) -> None:
        """Update the triangle by the new rows with Householder reflections."""
        left, x, y = self._aged(features, targets, rows)
        root = memory["root"]
        stacked = np.vstack([np.sqrt(left) * root, np.hstack([x, y])])
        memory["root"] = _triangle(stacked)
        memory["energy"] *= left
        memory["energy"] += float(np.einsum("ij,ij", x, x))

    def solve(self, memory: dict[str, Array]) -> Floats:
        """Update the triangle by the ridge and solve by back substitution."""
        root = memory["root"]
        features = int(memory["split"])
        ridge = np.zeros((features, len(root)))
        np.fill_diagonal(ridge, np.sqrt(self.ridge * float(memory["energy"][0])))
        r = _triangle(np.vstack([root, ridge]))
        diagonal = np.abs(np.diagonal(r)[:features])
        if diagonal.min() <= np.finfo(float).tiny:
            return np.zeros((len(root) - features, features))
        weights, _ = lapack.dtrtrs(r[:features, :features], r[:features, features:])
        return np.ascontiguousarray(weights.T)


def solve_gram(gram: Floats, cross: Floats, ridge: float) -> Floats:
    """Return the weights (p, F) for a ridge relative to the trace of the Gram matrix."""
    energy = float(np.trace(gram))
    if energy <= 0.0:
        return np.zeros(cross.shape[::-1])
    # Below this, rounding of the sums destroys positive definiteness.
    min_ridge = np.finfo(float).eps
    for factor in (1.0, 10.0, 100.0, 1e3, 1e4, 1e6):
        damped = gram.T.copy(order="F")
        damped[np.diag_indices_from(damped)] += max(ridge, min_ridge) * factor * energy
        _, weights, failed = lapack.dposv(damped, cross, lower=1, overwrite_a=1)
        if not failed:
            return np.ascontiguousarray(weights.T)
    raise LinAlgError("the Gram matrix of the features is not finite")


def _triangle(stacked: Floats) -> Floats:
    wide = stacked.shape[1]
    qr, _, _, _ = lapack.dgeqrf(np.asfortranarray(stacked), overwrite_a=1)
    return np.ascontiguousarray(np.triu(qr[:wide]))
