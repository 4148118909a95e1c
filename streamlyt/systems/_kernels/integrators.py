"""Compiled integrators of chaotic systems: Taylor series of a fixed order, by recursion.

Coefficients include the power of the step, c_k = h^k x^(k) / k!.
"""

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["ORDER", "delay_steps", "lorenz96_steps", "lorenz_steps", "rossler_steps"]

# At the steps of ``streamlyt.systems`` the last term is below the rounding of the first.
ORDER = 24


@jit()
def _product(a: Array, b: Array, k: int) -> float:
    # Coefficient k of a product of two series.
    total = 0.0
    for j in range(k + 1):
        total += a[j] * b[k - j]
    return total


@jit()
def _sum(a: Array) -> float:
    # The series at the end of the step, the smallest terms first.
    total = 0.0
    for j in range(a.size - 1, -1, -1):
        total += a[j]
    return total


@jit()
def lorenz_steps(
    state: Array, sigma: float, rho: float, beta: float, h: float, substeps: int, out: Array
) -> None:
    """Advance ``state`` (3,) by ``substeps`` steps of h for each row of ``out`` (n, 3)."""
    x, y, z = np.zeros((3, ORDER + 1))
    for row in range(out.shape[0]):
        for _ in range(substeps):
            x[0], y[0], z[0] = state[0], state[1], state[2]
            for k in range(ORDER):
                f = h / (k + 1)
                x[k + 1] = f * (sigma * (y[k] - x[k]))
                y[k + 1] = f * (rho * x[k] - _product(x, z, k) - y[k])
                z[k + 1] = f * (_product(x, y, k) - beta * z[k])
            state[0], state[1], state[2] = _sum(x), _sum(y), _sum(z)
        out[row] = state


@jit()
def rossler_steps(
    state: Array, a: float, b: float, c: float, h: float, substeps: int, out: Array
) -> None:
    """Advance ``state`` (3,) by ``substeps`` steps of h for each row of ``out`` (n, 3)."""
    x, y, z = np.zeros((3, ORDER + 1))
    for row in range(out.shape[0]):
        for _ in range(substeps):
            x[0], y[0], z[0] = state[0], state[1], state[2]
            for k in range(ORDER):
                f = h / (k + 1)
                x[k + 1] = f * (-y[k] - z[k])
                y[k + 1] = f * (x[k] + a * y[k])
                constant = b if k == 0 else 0.0
                z[k + 1] = f * (constant + _product(x, z, k) - c * z[k])
            state[0], state[1], state[2] = _sum(x), _sum(y), _sum(z)
        out[row] = state


@jit()
def lorenz96_steps(state: Array, forcing: float, h: float, substeps: int, out: Array) -> None:
    """Advance ``state`` (d,) by ``substeps`` steps of h for each row of ``out`` (n, d)."""
    d = state.size
    series = np.zeros((d, ORDER + 1))
    slope = np.zeros((d, ORDER + 1))  # x_{i+1} - x_{i-2}
    for row in range(out.shape[0]):
        for _ in range(substeps):
            series[:, 0] = state
            for k in range(ORDER):
                for i in range(d):
                    slope[i, k] = series[(i + 1) % d, k] - series[(i - 2) % d, k]
                constant = forcing if k == 0 else 0.0
                for i in range(d):
                    product = _product(slope[i], series[(i - 1) % d], k)
                    series[i, k + 1] = h / (k + 1) * (product - series[i, k] + constant)
            for i in range(d):
                state[i] = _sum(series[i])
        out[row] = state


@jit()
def delay_steps(
    history: Array, beta: float, gamma: float, power: int, h: float, steps: int
) -> None:
    """Advance the Mackey-Glass equation by the method of steps.

    Parameters
    ----------
    history
        Shape (lag + steps, ORDER + 1): one series for each step of h. The first ``lag`` are the
        past, the last of them the present step; the others are filled.
    beta, gamma, power
        Parameters of x'(t) = beta u / (1 + u^power) - gamma x(t), u = x(t - lag h).
    h, steps
        Length and number of the steps.
    """
    lag = history.shape[0] - steps
    denominator = np.zeros(ORDER + 1)  # 1 + u^power
    ratio = np.zeros(ORDER + 1)
    for step in range(lag, lag + steps):
        past, now = history[step - lag], history[step]
        now[0] = _sum(history[step - 1])
        denominator[0] = past[0] ** power
        for k in range(1, ORDER + 1):  # (u^n)' u = n u' u^n
            total = 0.0
            for j in range(1, k + 1):
                total += (power * j - (k - j)) * past[j] * denominator[k - j]
            denominator[k] = total / (k * past[0])
        denominator[0] += 1.0
        for k in range(ORDER + 1):
            total = past[k]
            for j in range(k):
                total -= ratio[j] * denominator[k - j]
            ratio[k] = total / denominator[0]
        for k in range(ORDER):
            now[k + 1] = h / (k + 1) * (beta * ratio[k] - gamma * now[k])
