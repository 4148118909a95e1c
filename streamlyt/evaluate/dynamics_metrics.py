"""How like its system a model behaves: the spectrum of a long forecast, and its own exponent."""

from collections.abc import Callable

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError

__all__ = ["largest_lyapunov_exponent", "spectrum_distance"]

_NEAR = 0.1  # of the spread: further apart two loops no longer part as exponentials do
_FEWEST = 10  # rows that a slope is drawn through


def spectrum_distance(truth: Array, forecast: Array, window: int = 256) -> float:
    """Return how far the power spectrum of a long forecast is from that of the truth, 0 to 1.

    Half the sum of the differences of the two spectra, each of sum one, the mean over the channels:
    the share of the power that would have to move. They are means over half overlapping windows of
    Hann's shape, each less its mean.

    Parameters
    ----------
    truth, forecast
        Shapes (n, d) and (m, d); a forecast with NaN is as far off as can be.
    window
        Rows of a window, at least 2.

    Raises
    ------
    DataError
        If the channels differ, or one of the two is shorter than the window.

    Examples
    --------
    >>> slow, fast = np.sin(np.outer(np.arange(600), [0.2, 0.9])).T
    >>> spectrum_distance(slow[:300, None], slow[300:, None]) < 0.02
    True
    >>> spectrum_distance(slow[:, None], fast[:, None]) > 0.98
    True
    """
    truth, forecast = np.asarray(truth, np.float64), np.asarray(forecast, np.float64)
    if truth.ndim != 2 or forecast.ndim != 2 or truth.shape[1] != forecast.shape[1]:
        raise DataError(
            f"truth and forecast must have equal channels (n, d), got {truth.shape!r} and "
            f"{forecast.shape!r}"
        )
    if min(len(truth), len(forecast)) < window or window < 2:
        raise DataError(
            f"both must have at least the {window} rows of a window, got {len(truth)} and "
            f"{len(forecast)}; take longer ones, or a shorter window of at least 2"
        )
    if not np.isfinite(forecast).all():
        return 1.0
    return float(0.5 * np.abs(_spectrum(truth, window) - _spectrum(forecast, window)).sum(0).mean())


def _spectrum(rows: Floats, window: int) -> Floats:
    parts = np.lib.stride_tricks.sliding_window_view(rows, window, axis=0)[:: max(1, window // 2)]
    parts = (parts - parts.mean(axis=2, keepdims=True)) * np.hanning(window + 1)[:-1]
    power = (np.abs(np.fft.rfft(parts, axis=2)) ** 2).mean(axis=0).T  # (frequencies, d)
    total = power.sum(axis=0)
    share: Floats = np.divide(power, total, out=np.zeros_like(power), where=total > 0)
    return share


def largest_lyapunov_exponent(
    forecast: Callable[[int, Floats], Array],
    rows: Array,
    *,
    washout: int,
    horizon: int,
    starts: int = 20,
    size: float = 1e-7,
    seed: int = 0,
) -> float:
    """Return the largest Lyapunov exponent of a model, a row: how fast its own forecasts part.

    From each of several moments it forecasts twice, the second time after rows that were moved a
    little, and the slope of the mean logarithm of the distance is the exponent. The first fifth of
    the horizon is passed over, until the distance has turned into the direction that grows most,
    and so is what comes after a mean distance of a tenth of the spread.

    Parameters
    ----------
    forecast
        From a horizon and the rows before it (washout, d) to the rows expected (horizon, d):
        ``model.forecast`` of a :class:`streamlyt.reservoirs.ReservoirForecaster`.
    rows
        Shape (n, d), on the attractor: a long forecast of the model itself, or the series.
    washout
        Rows that a forecast needs before it.
    horizon
        Rows of a forecast; about five times what the expected exponent is one over.
    starts
        Moments, evenly spaced.
    size
        How far the rows are moved, in units of the spread of each channel.
    seed
        Of the directions.

    Raises
    ------
    DataError
        If the rows are too few, or the forecasts part too fast or not at all.

    Examples
    --------
    >>> def doubled(horizon, after):
    ...     return (after[-1] * 2.0 ** np.arange(1, horizon + 1)[:, None]) % 1.0
    >>> rows = np.random.default_rng(0).random((100, 1))
    >>> exponent = largest_lyapunov_exponent(doubled, rows, washout=1, horizon=20)
    >>> round(exponent / float(np.log(2)), 2)
    1.0
    """
    rows = np.asarray(rows, np.float64)
    if rows.ndim != 2 or len(rows) < washout + starts or not np.isfinite(rows).all():
        raise DataError(
            f"rows must have shape (n, d) with at least {washout + starts} finite rows, got "
            f"{rows.shape!r}"
        )
    rng, spread = np.random.default_rng(seed), rows.std(axis=0)
    unit = np.where(spread > 0, spread, 1.0)
    logs = np.empty((starts, horizon))
    for i, end in enumerate(np.linspace(washout, len(rows), starts).astype(int)):
        after = rows[end - washout : end]
        kick = size * spread * rng.choice([-1.0, 1.0], spread.size)
        apart = (forecast(horizon, after + kick) - forecast(horizon, after)) / unit
        with np.errstate(divide="ignore"):
            logs[i] = 0.5 * np.log((apart**2).mean(axis=1))
    mean = logs.mean(axis=0)
    far = np.flatnonzero(~(mean < np.log(_NEAR)))
    stop = int(far[0]) if far.size else horizon
    used = np.arange(min(horizon // 5, stop), stop)
    if used.size < _FEWEST or not np.isfinite(mean[used]).all():
        raise DataError(
            f"two forecasts must part for at least {_FEWEST} rows before they are a tenth of the "
            f"spread apart, got {used.size} of {horizon}; take a smaller size or a longer horizon"
        )
    return float(np.polyfit(used, mean[used], 1)[0])
