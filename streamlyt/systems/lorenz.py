"""The Lorenz system: three variables, the butterfly."""

import math

import numpy as np

from streamlyt.core import Array, Floats, Schema

from ._base import DynamicalSystem
from ._kernels.integrators import lorenz_steps

__all__ = ["Lorenz"]


class Lorenz(DynamicalSystem):
    r"""The Lorenz system: x' = sigma (y - x), y' = x (rho - z) - y, z' = x y - beta z.

    Integrated by Taylor series of order 24 in steps of at most 0.01: the local error is that of
    rounding. Largest Lyapunov exponent at the default parameters: 0.906 per unit of time.

    Parameters
    ----------
    n_rows
        Number of rows; None: endless.
    dt
        Time step between rows.
    sigma, rho, beta
        Parameters of the system.
    seed
        Determines the initial state.
    transient
        Time skipped before the first row.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    Examples
    --------
    >>> Lorenz().sample(500).shape
    (500, 3)
    """

    def __init__(
        self,
        n_rows: int | None = None,
        *,
        dt: float = 0.02,
        sigma: float = 10.0,
        rho: float = 28.0,
        beta: float = 8.0 / 3.0,
        seed: int = 0,
        transient: float = 30.0,
    ) -> None:
        self.dt = dt
        self.sigma = sigma
        self.rho = rho
        self.beta = beta
        self.seed = seed
        self.transient = transient
        self._check(n_rows)
        if (sigma, rho, beta) == (10.0, 28.0, 8.0 / 3.0):
            self.lyapunov_exponent = 0.906

    @property
    def schema(self) -> Schema:
        """Channels x, y and z."""
        return Schema.of("x", "y", "z")

    def _start(self, rng: np.random.Generator) -> Array:
        return np.array([0.0, 0.0, self.rho - 1.0]) + 5.0 * rng.normal(size=3)

    def _advance(self, state: Array, n: int, refine: int = 1) -> tuple[Floats, Array]:
        substeps = refine * math.ceil(self.dt / 0.01)
        state, out = state.copy(), np.empty((n, 3))
        step = self.dt / substeps
        lorenz_steps(state, self.sigma, self.rho, self.beta, step, substeps, out)
        return out, state
