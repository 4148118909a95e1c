"""The Lorenz-96 system: a ring of sites."""

import math

import numpy as np

from streamlyt.core import Array, Floats, Schema
from streamlyt.core.errors import ParameterError

from ._base import DynamicalSystem
from ._kernels.integrators import lorenz96_steps

__all__ = ["Lorenz96"]


class Lorenz96(DynamicalSystem):
    r"""The Lorenz-96 ring: x_i' = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + forcing.

    Integrated as :class:`Lorenz`. Largest Lyapunov exponent of 40 sites at forcing 8: 1.68 per
    unit of time.

    Parameters
    ----------
    n_rows
        Number of rows; None: endless.
    sites
        Length of the ring, at least 4.
    forcing
        Parameter of the system; chaotic above about 4.
    dt
        Time step between rows.
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
    >>> Lorenz96(sites=8).sample(3).shape
    (3, 8)
    """

    def __init__(
        self,
        n_rows: int | None = None,
        *,
        sites: int = 40,
        forcing: float = 8.0,
        dt: float = 0.05,
        seed: int = 0,
        transient: float = 30.0,
    ) -> None:
        self.sites = sites
        self.forcing = forcing
        self.dt = dt
        self.seed = seed
        self.transient = transient
        self._check(n_rows)
        if sites < 4:
            raise ParameterError(f"sites must be at least 4, got {sites!r}")
        if (sites, forcing) == (40, 8.0):
            self.lyapunov_exponent = 1.68

    @property
    def schema(self) -> Schema:
        """One channel per site."""
        return Schema.of(*(f"x{i}" for i in range(self.sites)))

    def _start(self, rng: np.random.Generator) -> Array:
        return self.forcing + rng.normal(size=self.sites)

    def _advance(self, state: Array, n: int, refine: int = 1) -> tuple[Floats, Array]:
        substeps = refine * math.ceil(self.dt / 0.01)
        state, out = state.copy(), np.empty((n, self.sites))
        lorenz96_steps(state, self.forcing, self.dt / substeps, substeps, out)
        return out, state
