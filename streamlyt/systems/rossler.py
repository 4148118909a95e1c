"""The Rossler system: three variables, one band."""

import math

import numpy as np

from streamlyt.core import Array, Floats, Schema

from ._base import DynamicalSystem
from ._kernels.integrators import rossler_steps

__all__ = ["Rossler"]


class Rossler(DynamicalSystem):
    r"""The Rossler system: x' = -y - z, y' = x + a y, z' = b + z (x - c).

    Integrated as :class:`Lorenz`. Largest Lyapunov exponent at the default parameters: 0.0714.

    Parameters
    ----------
    n_rows
        Number of rows; None: endless.
    dt
        Time step between rows.
    a, b, c
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
    >>> Rossler(dt=0.2).sample(3).shape
    (3, 3)
    """

    def __init__(
        self,
        n_rows: int | None = None,
        *,
        dt: float = 0.1,
        a: float = 0.2,
        b: float = 0.2,
        c: float = 5.7,
        seed: int = 0,
        transient: float = 200.0,
    ) -> None:
        self.dt = dt
        self.a = a
        self.b = b
        self.c = c
        self.seed = seed
        self.transient = transient
        self._check(n_rows)
        if (a, b, c) == (0.2, 0.2, 5.7):
            self.lyapunov_exponent = 0.0714

    @property
    def schema(self) -> Schema:
        """Channels x, y and z."""
        return Schema.of("x", "y", "z")

    def _start(self, rng: np.random.Generator) -> Array:
        return np.append(3.0 * rng.normal(size=2), 0.0)

    def _advance(self, state: Array, n: int, refine: int = 1) -> tuple[Floats, Array]:
        substeps = refine * math.ceil(self.dt / 0.02)
        state, out = state.copy(), np.empty((n, 3))
        rossler_steps(state, self.a, self.b, self.c, self.dt / substeps, substeps, out)
        return out, state
