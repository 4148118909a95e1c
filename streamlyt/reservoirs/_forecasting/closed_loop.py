"""The closed loop: reservoirs that are fed what their read-out predicts, many of them at once."""

import warnings
from dataclasses import dataclass

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError

from .robustness import extrapolation_weight
from .state_features import StateFeatures

__all__ = ["ForecastOrigins", "checked", "closed_loop", "moments_of", "warn_if_diverged"]

_ROOM = 1 << 15  # features of moments that run together: they stay in the second-level cache


@dataclass(frozen=True)
class ForecastOrigins:
    """Where closed loops begin: m moments of a series of d channels.

    Parameters
    ----------
    memory
        Of the quiet reservoirs: arrays of shape (m * lanes, ...).
    rows
        The last rows, shape (m, d), in units of the spread.
    features
        After them, shape (m * lanes, F).
    """

    memory: dict[str, Array]
    rows: Floats
    features: Floats

    def part(self, start: int, stop: int) -> "ForecastOrigins":
        """Return some of them, with memory of their own."""
        lanes = len(self.features) // len(self.rows)
        at = slice(start * lanes, stop * lanes)
        memory = {name: array[at].copy() for name, array in self.memory.items()}
        return ForecastOrigins(memory, self.rows[start:stop], self.features[at])


def checked(after: Floats, width: int, washout: int) -> Floats:
    """Return rows after which a loop can begin.

    Raises
    ------
    DataError
        If they are others, too few or not finite.
    """
    if after.ndim != 2 or after.shape[1] != width:
        raise DataError(f"after must have shape (n, {width}), got {after.shape!r}")
    if len(after) < washout or not np.isfinite(after).all():
        raise DataError(
            f"after must have at least {washout} rows (the washout), all finite, got {len(after)}"
        )
    return after


def moments_of(
    drive: StateFeatures, rows: Floats, ends: Array, memory: dict[str, Array] | None = None
) -> ForecastOrigins:
    """Drive reservoirs by rows (n, d); return the moments after ``ends`` rows each.

    They begin at rest, or with a memory, which is written to.
    """
    width = rows.shape[1]
    memory = drive.quiet(drive.start(width)) if memory is None else memory
    memories: list[dict[str, Array]] = []
    features = []
    at = 0
    for end in ends:
        features.append(drive.run(rows[at:end], memory, width)[-1])
        memories.append({name: array.copy() for name, array in memory.items()})
        at = int(end)
    together = {name: np.concatenate([each[name] for each in memories]) for name in memory}
    return ForecastOrigins(together, rows[np.asarray(ends) - 1], np.concatenate(features))


def closed_loop(
    drive: StateFeatures,
    start: ForecastOrigins,
    weights: Floats,
    horizon: int,
    increments: bool,
    far: float,
    kick: Floats | None = None,
    known: tuple[Floats, Floats] | None = None,
) -> Floats:
    """Return what follows each moment, shape (horizon, m, d), in units of the spread.

    ``kick`` (m, d) is added to the first row; ``known``, lowest and highest rows of shape (m, d) or
    less, says how far to :func:`trust`. A loop that leaves the series, with a value beyond ``far``,
    is NaN from there on. Nothing that was given is written to.
    """
    m, width = start.rows.shape
    out = np.empty((horizon, m, width))
    tile = max(16, _ROOM * m // start.features.size)
    if known is not None:
        known = np.broadcast_to(known[0], (m, width)), np.broadcast_to(known[1], (m, width))
    for first in range(0, m, tile):
        part = start.part(first, min(m, first + tile))
        row, features = part.rows, part.features
        alive = np.ones(len(row), bool)
        for step in range(horizon):
            ahead = drive.read(features, weights).reshape(row.shape)
            if known is not None:
                low, high = known
                ahead *= extrapolation_weight(
                    row, low[first : first + tile], high[first : first + tile]
                )
            row = row + ahead if increments else ahead
            if step == 0 and kick is not None:
                row = row + kick[first : first + tile]
            alive &= (np.abs(row) < far).all(axis=1)  # a NaN is not below
            out[step, first : first + tile] = np.where(alive[:, None], row, np.nan)
            if not alive.any():
                out[step:, first : first + tile] = np.nan
                break
            row = np.where(alive[:, None], row, 0.0)  # lanes run on together
            features = drive.run(row.reshape(1, -1), part.memory, width)[0]
    return out


def warn_if_diverged(rows: Floats) -> None:
    """Warn whoever asked for a forecast, two calls up, where its loop (horizon, 1, d) ended."""
    left = np.flatnonzero(np.isnan(rows[:, 0, 0]))
    if left.size:
        warnings.warn(
            f"the closed loop left the series after {left[0]} rows; more rows, noise on the "
            "inputs or a larger ridge make it steadier",
            RuntimeWarning,
            stacklevel=4,
        )
