"""Read-outs of the textbooks that go row by row: for comparison with those that sum blocks."""

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.reservoirs._kernels.readout import nlms_rows, rls_rows

from .base import Readout

__all__ = ["NLMS", "RLS"]

_RATE = 0.5  # share of the error of a row that a step takes away


class RLS(Readout):
    """Recursive least squares, with the inverse of the Gram matrix as its memory.

    A row costs 3 F^2, several times what a Gram matrix costs, and the inverse loses its digits
    with the condition of the features. The ridge is relative to the energy of the first block.
    """

    def start(self, features: int, targets: int) -> dict[str, Array]:
        """Return no inverse yet: the first block tells its scale."""
        return {"inverse": np.zeros((features, features)), "slopes": np.zeros((targets, features))}

    def absorb(
        self, features: Floats, targets: Floats, rows: int, memory: dict[str, Array]
    ) -> None:
        """Learn the rows one after the other."""
        inverse = memory["inverse"]
        if not inverse.any():
            energy = float(np.einsum("ij,ij", features, features))
            least = max(self.ridge, np.finfo(float).eps) * energy
            np.fill_diagonal(inverse, 1.0 / least if least > 0.0 else 1.0)
        keep = np.ones(len(features))
        keep[:: len(features) // rows] = self.keep  # time goes on with the first lane
        rls_rows(np.ascontiguousarray(features), targets, keep, inverse, memory["slopes"])

    def solve(self, memory: dict[str, Array]) -> Floats:
        """Return the weights as they stand."""
        return memory["slopes"].copy()


class NLMS(Readout):
    """Normalised least mean squares: F numbers a target, and no memory of any direction.

    It costs next to nothing and learns directions of little variance hardly ever: what reservoirs
    live on. There is no ridge, and it forgets at a pace of its own.
    """

    def start(self, features: int, targets: int) -> dict[str, Array]:
        """Return weights of zero."""
        return {"slopes": np.zeros((targets, features))}

    def absorb(
        self, features: Floats, targets: Floats, rows: int, memory: dict[str, Array]
    ) -> None:
        """Learn the rows one after the other."""
        nlms_rows(np.ascontiguousarray(features), targets, _RATE, memory["slopes"])

    def solve(self, memory: dict[str, Array]) -> Floats:
        """Return the weights as they stand."""
        return memory["slopes"].copy()
