"""Textbook readouts that learn row by row, for comparison with the block readouts."""

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.reservoirs._kernels.readout import nlms_rows, rls_rows

from .base import Readout

__all__ = ["NLMS", "RLS"]

_RATE = 0.5  # learning rate: fraction of the error of a row that a step removes


class RLS(Readout):
    """Recursive least squares; its state is the inverse of the Gram matrix.

    A row costs 3 F^2, several times as much as a Gram matrix, and the inverse loses digits with the
    condition number of the features. The ridge is relative to the energy of the first block.
    """

    def start(self, features: int, targets: int) -> dict[str, Array]:
        """Return an empty inverse; the first block determines its scale."""
        return {"inverse": np.zeros((features, features)), "slopes": np.zeros((targets, features))}

    def absorb(
        self, features: Floats, targets: Floats, rows: int, memory: dict[str, Array]
    ) -> None:
        """Learn the rows one by one."""
        inverse = memory["inverse"]
        if not inverse.any():
            energy = float(np.einsum("ij,ij", features, features))
            least = max(self.ridge, np.finfo(float).eps) * energy
            np.fill_diagonal(inverse, 1.0 / least if least > 0.0 else 1.0)
        keep = np.ones(len(features))
        keep[:: len(features) // rows] = self.keep  # time advances with the first lane
        rls_rows(np.ascontiguousarray(features), targets, keep, inverse, memory["slopes"])

    def solve(self, memory: dict[str, Array]) -> Floats:
        """Return the present weights."""
        return memory["slopes"].copy()


class NLMS(Readout):
    """Normalized least mean squares: F numbers per target, without second moments.

    It is cheap, but hardly learns directions of small variance, which matter for reservoirs. It has
    no ridge, and its rate of forgetting is implicit.
    """

    def start(self, features: int, targets: int) -> dict[str, Array]:
        """Return weights of zero."""
        return {"slopes": np.zeros((targets, features))}

    def absorb(
        self, features: Floats, targets: Floats, rows: int, memory: dict[str, Array]
    ) -> None:
        """Learn the rows one by one."""
        nlms_rows(np.ascontiguousarray(features), targets, _RATE, memory["slopes"])

    def solve(self, memory: dict[str, Array]) -> Floats:
        """Return the present weights."""
        return memory["slopes"].copy()
