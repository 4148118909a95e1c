"""Recursion of inner products of infinite-width reservoirs, and its closed loops."""

import math
from dataclasses import dataclass

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import ParameterError

from .kernel_functions import KERNELS

__all__ = ["KernelRecursion", "KernelState", "closed_loop"]

_MOST = 1e100  # bound of the squared norm of a state; its square is finite


@dataclass(frozen=True)
class KernelState:
    """States of m infinite-width reservoirs, as inner products.

    Parameters
    ----------
    rows
        Last row of each, shape (m, d).
    products
        Inner products with the states after each row of the support, shape (m, n).
    own
        Squared norms, shape (m,).
    """

    rows: Floats
    products: Floats
    own: Floats


class KernelRecursion:
    """Kernel of an infinite-width reservoir over the rows of a support, plus a linear kernel.

    Parameters
    ----------
    activation, spectral_radius, input_scale, bias_scale
        Parameters of the reservoir.
    linear
        Weight of the constant and linear terms.
    width
        Number of channels d.
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
        """Return the squared norms of preactivations and states after rows (n, d), from rest.

        Raises
        ------
        ParameterError
            If the states grow without bound.
        """
        given = self._feed * (rows**2).sum(axis=1) + self._bias
        sums, states = np.empty(len(rows)), np.empty(len(rows))
        state = np.zeros(1)
        for t, drive in enumerate(given):
            p = self._recurrent * state + drive
            state = self._kernel(p, p, p)
            sums[t], states[t] = p[0], state[0]
            if not states[t] < _MOST:
                radius = math.sqrt(self._recurrent)
                raise ParameterError(
                    f"spectral_radius must keep the states bounded, got {radius!r}, which diverges "
                    f"after {t + 1} rows; use a smaller one"
                )
        return sums, states

    def step(self, before: KernelState, rows: Floats, support: Floats, sums: Floats) -> KernelState:
        """Return the states after one more row (m, d) each."""
        p = self._feed * (rows @ support.T) + self._bias
        p[:, 1:] += self._recurrent * before.products[:, :-1]
        own = self._recurrent * before.own + self._feed * (rows**2).sum(axis=1) + self._bias
        products = self._kernel(p, np.broadcast_to(own[:, None], p.shape), sums[None, :])
        return KernelState(rows, products, self._kernel(own, own, own))

    def rest(self, m: int, support: Floats) -> KernelState:
        """Return m reservoirs at rest."""
        zeros = np.zeros((m, support.shape[1]))
        return KernelState(zeros, np.zeros((m, len(support))), np.zeros(m))

    def after(self, rows: Floats, ends: Array, support: Floats, sums: Floats) -> KernelState:
        """Drive one from rest by rows (n, d); return its states after ``ends`` rows each."""
        at = self.rest(1, support)
        states = {}
        stops = set(np.asarray(ends).tolist())
        for t in range(int(np.max(ends))):
            at = self.step(at, rows[t : t + 1], support, sums)
            if t + 1 in stops:
                states[t + 1] = at
        chosen = [states[int(end)] for end in ends]
        return KernelState(
            np.concatenate([state.rows for state in chosen]),
            np.concatenate([state.products for state in chosen]),
            np.concatenate([state.own for state in chosen]),
        )

    def features(self, at: KernelState, support: Floats) -> Floats:
        """Return the inputs of the readout, shape (m, n): kernel plus linear part."""
        linear = 1.0 + at.rows @ support.T
        return np.asarray(at.products + self._linear * linear)


def closed_loop(
    recursion: KernelRecursion,
    start: KernelState,
    weights: Floats,
    support: Floats,
    sums: Floats,
    horizon: int,
    far: float,
    kick: Floats | None = None,
) -> Floats:
    """Return the forecast from each of m states, shape (horizon, m, d).

    Parameters
    ----------
    recursion, support, sums
        The kernel, the rows (n, d) of the support, and their squared preactivation norms.
    start
        Forecast origins.
    weights
        Shape (d, n); the readout predicts increments.
    horizon
        Forecast horizon in rows.
    far
        A loop with a value beyond it is NaN from there on.
    kick
        Shape (m, d), added to the first row.
    """
    at = start
    out = np.full((horizon, *start.rows.shape), math.nan)
    alive = np.ones(len(start.rows), bool)
    for step in range(horizon):
        rows = at.rows + recursion.features(at, support) @ weights.T
        if step == 0 and kick is not None:
            rows = rows + kick
        alive &= (np.abs(rows) < far).all(axis=1)  # false for NaN
        if not alive.any():
            break
        out[step, alive] = rows[alive]
        at = recursion.step(at, np.where(alive[:, None], rows, 0.0), support, sums)
    return out
