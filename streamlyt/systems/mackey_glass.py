"""The Mackey-Glass equation: one variable with a delay."""

import math

import numpy as np

from streamlyt.core import Array, Floats, Schema
from streamlyt.core.errors import ParameterError

from ._base import DynamicalSystem
from ._kernels.integrators import ORDER, delay_steps

__all__ = ["MackeyGlass"]

_LONGEST_STEP = 0.25  # of time: the series then end below rounding


class MackeyGlass(DynamicalSystem):
    r"""The Mackey-Glass equation: x'(t) = beta u / (1 + u^power) - gamma x(t), u = x(t - tau).

    Integrated by the method of steps: tau is a whole number of steps of at most 0.25, the delayed
    value over a step is then one Taylor series of order 24 that was kept, and so is the solution.
    Largest exponent at the default parameters: 0.0052 per unit of time.

    Parameters
    ----------
    n_rows
        Rows of a reading; None for no end.
    tau
        Delay; chaotic from about 16.8 on.
    dt
        Time from row to row, at most tau.
    beta, gamma
        Rates of production and of decay.
    power
        Exponent of the feedback, a whole number.
    seed
        Decides where it starts: a constant past.
    transient
        Time that is left out before the first row.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    Examples
    --------
    >>> MackeyGlass().sample(500).shape
    (500, 1)
    """

    def __init__(
        self,
        n_rows: int | None = None,
        *,
        tau: float = 17.0,
        dt: float = 1.0,
        beta: float = 0.2,
        gamma: float = 0.1,
        power: int = 10,
        seed: int = 0,
        transient: float = 2000.0,
    ) -> None:
        self.tau = tau
        self.dt = dt
        self.beta = beta
        self.gamma = gamma
        self.power = power
        self.seed = seed
        self.transient = transient
        self._check(n_rows, "tau", "beta", "gamma")
        if dt > tau:
            raise ParameterError(f"dt must be at most tau ({tau!r}), got {dt!r}")
        if power != int(power) or power < 1:
            raise ParameterError(f"power must be a whole number of at least 1, got {power!r}")
        if (tau, beta, gamma, power) == (17.0, 0.2, 0.1, 10):
            self.lyapunov_exponent = 0.0052

    @property
    def schema(self) -> Schema:
        """One channel, x."""
        return Schema.of("x")

    def _start(self, rng: np.random.Generator) -> Array:
        # The series of the past tau, and before them where in the last step the next row lies.
        state = np.zeros((1 + math.ceil(self.tau / _LONGEST_STEP), ORDER + 1))
        state[1:, 0] = rng.uniform(0.9, 1.3)
        state[0, 0] = 1.0
        return state

    def _advance(self, state: Array, n: int, refine: int = 1) -> tuple[Floats, Array]:
        series = state[1:]
        if refine > 1:
            series = _finer(series, refine)
        lag = len(series)
        h = self.tau / lag
        # Places of the rows in steps after the end of the last one.
        places = refine * (state[0, 0] - 1.0) + self.dt / h * np.arange(1, n + 1)
        steps = math.ceil(places[-1])
        history = np.concatenate([series, np.zeros((steps, ORDER + 1))])
        delay_steps(history, self.beta, self.gamma, int(self.power), h, steps)
        whole = np.maximum(np.ceil(places).astype(int), 1 - lag)
        part = places - (whole - 1)
        rows = np.zeros(n)
        for k in range(ORDER, -1, -1):
            rows = rows * part + history[lag + whole - 1, k]
        end = np.zeros_like(state) if refine == 1 else np.zeros((1 + lag, ORDER + 1))
        end[1:] = history[steps:]
        end[0, 0] = part[-1] + whole[-1] - steps
        return rows[:, None], end


def _finer(series: Array, parts: int) -> Array:
    """Return each series as ``parts`` series over equal parts of its step."""
    binomials = np.array([[math.comb(k, j) for j in range(ORDER + 1)] for k in range(ORDER + 1)])
    powers = np.arange(ORDER + 1)
    fine = np.empty((len(series), parts, ORDER + 1))
    for part in range(parts):
        at = part / parts
        shift = binomials * at ** np.maximum(powers[:, None] - powers, 0)
        fine[:, part] = (series @ shift) / float(parts) ** powers
    return fine.reshape(-1, ORDER + 1)
