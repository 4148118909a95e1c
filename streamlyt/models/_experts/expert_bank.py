"""Several least squares that share what they see of a row, learnt in one compiled loop."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.models._kernels.expert_bank import advise_rows, follow_bank

from .square_root_rls import SquareRootRLS

__all__ = ["ExpertBank"]


class ExpertBank:
    """Experts, each of which is a :class:`Root` over one of several designs.

    Parameters
    ----------
    experts
        The least squares, and the number of the design that each one sees.

    Notes
    -----
    The memory is a root an expert, one behind the other in ``roots``; their weights, one behind the
    other in each of the k rows of ``weights``; ``anchors``, to which these are pulled, as they do;
    ``noise`` and ``counts`` have a row an expert.
    """

    def __init__(self, experts: Sequence[tuple[SquareRootRLS, int]]) -> None:
        self.size = len(experts)
        self._which = np.array([design for _, design in experts])
        self._laws = np.array([tuple(root) for root, _ in experts], dtype=np.float64)

    def start(self, starts: Array, k: int = 1) -> dict[str, Array]:
        """Return the memory before the first row, for k targets.

        ``starts``: the first column of each design, and one more behind the last.
        """
        widths = np.diff(starts)[self._which]
        roots = []
        for m, ridge in zip(widths, self._laws[:, 1], strict=True):
            root = np.zeros(m * (m + 1) // 2)
            root[np.cumsum(np.arange(1, m + 1)) - 1] = 1.0 / math.sqrt(ridge)
            roots.append(root)
        return {
            "roots": np.concatenate(roots),
            "weights": np.zeros((k, widths.sum())),
            "anchors": np.zeros((k, widths.sum())),
            "noise": np.zeros((self.size, 3)),
            "counts": np.zeros((self.size, 1), dtype=np.int64),
        }

    def predict(self, memory: Mapping[str, Array], seen: Floats, starts: Array) -> Floats:
        """Return what each expert says, shape (n, experts, k)."""
        weights = memory["weights"]
        out = np.empty((len(seen), self.size, len(weights)))
        advise_rows(seen, starts, self._which, weights, out)
        return out

    def follow(
        self, memory: Mapping[str, Array], seen: Floats, starts: Array, targets: Floats
    ) -> Floats:
        """Predict and learn row after row, targets (n, experts, k); return the predictions."""
        out = np.empty(targets.shape)
        follow_bank(
            seen,
            starts,
            self._which,
            self._laws,
            targets,
            memory["roots"],
            memory["weights"],
            memory["anchors"],
            memory["noise"],
            memory["counts"],
            out,
        )
        return out
