"""Streams with a mechanism: angles that jump, chaotic systems, seasons, drifts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.detection._recordings import SCALE
from streamlyt.core import Floats

__all__ = ["SYSTEMS", "System"]

Rng = np.random.Generator

ANGLES = 6
JITTER, MEMORY = 15.0, 0.9  # degrees within a well, and how much of it a row keeps
STEP, BEAT = 0.01, 5  # of the Lorenz system: time of a step, steps a row
RUN_IN = 1000  # rows dropped, until a system is on its attractor


@dataclass(frozen=True)
class System:
    """A stream with a change that can be left out.

    Parameters
    ----------
    rows
        From a random generator, a number of rows and the row of the change (n: none), (n, d).
    back
        Rows after which the change is undone; 0: never.
    scale
        Of the detector: that of dihedrals, or None, learned.
    """

    rows: Callable[[Rng, int, int], Floats]
    back: int = 0
    scale: float | None = None


def _angles(
    rng: Rng,
    n: int,
    at: int,
    residence: float,
    slow: float = 130.0,
    share: float = 0.5,
    back: int = 0,
) -> Floats:
    """Return cosines and sines of angles in wells; the first flips all the time.

    From row ``at`` on the second angle is ``slow`` degrees elsewhere, and the first spends
    ``share`` of its time in its second well.
    """
    degrees = np.tile(rng.uniform(-180, 180, ANGLES), (n, 1))
    well = 0
    leave = rng.random(n)
    for i in range(n):
        second = share if i >= at else 0.5
        # the stay in each well, so that a whole tour takes two residences in any case
        stay = 2 * residence * (second if well else 1 - second)
        if leave[i] < 1 / stay:
            well = 1 - well
        degrees[i, 0] += 150.0 * well
    moved = slice(at, at + back if back else n)
    degrees[moved, 1] += slow
    jitter = rng.normal(size=(n, ANGLES)) * JITTER
    jitter[1:] *= (1 - MEMORY**2) ** 0.5
    for i in range(1, n):
        jitter[i] += MEMORY * jitter[i - 1]
    radians = np.radians(degrees + jitter)
    columns: Floats = np.hstack([np.cos(radians), np.sin(radians)]) / ANGLES**0.5
    return columns


def _jumps(residence: float, slow: float = 130.0, share: float = 0.5, back: int = 0) -> System:
    def rows(rng: Rng, n: int, at: int) -> Floats:
        return _angles(rng, n, at, residence, slow, share, back)

    return System(rows, back, SCALE)


def _logistic(rng: Rng, n: int, at: int) -> Floats:
    rows, x = np.empty((n + RUN_IN, 1)), rng.uniform(0.2, 0.8)
    for i in range(n + RUN_IN):
        rows[i] = x
        x *= (3.9 if i < at + RUN_IN else 3.8) * (1 - x)
    return rows[RUN_IN:]


def _henon(rng: Rng, n: int, at: int) -> Floats:
    rows, (x, y) = np.empty((n + RUN_IN, 2)), rng.uniform(-0.1, 0.1, 2)
    for i in range(n + RUN_IN):
        rows[i] = x, y
        x, y = 1 - (1.4 if i < at + RUN_IN else 1.3) * x * x + y, 0.3 * x
    return rows[RUN_IN:]


def _lorenz(rng: Rng, n: int, at: int) -> Floats:
    rows, state = np.empty((n + RUN_IN, 3)), rng.normal(size=3)

    x, y, z = (float(part) for part in state)
    for i in range(n + RUN_IN):
        rows[i] = x, y, z
        heat = 28.0 if i < at + RUN_IN else 35.0
        for _ in range(BEAT):
            u, v, w = _flow(x, y, z, heat)
            half = 0.5 * STEP
            u, v, w = _flow(x + half * u, y + half * v, z + half * w, heat)
            x, y, z = x + STEP * u, y + STEP * v, z + STEP * w
    return rows[RUN_IN:]


def _flow(x: float, y: float, z: float, heat: float) -> tuple[float, float, float]:
    return 10 * (y - x), x * (heat - z) - y, x * y - 8 / 3 * z


def _season(period: float) -> System:
    def rows(rng: Rng, n: int, at: int) -> Floats:
        phase = 2 * np.pi * (np.arange(n) / period)[:, None] + rng.uniform(0, 2 * np.pi, 3)
        wave = np.sin(phase) + 0.3 * rng.normal(size=(n, 3))
        wave[at:] += 1.0
        return wave

    return System(rows)


def _drift(rng: Rng, n: int, at: int) -> Floats:
    """Return noise whose mean leaves at ``at`` and is 3 sd away 5,000 rows later."""
    away = np.clip((np.arange(n) - at) / 5000, 0, 1) * 3.0
    return np.asarray(rng.normal(size=(n, 3)) + away[:, None])


SYSTEMS = {
    "angles, flips every 20 rows: another flips once": _jumps(20),
    "angles, flips every 200 rows: another flips once": _jumps(200),
    "angles, flips every 20 rows: 30 degrees": _jumps(20, slow=30),
    "angles, flips every 20 rows: there and back in 1,000": _jumps(20, back=1000),
    "angles, flips every 20 rows: there and back in 300": _jumps(20, back=300),
    "angles, flips every 20 rows: shares 1/2 to 4/5": _jumps(20, slow=0, share=0.8),
    "logistic map, r 3.9 to 3.8": System(_logistic),
    "Henon map, a 1.4 to 1.3": System(_henon),
    "Lorenz, rho 28 to 35": System(_lorenz),
    "season of 50 rows: +1 amplitude": _season(50),
    "season of 2,000 rows: +1 amplitude": _season(2000),
    "drift of 3 sd in 5,000 rows": System(_drift),
}
