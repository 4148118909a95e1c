"""Forecasts of rows that were not learnt from, in units of persistence: what a search goes by."""

import numpy as np

from streamlyt.core import Floats
from streamlyt.core.errors import DataError
from streamlyt.reservoirs._forecasting.closed_loop import moments_of
from streamlyt.reservoirs._readouts.base import solve_gram
from streamlyt.reservoirs.reservoir_forecaster import ReservoirForecaster

__all__ = ["backtest_error", "checked", "fewest_rows"]

_MOMENTS = 32  # from which they begin
_RIDGES = 10.0 ** np.arange(-16.0, 0.0)
# Times the error of persistence: further off is as good as any other nonsense, but where
# persistence itself is further off.
_WORST = 2.0


def fewest_rows(horizon: int) -> int:
    """Return how many rows a search needs at least to forecast so many."""
    return max(60, 6 * horizon)


def checked(rows: Floats, horizon: int) -> Floats:
    rows = np.asarray(rows, np.float64)
    fewest = fewest_rows(horizon)
    if rows.ndim != 2 or not rows.size:
        raise DataError(f"a series must have shape (n, d), got {rows.shape!r}")
    if len(rows) < fewest:
        raise DataError(
            f"a search for forecasts of {horizon} rows needs at least {fewest} of them, got "
            f"{len(rows)}; record more, or take a shorter horizon"
        )
    if not np.isfinite(rows).all():
        at = int(np.argmin(np.isfinite(rows).all(axis=1)))
        raise DataError(f"rows must be finite, got {rows[at].tolist()!r} in row {at}; fill it")
    still = np.flatnonzero(np.ptp(rows, axis=0) == 0)
    if still.size:
        raise DataError(
            f"every channel must change, got {rows[0, still[0]]:g} in all rows of channel "
            f"{still[0]}; leave it out"
        )
    return rows


def backtest_error(
    model: ReservoirForecaster, rows: Floats, first: int, horizon: int, learn: int | None = None
) -> dict[float, float]:
    """Learn rows before one, forecast those from it on, and return the error by ridge.

    Parameters
    ----------
    model
        The forecaster; it is left alone. What it takes as its ridge is the key 0.
    rows
        Shape (n, d).
    first
        The first row that is not learnt.
    horizon
        Rows to go ahead.
    learn
        Newest rows before ``first`` that are learnt; None for all.
    """
    model, n = model.clone(), len(rows)
    begin = 0 if learn is None else max(0, first - learn)
    model.predict_and_learn(rows[begin:first])
    state = model.state
    scaled = (rows - state["centre"]) * state["factor"]
    ends = np.unique(np.linspace(1, n - first - horizon, _MOMENTS).astype(np.int64))
    drive = model._drive
    at = moments_of(drive, scaled[first:], ends, drive.quiet(state))
    truth = np.stack([scaled[first + end : first + end + horizon] for end in ends], axis=1)
    last = np.sqrt(((truth - at.rows) ** 2).mean(axis=2))  # (horizon, m)
    unit = np.sqrt((last**2).mean(axis=1))[:, None]  # of persistence, for each horizon
    most = np.maximum(_WORST, np.divide(last, unit, out=np.zeros_like(last), where=unit > 0))
    weights = {0.0: model._current()}
    if model.readout == "gram":
        sums = model._sums()
        weights |= {
            float(ridge): solve_gram(sums["gram"], sums["cross"], ridge) for ridge in _RIDGES
        }
    found = {}
    for ridge, each in weights.items():
        off = np.sqrt(((model._believed(at, each, horizon)() - truth) ** 2).mean(axis=2))
        off = np.divide(off, unit, out=np.where(off > 0, _WORST, 1.0), where=unit > 0)
        off = np.minimum(np.where(np.isnan(off), np.inf, off), most)
        found[ridge] = float(np.sqrt((off**2).mean()))
    return found
