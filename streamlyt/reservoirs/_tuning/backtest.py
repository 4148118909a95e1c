"""Backtest error of a forecaster, relative to persistence: the objective of the search."""

import numpy as np

from streamlyt.core import Floats
from streamlyt.core.errors import DataError
from streamlyt.reservoirs._forecasting.closed_loop import forecast_origins
from streamlyt.reservoirs._readouts.base import solve_gram
from streamlyt.reservoirs.reservoir_forecaster import ReservoirForecaster

__all__ = ["backtest_error", "checked", "fewest_rows"]

_ORIGINS = 32  # maximum number of forecast origins
_RIDGES = 10.0 ** np.arange(-16.0, 0.0)
# Clip of the errors, in units of the error of persistence, or of persistence at this origin if that
# is larger.
_WORST = 2.0


def fewest_rows(horizon: int) -> int:
    """Return the minimum number of rows for a search with this horizon."""
    return max(60, 6 * horizon)


def checked(rows: Floats, horizon: int) -> Floats:
    rows = np.asarray(rows, np.float64)
    fewest = fewest_rows(horizon)
    if rows.ndim != 2 or not rows.size:
        raise DataError(f"series must have shape (n, d), got {rows.shape!r}")
    if len(rows) < fewest:
        raise DataError(
            f"a search with horizon {horizon} needs at least {fewest} rows, got {len(rows)}; "
            "record more rows, or use a shorter horizon"
        )
    if not np.isfinite(rows).all():
        row = int(np.argmin(np.isfinite(rows).all(axis=1)))
        raise DataError(f"rows must be finite, got {rows[row].tolist()!r} in row {row}; fill it")
    still = np.flatnonzero(np.ptp(rows, axis=0) == 0)
    if still.size:
        raise DataError(
            f"channels must not be constant, got {rows[0, still[0]]:g} in all rows of channel "
            f"{still[0]}; remove it"
        )
    return rows


def backtest_error(
    model: ReservoirForecaster, rows: Floats, first: int, horizon: int, learn: int | None = None
) -> dict[float, float]:
    """Learn the rows before ``first``, forecast those from it on, and return the error by ridge.

    Parameters
    ----------
    model
        The forecaster; it is not changed. The key 0 is its own ridge.
    rows
        Shape (n, d).
    first
        The first row that is not learned.
    horizon
        Forecast horizon in rows.
    learn
        Number of rows before ``first`` to learn; None for all.
    """
    model, n = model.clone(), len(rows)
    start = 0 if learn is None else max(0, first - learn)
    model.predict_and_learn(rows[start:first])
    state = model.state
    scaled = (rows - state["centre"]) * state["factor"]
    ends = np.unique(np.linspace(1, n - first - horizon, _ORIGINS).astype(np.int64))
    drive = model._drive
    at = forecast_origins(drive, scaled[first:], ends, drive.clean_state(state))
    truth = np.stack([scaled[first + end : first + end + horizon] for end in ends], axis=1)
    last = np.sqrt(((truth - at.rows) ** 2).mean(axis=2))  # (horizon, m)
    unit = np.sqrt((last**2).mean(axis=1))[:, None]  # error of persistence per horizon
    most = np.maximum(_WORST, np.divide(last, unit, out=np.zeros_like(last), where=unit > 0))
    weights = {0.0: model._current()}
    if model.readout == "normal_equations":
        sums = model._sums()
        weights |= {
            float(ridge): solve_gram(sums["gram"], sums["cross"], ridge) for ridge in _RIDGES
        }
    errors = {}
    for ridge, solution in weights.items():
        off = np.sqrt(((model._shrunk_loop(at, solution, horizon)() - truth) ** 2).mean(axis=2))
        off = np.divide(off, unit, out=np.where(off > 0, _WORST, 1.0), where=unit > 0)
        off = np.minimum(np.where(np.isnan(off), np.inf, off), most)
        errors[ridge] = float(np.sqrt((off**2).mean()))
    return errors
