"""Least-squares experts over shared basis expansions, in one compiled loop."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.models._kernels.expert_bank import predict_and_learn_experts, predict_experts

from .square_root_rls import SquareRootRLS

__all__ = ["ExpertBank"]


class ExpertBank:
    """Experts: each one is a :class:`SquareRootRLS` over one of several basis expansions.

    Parameters
    ----------
    experts
        The least squares, and the index of the basis expansion of each.

    Notes
    -----
    State: the triangular roots of all experts, concatenated in ``roots``; their weights,
    concatenated in each of the k rows of ``weights``; ``anchors``, to which these are pulled, in
    the same layout; ``noise`` and ``counts``, with one row per expert.
    """

    def __init__(self, experts: Sequence[tuple[SquareRootRLS, int]]) -> None:
        self.size = len(experts)
        self._basis = np.array([basis for _, basis in experts])
        self._settings = np.array([tuple(root) for root, _ in experts], dtype=np.float64)

    def start(self, starts: Array, k: int = 1) -> dict[str, Array]:
        """Return the initial state for k targets.

        ``starts``: the first column of each basis expansion, then the end of the last.
        """
        widths = np.diff(starts)[self._basis]
        roots = []
        for m, ridge in zip(widths, self._settings[:, 1], strict=True):
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

    def predict(self, state: Mapping[str, Array], features: Floats, starts: Array) -> Floats:
        """Return the predictions of the experts, shape (n, experts, k)."""
        weights = state["weights"]
        out = np.empty((len(features), self.size, len(weights)))
        predict_experts(features, starts, self._basis, weights, out)
        return out

    def follow(
        self, state: Mapping[str, Array], features: Floats, starts: Array, targets: Floats
    ) -> Floats:
        """Predict and learn row after row, targets (n, experts, k); return the predictions."""
        out = np.empty(targets.shape)
        predict_and_learn_experts(
            features,
            starts,
            self._basis,
            self._settings,
            targets,
            state["roots"],
            state["weights"],
            state["anchors"],
            state["noise"],
            state["counts"],
            out,
        )
        return out
