"""Recursive least squares over given features: the memory of one, and what is done with it."""

import math
from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack

from streamlyt.core import Array, Floats
from streamlyt.models._kernels.square_root_rls import (
    follow_rows,
    pack,
    products,
    pulls_of,
    spread_rows,
    turns_at,
    unpack,
)

__all__ = ["PARTS", "Memory", "SquareRootRLS"]

Memory = dict[str, Array]
PARTS = ("root", "weights", "anchors", "noise", "counts")  # of a memory

_FEW = 24  # rows: below, one after the other costs less than two inversions
_MOST = 1024  # rows that are taken in at once
_BLOCK = 16  # of LAPACK's; larger ones were slower for 256 rows of 512 features


class SquareRootRLS(NamedTuple):
    """Least squares with forgetting and a ridge that stays.

    With forgetting, coordinates in turn see a pseudo-observation, one a row, or so many that each
    has its turn within four memories; so the ridge is renewed as fast as it is forgotten. It says
    what the weight was when the turn began, its anchor, and not zero: where there are more weights
    than rows in the memory, what the rows do not tell is held and not lost. The weights minimise

    sum of forget^(age) (w f - y)^2 + ridge |w - anchor|^2 (its renewals weighted by age, too),

    where the first anchor, that of the beginning, is zero.

    Parameters
    ----------
    forget
        Weight of a row against the one after it, in (0, 1].
    ridge
        Weight of the squared weights.
    robust
        Errors beyond so many robust standard deviations count linearly (Huber); 0 for never.
    """

    forget: float
    ridge: float
    robust: float = 0.0

    def start(self, m: int, k: int = 1) -> dict[str, Array]:
        """Return the memory before the first row, for m features and k targets.

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

    def predict(self, memory: Memory, features: Floats) -> Floats:
        """Return the predictions, shape (n, k)."""
        out = np.empty((len(features), len(memory["weights"])))
        products(features, memory["weights"], out)
        return out

    def spread(self, memory: Memory, features: Floats) -> Floats:
        """Return f P f for each row, shape (n,)."""
        out = np.empty(len(features))
        root = memory["root"]
        if memory["counts"][1]:
            root = np.empty(root.size)
            pack(_inverted(memory), root)
        spread_rows(root, features, out)
        return out

    def variance(self, memory: Memory) -> float:
        """Return the variance of the noise: what is minimised, by the weight of the rows."""
        total, weight = memory["noise"][1:]
        return float(total / weight) if weight else math.inf

    def follow(self, memory: Memory, features: Floats, targets: Floats) -> Floats:
        """Predict and learn row after row; return the predictions, shape (n, k)."""
        out = np.empty(targets.shape)
        if len(features):
            if memory["counts"][1]:
                pack(_inverted(memory), memory["root"])
                memory["counts"][1] = 0
            follow_rows(
                features,
                targets,
                memory["root"],
                memory["weights"],
                memory["anchors"],
                memory["noise"],
                memory["counts"],
                self.forget,
                self.ridge,
                self.robust,
                out,
            )
        return out

    def learn(self, memory: Memory, features: Floats, targets: Floats) -> None:
        """Learn rows, many at once where that gives the same weights."""
        m = features.shape[1]
        pulls = pulls_of(self.forget, m)
        turn = m // pulls if pulls else _MOST
        if self.robust or min(len(features), turn) < _FEW:
            self.follow(memory, features, targets)
            return
        start, count = 0, int(memory["counts"][0])
        while start < len(features):
            # A block ends where a turn of pulls begins anew, as that asks for the weights.
            stop = start + 1
            while stop < min(len(features), start + _MOST) and not turns_at(count + stop, pulls, m):
                stop += 1
            self._learn_block(memory, features[start:stop], targets[start:stop])
            start = stop

    def _learn_block(self, memory: Memory, features: Floats, targets: Floats) -> None:
        """Take rows in by one QR decomposition of [sqrt(forget^n) R, R w; rows, targets]."""
        (n, m), k = features.shape, targets.shape[1]
        count, inverted = (int(each) for each in memory["counts"])
        ages = np.sqrt(self.forget ** np.arange(n - 1.0, -1.0, -1.0))
        upper = np.zeros((m + k, m + k), order="F")
        if inverted:
            unpack(memory["root"], upper)
        else:
            upper[:m, :m] = _inverted(memory)
        if self.forget < 1.0:
            upper *= math.sqrt(self.forget**n)
        upper[:m, m:] = upper[:m, :m] @ memory["weights"].T
        pulls = pulls_of(self.forget, m)
        if turns_at(count, pulls, m):
            memory["anchors"][:] = memory["weights"]
        below = np.empty((n * (1 + pulls), m + k), order="F")
        below[:n, :m], below[:n, m:] = features, targets
        if pulls:
            below[:n] *= ages[:, None]
            below[n:] = 0.0
            pull = math.sqrt((1.0 - self.forget) * self.ridge * m / pulls)
            turns = np.arange(n * pulls)
            places, strengths = (count * pulls + turns) % m, pull * ages.repeat(pulls)
            below[n + turns, places] = strengths
            below[n:, m:] = strengths[:, None] * memory["anchors"][:, places].T
        block = min(_BLOCK, m + k)
        upper = lapack.dtpqrt(0, block, upper, below, overwrite_a=1, overwrite_b=1)[0]
        memory["weights"][:] = lapack.dtrtrs(upper[:m, :m], upper[:m, m:])[0].T
        pack(upper[:m, :m], memory["root"])
        residuals = np.square(np.triu(upper[m:, m:])).sum() / k
        memory["noise"][1] = self.forget**n * memory["noise"][1] + residuals
        memory["noise"][2] = self.forget**n * memory["noise"][2] + np.square(ages).sum()
        memory["counts"][:] = count + n, 1


def _inverted(memory: Memory) -> Floats:
    """Return the inverse of the triangle in a memory, shape (m, m); below it is zero."""
    m = memory["weights"].shape[1]
    upper = np.zeros((m, m), order="F")
    unpack(memory["root"], upper)
    inverse: Floats = lapack.dtrtri(upper, overwrite_c=1)[0]
    return inverse
