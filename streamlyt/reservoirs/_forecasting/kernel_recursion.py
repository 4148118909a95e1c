"""Products of the states of infinitely large reservoirs, row by row, and closed loops by them."""

import math
from dataclasses import dataclass

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import ParameterError

from .kernel_functions import KERNELS

__all__ = ["KernelRecursion", "KernelState", "closed_loop"]

_MOST = 1e100  # of the length of a state: its square is still a number


@dataclass(frozen=True)
class KernelState:
    """Where m infinite reservoirs stand, as far as a read-out can see.

    Parameters
    ----------
    rows
        The last row of each, shape (m, d).
    products
        Of their states with those after each row of the support, shape (m, n).
    own
        Of each state with itself, shape (m,).
    """

    rows: Floats
    products: Floats
    own: Floats


class KernelRecursion:
    """The kernel of an infinite reservoir over the rows of a support, and a linear part.

    Parameters
    ----------
    activation, spectral_radius, input_scale, bias_scale
        Of the reservoir.
    linear
        Weight of a constant and of the rows themselves beside the states.
    width
        Channels d.
    """

    def __init__(
        self,
        activation: str,
        spectral_radius: float,
        input_scale: float,
        bias_scale: float,
        linear: float,
        width: int,
    ) -> None:
        self._kernel = KERNELS[activation]
        self._recurrent = spectral_radius**2
        self._feed = input_scale**2 / width
        self._bias = bias_scale**2
        self._linear = linear

    def lengths(self, rows: Floats) -> tuple[Floats, Floats]:
        """Return the squared lengths of the sums and of the states after rows (n, d), from rest.

        Raises
        ------
        ParameterError
            If the states grow beyond all numbers.
        """
        given = self._feed * (rows**2).sum(axis=1) + self._bias
        sums, states = np.empty(len(rows)), np.empty(len(rows))
        state = np.zeros(1)
        for t, each in enumerate(given):
            p = self._recurrent * state + each
            state = self._kernel(p, p, p)
            sums[t], states[t] = p[0], state[0]
            if not states[t] < _MOST:
                radius = math.sqrt(self._recurrent)
                raise ParameterError(
                    f"spectral_radius must be so small that the states stay bounded, got {radius!r}"
                    f", by which they grow without end in {t + 1} rows; take a smaller one"
                )
        return sums, states

    def step(self, before: KernelState, rows: Floats, support: Floats, sums: Floats) -> KernelState:
        """Return where reservoirs stand after one row (m, d) more each."""
        p = self._feed * (rows @ support.T) + self._bias
        p[:, 1:] += self._recurrent * before.products[:, :-1]
        own = self._recurrent * before.own + self._feed * (rows**2).sum(axis=1) + self._bias
        products = self._kernel(p, np.broadcast_to(own[:, None], p.shape), sums[None, :])
        return KernelState(rows, products, self._kernel(own, own, own))

    def rest(self, m: int, support: Floats) -> KernelState:
        """Return m reservoirs that nothing has driven yet."""
        zeros = np.zeros((m, support.shape[1]))
        return KernelState(zeros, np.zeros((m, len(support))), np.zeros(m))

    def after(self, rows: Floats, ends: Array, support: Floats, sums: Floats) -> KernelState:
        """Drive one from rest by rows (n, d); return where it stood after ``ends`` rows each."""
        at = self.rest(1, support)
        found = {}
        wanted = set(np.asarray(ends).tolist())
        for t in range(int(np.max(ends))):
            at = self.step(at, rows[t : t + 1], support, sums)
            if t + 1 in wanted:
                found[t + 1] = at
        each = [found[int(end)] for end in ends]
        return KernelState(
            np.concatenate([one.rows for one in each]),
            np.concatenate([one.products for one in each]),
            np.concatenate([one.own for one in each]),
        )

    def seen(self, at: KernelState, support: Floats) -> Floats:
        """Return what the read-out sees, shape (m, n): products of the states and linear part."""
        linear = 1.0 + at.rows @ support.T
        return np.asarray(at.products + self._linear * linear)


def closed_loop(
    law: KernelRecursion,
    start: KernelState,
    weights: Floats,
    support: Floats,
    sums: Floats,
    horizon: int,
    far: float,
    kick: Floats | None = None,
) -> Floats:
    """Return what follows each of m standings, shape (horizon, m, d).

    Parameters
    ----------
    law, support, sums
        The kernel, the rows (n, d) of the support, and the squared lengths of their sums.
    start
        Where the loops begin.
    weights
        Shape (d, n): they give the increments.
    horizon
        Rows to go ahead.
    far
        A loop with a value beyond it is NaN from there on.
    kick
        Shape (m, d), added to the first row.
    """
    at = start
    out = np.full((horizon, *start.rows.shape), math.nan)
    alive = np.ones(len(start.rows), bool)
    for step in range(horizon):
        rows = at.rows + law.seen(at, support) @ weights.T
        if step == 0 and kick is not None:
            rows = rows + kick
        alive &= (np.abs(rows) < far).all(axis=1)  # a NaN is not below
        if not alive.any():
            break
        out[step, alive] = rows[alive]
        at = law.step(at, np.where(alive[:, None], rows, 0.0), support, sums)
    return out
