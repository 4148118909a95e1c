"""The Mackey-Glass equation: one variable with a delay."""

import math

import numpy as np

from streamlyt.core import Array, Floats, Schema
from streamlyt.core.errors import ParameterError

from ._base import DynamicalSystem
from ._kernels.integrators import ORDER, delay_steps

__all__ = ["MackeyGlass"]

_LONGEST_STEP = 0.25  # time units: the truncation error is then below rounding


class MackeyGlass(DynamicalSystem):
    r"""The Mackey-Glass equation: x'(t) = beta u / (1 + u^power) - gamma x(t), u = x(t - tau).

    Integrated by the method of steps: tau is a whole number of steps of at most 0.25, so the
    delayed value over a step is one stored Taylor series of order 24, and so is the solution.
    Largest Lyapunov exponent at the default parameters: 0.0052 per unit of time.

    Parameters
    ----------
    n_rows
        Number of rows; None: endless.
    tau
        Delay; chaotic above about 16.8.
    dt
        Time step between rows, at most tau.
    beta, gamma
        Rates of production and of decay.
    power
        Exponent of the feedback, a whole number.
    seed
        Determines the initial state: a constant past.
    transient
        Time skipped before the first row.

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
        # The series of the past tau, preceded by the position of the next row in the last step.
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
        # Positions of the rows, in steps after the end of the last one.
        positions = refine * (state[0, 0] - 1.0) + self.dt / h * np.arange(1, n + 1)
        steps = math.ceil(positions[-1])
        history = np.concatenate([series, np.zeros((steps, ORDER + 1))])
        delay_steps(history, self.beta, self.gamma, int(self.power), h, steps)
        index = np.maximum(np.ceil(positions).astype(int), 1 - lag)
        part = positions - (index - 1)
        rows = np.zeros(n)
        for k in range(ORDER, -1, -1):
            rows = rows * part + history[lag + index - 1, k]
        end = np.zeros_like(state) if refine == 1 else np.zeros((1 + lag, ORDER + 1))
        end[1:] = history[steps:]
        end[0, 0] = part[-1] + index[-1] - steps
        return rows[:, None], end


def _finer(series: Array, parts: int) -> Array:
    """Return each series as ``parts`` series over equal parts of its step."""
    binomials = np.array([[math.comb(k, j) for j in range(ORDER + 1)] for k in range(ORDER + 1)])
    powers = np.arange(ORDER + 1)
    fine = np.empty((len(series), parts, ORDER + 1))
    for part in range(parts):
        offset = part / parts
        shift = binomials * offset ** np.maximum(powers[:, None] - powers, 0)
        fine[:, part] = (series @ shift) / float(parts) ** powers
    return fine.reshape(-1, ORDER + 1)
