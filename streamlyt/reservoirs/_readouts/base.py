"""Linear read-outs that learn from blocks of rows: what is kept, and when it is solved."""

from abc import ABC, abstractmethod

import numpy as np
from scipy.linalg import LinAlgError, blas, lapack

from streamlyt.core import Array, Floats

__all__ = ["BLOCK", "Gram", "Readout", "SquareRoot", "solve_gram"]

# Rows learnt at a time: one product of matrices costs a fraction of as many updates. Blocks are
# counted from the first row on, so that no sum depends on how the stream was cut.
BLOCK = 64


class Readout(ABC):
    """What a linear map learns from blocks of features and targets, kept in a state of arrays."""

    def __init__(self, ridge: float, keep: float) -> None:
        self.ridge = ridge
        self.keep = keep  # share of the past that a row leaves

    @abstractmethod
    def start(self, features: int, targets: int) -> dict[str, Array]:
        """Return the memory before the first block."""

    @abstractmethod
    def absorb(
        self, features: Floats, targets: Floats, rows: int, memory: dict[str, Array]
    ) -> None:
        """Learn a block (r, F) and (r, p), of ``rows`` rows in time; ``memory`` is written to."""

    @abstractmethod
    def solve(self, memory: dict[str, Array]) -> Floats:
        """Return the weights (p, F)."""

    def _aged(self, features: Floats, targets: Floats, rows: int) -> tuple[float, Floats, Floats]:
        """Return what a block leaves of the past, and its rows with the weight of their age."""
        if self.keep == 1.0:
            return 1.0, features, targets
        lanes = len(features) // rows
        age = np.repeat(self.keep ** (0.5 * np.arange(rows - 1, -1, -1)), lanes)[:, None]
        return self.keep**rows, features * age, targets * age


class Gram(Readout):
    """The Gram matrix of the features, summed up, solved by Cholesky's factors.

    A row costs F^2 and a solution F^3 / 3: the cheapest exact one, right to the square root of
    what a square root form gives.
    """

    def start(self, features: int, targets: int) -> dict[str, Array]:
        """Return sums of nothing."""
        return {"gram": np.zeros((features, features)), "cross": np.zeros((features, targets))}

    def absorb(
        self, features: Floats, targets: Floats, rows: int, memory: dict[str, Array]
    ) -> None:
        """Add the products; the upper triangle alone is kept."""
        left, x, y = self._aged(features, targets, rows)
        gram = memory["gram"].T  # the same numbers in the order of Fortran, its lower triangle
        memory["gram"] = blas.dsyrk(1.0, x.T, beta=left, c=gram, lower=1, overwrite_c=1).T
        memory["cross"] *= left
        memory["cross"] += x.T @ y

    def solve(self, memory: dict[str, Array]) -> Floats:
        """Solve the normal equations."""
        return solve_gram(memory["gram"], memory["cross"], self.ridge)


class SquareRoot(Readout):
    """The triangular factor R of the features themselves: twice the digits, twice the time."""

    def start(self, features: int, targets: int) -> dict[str, Array]:
        """Return factors of nothing."""
        wide = features + targets
        split = np.array(features)
        return {"root": np.zeros((wide, wide)), "energy": np.zeros(1), "split": split}

    def absorb(
        self, features: Floats, targets: Floats, rows: int, memory: dict[str, Array]
    ) -> None:
        """Turn the new rows into the triangle by Householder's reflections."""
        left, x, y = self._aged(features, targets, rows)
        root = memory["root"]
        stacked = np.vstack([np.sqrt(left) * root, np.hstack([x, y])])
        memory["root"] = _triangle(stacked)
        memory["energy"] *= left
        memory["energy"] += float(np.einsum("ij,ij", x, x))

    def solve(self, memory: dict[str, Array]) -> Floats:
        """Append the ridge to the triangle, turn it in, and go back through it."""
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
    """Return the weights (p, F) of a ridge that is relative to the trace of the Gram matrix."""
    energy = float(np.trace(gram))
    if energy <= 0.0:
        return np.zeros(cross.shape[::-1])
    # Below this the sums themselves are not positive any more, by their rounding.
    least = np.finfo(float).eps
    for factor in (1.0, 10.0, 100.0, 1e3, 1e4, 1e6):
        damped = gram.T.copy(order="F")
        damped[np.diag_indices_from(damped)] += max(ridge, least) * factor * energy
        _, weights, failed = lapack.dposv(damped, cross, lower=1, overwrite_a=1)
        if not failed:
            return np.ascontiguousarray(weights.T)
    raise LinAlgError("the Gram matrix of the features is not finite")


def _triangle(stacked: Floats) -> Floats:
    wide = stacked.shape[1]
    qr, _, _, _ = lapack.dgeqrf(np.asfortranarray(stacked), overwrite_a=1)
    return np.ascontiguousarray(np.triu(qr[:wide]))
