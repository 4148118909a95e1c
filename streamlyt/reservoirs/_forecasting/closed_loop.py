"""Closed loop: reservoirs driven by their own predictions, from many origins at once."""

import warnings
from dataclasses import dataclass

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError

from .robustness import extrapolation_weight
from .state_features import StateFeatures

__all__ = ["ForecastOrigins", "checked", "closed_loop", "forecast_origins", "warn_if_diverged"]

_TILE_FEATURES = 1 << 15  # features of origins that run together; fits the L2 cache


@dataclass(frozen=True)
class ForecastOrigins:
    """Origins of closed loops: m positions in a series of d channels.

    Parameters
    ----------
    memory
        State of the noise-free reservoirs: arrays of shape (m * lanes, ...).
    rows
        The last rows, shape (m, d), standardized.
    features
        Features after them, shape (m * lanes, F).
    """

    memory: dict[str, Array]
    rows: Floats
    features: Floats

    def part(self, start: int, stop: int) -> "ForecastOrigins":
        """Return a part of the origins, with copied states."""
        lanes = len(self.features) // len(self.rows)
        at = slice(start * lanes, stop * lanes)
        memory = {name: array[at].copy() for name, array in self.memory.items()}
        return ForecastOrigins(memory, self.rows[start:stop], self.features[at])


def checked(after: Floats, width: int, washout: int) -> Floats:
    """Return rows that can end at a forecast origin.

    Raises
    ------
    DataError
        If they have the wrong shape, are too few or not finite.
    """
    if after.ndim != 2 or after.shape[1] != width:
        raise DataError(f"context must have shape (n, {width}), got {after.shape!r}")
    if len(after) < washout or not np.isfinite(after).all():
        raise DataError(
            f"context must have at least {washout} finite rows (the washout), got {len(after)}"
        )
    return after


def forecast_origins(
    drive: StateFeatures, rows: Floats, ends: Array, memory: dict[str, Array] | None = None
) -> ForecastOrigins:
    """Drive reservoirs by rows (n, d); return the origins after ``ends`` rows each.

    They start at rest, or from ``memory``, which is updated in place.
    """
    width = rows.shape[1]
    memory = drive.clean_state(drive.start(width)) if memory is None else memory
    memories: list[dict[str, Array]] = []
    features = []
    at = 0
    for end in ends:
        features.append(drive.run(rows[at:end], memory, width)[-1])
        memories.append({name: array.copy() for name, array in memory.items()})
        at = int(end)
    together = {name: np.concatenate([state[name] for state in memories]) for name in memory}
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
    """Return the forecast from each origin, shape (horizon, m, d), standardized.

    ``kick`` (m, d) is added to the first row. ``known``, minimum and maximum of known rows,
    broadcast to (m, d), limits the :func:`extrapolation_weight`. A loop that diverges, with a value
    beyond ``far``, is NaN from there on. The arguments are not changed.
    """
    m, width = start.rows.shape
    out = np.empty((horizon, m, width))
    tile = max(16, _TILE_FEATURES * m // start.features.size)
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
            alive &= (np.abs(row) < far).all(axis=1)  # false for NaN
            out[step, first : first + tile] = np.where(alive[:, None], row, np.nan)
            if not alive.any():
                out[step:, first : first + tile] = np.nan
                break
            row = np.where(alive[:, None], row, 0.0)  # the lanes step together
            features = drive.run(row.reshape(1, -1), part.memory, width)[0]
    return out


def warn_if_diverged(rows: Floats) -> None:
    """Warn the caller, two levels up, if the loop (horizon, 1, d) diverged."""
    left = np.flatnonzero(np.isnan(rows[:, 0, 0]))
    if left.size:
        warnings.warn(
            f"closed loop diverged after {left[0]} steps; learn more rows, or increase the input "
            "noise or the ridge",
            RuntimeWarning,
            stacklevel=4,
        )
