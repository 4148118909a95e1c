"""Recursive least squares in square-root form: parameters, and functions of its state."""

import math
from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack

from streamlyt.core import Array, Floats
from streamlyt.models._kernels.square_root_rls import (
    cycle_starts,
    pack,
    predict_and_learn_rows,
    products,
    pulls_per_row,
    spread_rows,
    unpack,
)

__all__ = ["PARTS", "RLSState", "SquareRootRLS"]

RLSState = dict[str, Array]
PARTS = ("root", "weights", "anchors", "noise", "counts")  # entries of a state

_MIN_BLOCK = 24  # rows; smaller blocks cost more than row by row, as they need two inversions
_MAX_BLOCK = 1024  # rows
_BLOCK = 16  # block size of LAPACK; larger ones were slower for 256 rows of 512 features


class SquareRootRLS(NamedTuple):
    """Least squares with forgetting and a constant ridge.

    With forgetting, the coordinates get pseudo-observations in turn: one per row, or as many as are
    needed for one cycle within four memories. So the ridge is renewed as fast as it is forgotten.
    The pseudo-observation is the weight at the start of the cycle, its anchor, and not zero:
    weights that the rows in the memory do not determine keep their values. The weights minimize

    sum of forget^(age) (w f - y)^2 + ridge |w - anchor|^2 (its renewals weighted by age, too),

    where the initial anchor is zero.

    Parameters
    ----------
    forgetting_factor
        Weight of a row relative to the next one, in (0, 1].
    ridge
        Weight of the squared weights.
    huber_k
        Errors beyond this number of robust standard deviations count linearly (Huber); 0: none.
    """

    forgetting_factor: float
    ridge: float
    huber_k: float = 0.0

    def start(self, m: int, k: int = 1) -> dict[str, Array]:
        """Return the initial state for m features and k targets.

        ``root`` holds the columns of the upper triangle S of P = S S^T; or, while the second of
        ``counts`` is 1, of R with R^T R the inverse of P, as blocks of rows leave it.
        """
        root = np.zeros(m * (m + 1) // 2)
        root[np.cumsum(np.arange(1, m + 1)) - 1] = 1.0 / math.sqrt(self.ridge)
        return {
            "root": root,
            "weights": np.zeros((k, m)),
            "anchors": np.zeros((k, m)),
            "noise": np.zeros(3),
            "counts": np.zeros(2, dtype=np.int64),
        }

    def predict(self, state: RLSState, features: Floats) -> Floats:
        """Return the predictions, shape (n, k)."""
        out = np.empty((len(features), len(state["weights"])))
        products(features, state["weights"], out)
        return out

    def spread(self, state: RLSState, features: Floats) -> Floats:
        """Return f P f for each row, shape (n,)."""
        out = np.empty(len(features))
        root = state["root"]
        if state["counts"][1]:
            root = np.empty(root.size)
            pack(_inverse_root(state), root)
        spread_rows(root, features, out)
        return out

    def variance(self, state: RLSState) -> float:
        """Return the noise variance: the minimized objective over the weight of the rows."""
        total, weight = state["noise"][1:]
        return float(total / weight) if weight else math.inf

    def follow(self, state: RLSState, features: Floats, targets: Floats) -> Floats:
        """Predict and learn row after row; return the predictions, shape (n, k)."""
        out = np.empty(targets.shape)
        if len(features):
            if state["counts"][1]:
                pack(_inverse_root(state), state["root"])
                state["counts"][1] = 0
            predict_and_learn_rows(
                features,
                targets,
                state["root"],
                state["weights"],
                state["anchors"],
                state["noise"],
                state["counts"],
                self.forgetting_factor,
                self.ridge,
                self.huber_k,
                out,
            )
        return out

    def learn(self, state: RLSState, features: Floats, targets: Floats) -> None:
        """Learn rows, in blocks where that gives the same weights."""
        m = features.shape[1]
        pulls = pulls_per_row(self.forgetting_factor, m)
        turn = m // pulls if pulls else _MAX_BLOCK
        if self.huber_k or min(len(features), turn) < _MIN_BLOCK:
            self.follow(state, features, targets)
            return
        start, count = 0, int(state["counts"][0])
        while start < len(features):
            # A block ends where a cycle of pulls starts, as that needs the weights.
            stop = start + 1
            while stop < min(len(features), start + _MAX_BLOCK) and not cycle_starts(
                count + stop, pulls, m
            ):
                stop += 1
            self._learn_block(state, features[start:stop], targets[start:stop])
            start = stop

    def _learn_block(self, state: RLSState, features: Floats, targets: Floats) -> None:
        """Add rows by one QR decomposition of [sqrt(forget^n) R, R w; rows, targets]."""
        (n, m), k = features.shape, targets.shape[1]
        count, inverted = (int(value) for value in state["counts"])
        ages = np.sqrt(self.forgetting_factor ** np.arange(n - 1.0, -1.0, -1.0))
        upper = np.zeros((m + k, m + k), order="F")
        if inverted:
            unpack(state["root"], upper)
        else:
            upper[:m, :m] = _inverse_root(state)
        if self.forgetting_factor < 1.0:
            upper *= math.sqrt(self.forgetting_factor**n)
        upper[:m, m:] = upper[:m, :m] @ state["weights"].T
        pulls = pulls_per_row(self.forgetting_factor, m)
        if cycle_starts(count, pulls, m):
            state["anchors"][:] = state["weights"]
        below = np.empty((n * (1 + pulls), m + k), order="F")
        below[:n, :m], below[:n, m:] = features, targets
        if pulls:
            below[:n] *= ages[:, None]
            below[n:] = 0.0
            pull = math.sqrt((1.0 - self.forgetting_factor) * self.ridge * m / pulls)
            turns = np.arange(n * pulls)
            columns, strengths = (count * pulls + turns) % m, pull * ages.repeat(pulls)
            below[n + turns, columns] = strengths
            below[n:, m:] = strengths[:, None] * state["anchors"][:, columns].T
        block = min(_BLOCK, m + k)
        upper = lapack.dtpqrt(0, block, upper, below, overwrite_a=1, overwrite_b=1)[0]
        state["weights"][:] = lapack.dtrtrs(upper[:m, :m], upper[:m, m:])[0].T
        pack(upper[:m, :m], state["root"])
        residuals = np.square(np.triu(upper[m:, m:])).sum() / k
        state["noise"][1] = self.forgetting_factor**n * state["noise"][1] + residuals
        state["noise"][2] = self.forgetting_factor**n * state["noise"][2] + np.square(ages).sum()
        state["counts"][:] = count + n, 1


def _inverse_root(state: RLSState) -> Floats:
    """Return the inverse of the triangular root, shape (m, m); below it is zero."""
    m = state["weights"].shape[1]
    upper = np.zeros((m, m), order="F")
    unpack(state["root"], upper)
    inverse: Floats = lapack.dtrtri(upper, overwrite_c=1)[0]
    return inverse
