"""Base class of dynamical systems, largest Lyapunov exponent and reliable time."""

import math
from abc import abstractmethod
from collections.abc import Iterator
from itertools import count

import numpy as np

from streamlyt.core import Array, Batch, Floats, Position, Schema, Source
from streamlyt.core.errors import ParameterError

__all__ = ["DynamicalSystem", "largest_lyapunov_exponent", "reliable_time"]

_BATCH = 1024  # rows of a batch; a seek recomputes at most this many in vain


class DynamicalSystem(Source):
    """A chaotic system, sampled at equal time steps, as one endless series.

    A subclass defines the initial state (``_start``) and the time stepping (``_advance``).

    Attributes
    ----------
    dt
        Time step between rows, in the units of the system.
    lyapunov_exponent
        Largest Lyapunov exponent per unit of time if known for these parameters (measured, see each
        class), else None; :func:`largest_lyapunov_exponent` measures it.
    """

    dt: float
    seed: int
    transient: float
    lyapunov_exponent: float | None = None

    def _check(self, n_rows: int | None, *positive: str) -> None:
        self.n_rows = n_rows
        if n_rows is not None and n_rows < 0:
            raise ParameterError(f"n_rows must be at least 0 or None, got {n_rows!r}")
        for name in ("dt", *positive):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ParameterError(f"{name} must be a finite number above 0, got {value!r}")
        if not (math.isfinite(self.transient) and self.transient >= 0):
            raise ParameterError(
                f"transient must be a finite time of at least 0, got {self.transient!r}"
            )

    @property
    @abstractmethod
    def schema(self) -> Schema:
        """Schema of the rows."""

    @abstractmethod
    def _start(self, rng: np.random.Generator) -> Array:
        """Return a state, near the attractor."""

    @abstractmethod
    def _advance(self, state: Array, n: int, refine: int = 1) -> tuple[Floats, Array]:
        """Return n rows after a state, and the last state, with ``refine`` times smaller steps."""

    def _settled(self) -> Array:
        state = self._start(np.random.default_rng(self.seed))
        remaining = math.ceil(self.transient / self.dt)
        while remaining > 0:
            _, state = self._advance(state, min(remaining, _BATCH))
            remaining -= _BATCH
        return state

    def read(self, start: Position | None = None) -> Iterator[tuple[Batch, Position]]:
        """Yield batches; a position is ``{"row": next row}``, and rows before it are recomputed."""
        first = int(start["row"]) if start else 0
        state = self._settled()
        for row in count(0, _BATCH):
            n = _BATCH if self.n_rows is None else min(_BATCH, self.n_rows - row)
            if n <= 0:
                return
            values, state = self._advance(state, n)
            if row + n > first:
                times = np.arange(row, row + n)
                batch = Batch("", times, values, self.schema).slice(max(0, first - row), n)
                yield batch, {"row": row + n}

    def sample(self, n: int) -> Floats:
        """Return the first n rows, shape (n, d)."""
        state = self._settled()
        parts = []
        for row in range(0, n, _BATCH):
            values, state = self._advance(state, min(_BATCH, n - row))
            parts.append(values)
        return np.concatenate(parts) if parts else np.empty((0, self.schema.n_channels))


def largest_lyapunov_exponent(
    system: DynamicalSystem, duration: float, *, every: float = 1.0, size: float = 1e-7
) -> float:
    r"""Measure the largest Lyapunov exponent from two neighboring trajectories.

    Their distance is reset to ``size`` times the norm of the state at equal time intervals, and the
    logarithms of its growth are averaged (Benettin et al., 1980). The error falls with the square
    root of the duration.

    Parameters
    ----------
    system
        The system; its transient is skipped as in reading.
    duration
        Time over which the growth is averaged.
    every
        Time between resets of the distance.
    size
        Relative distance of the two trajectories.

    Returns
    -------
    float
        Exponent per unit of time.

    Examples
    --------
    >>> from streamlyt.systems import Lorenz
    >>> 0.8 < largest_lyapunov_exponent(Lorenz(), 200.0) < 1.0
    True
    """
    rng = np.random.default_rng(system.seed)
    state = system._settled()
    other = state + size * np.linalg.norm(state) * _direction(rng, state)
    rows = max(1, round(every / system.dt))
    rounds = max(2, math.ceil(duration / (rows * system.dt)))
    growth = 0.0
    for round_number in range(rounds):
        before = float(np.linalg.norm(other - state))
        _, state = system._advance(state, rows)
        _, other = system._advance(other, rows)
        distance = float(np.linalg.norm(other - state))
        if round_number >= rounds // 10:  # first align with the fastest growing direction
            growth += math.log(distance / before)
        other = state + (other - state) * (size * float(np.linalg.norm(state)) / distance)
    return growth / ((rounds - rounds // 10) * rows * system.dt)


def reliable_time(system: DynamicalSystem, duration: float, *, threshold: float = 0.4) -> float:
    """Return the time for which the rows follow the exact trajectory from any one of them.

    The system is integrated again with half the step. Both trajectories start at one state and
    differ by their integration errors alone, which grow like any perturbation. A forecast cannot
    be evaluated beyond this time.

    Parameters
    ----------
    system
        The system.
    duration
        Maximum time.
    threshold
        Root mean square of the difference, relative to that of the rows about their mean, at which
        the rows are no longer reliable.

    Returns
    -------
    float
        Time, in the units of the system; ``duration`` if the two never differ by the threshold.
    """
    state = system._settled()
    n = math.ceil(duration / system.dt)
    rows, _ = system._advance(state, n)
    finer, _ = system._advance(state, n, 2)
    error = np.sqrt(((rows - finer) ** 2).mean(axis=1) / rows.var(axis=0).mean())
    exceeded = np.flatnonzero(error > threshold)
    return float(exceeded[0] + 1) * system.dt if exceeded.size else float(duration)


def _direction(rng: np.random.Generator, state: Array) -> Array:
    direction = rng.normal(size=state.shape)
    unit: Array = direction / np.linalg.norm(direction)
    return unit
