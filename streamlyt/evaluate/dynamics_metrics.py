"""Long-term dynamics of a model: power spectrum and largest Lyapunov exponent."""

from collections.abc import Callable

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError

__all__ = ["largest_lyapunov_exponent", "spectrum_distance"]

_NEAR = 0.1  # of the spread: beyond this distance trajectories do not diverge exponentially
_FEWEST = 10  # minimum rows of a slope


def spectrum_distance(truth: Array, forecast: Array, window: int = 256) -> float:
    """Return the distance of the power spectra of a long forecast and the truth, 0 to 1.

    Half the sum of the absolute differences of the two spectra, each of sum one, averaged over the
    channels (total variation distance). The spectra are means over half overlapping Hann windows,
    each less its mean.

    Parameters
    ----------
    truth, forecast
        Shapes (n, d) and (m, d); a forecast with NaN has the distance 1.
    window
        Window length in rows, at least 2.

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
            f"truth and forecast must have at least the {window} rows of a window, got "
            f"{len(truth)} and {len(forecast)}; use longer ones or a window from 2 rows on"
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
    """Return the largest Lyapunov exponent of a model per row, from pairs of its forecasts.

    From each of several forecast origins the model forecasts twice, the second time after slightly
    perturbed rows. The exponent is the slope of the mean logarithm of the distance. The first
    fifth of the horizon is skipped, until the distance has aligned with the fastest growing
    direction, and so are the rows after a mean distance of a tenth of the spread.

    Parameters
    ----------
    forecast
        Maps a horizon and the rows before it (washout, d) to the forecast (horizon, d):
        ``model.forecast`` of a :class:`streamlyt.reservoirs.ReservoirForecaster`.
    rows
        Shape (n, d), on the attractor: a long forecast of the model, or the series.
    washout
        Number of rows that a forecast needs as context.
    horizon
        Rows of a forecast; about five times the expected Lyapunov time.
    starts
        Number of forecast origins, evenly spaced.
    size
        Size of the perturbation, in units of the spread of each channel.
    seed
        Seed of the directions.

    Raises
    ------
    DataError
        If there are too few rows, or the forecasts diverge too fast or not at all.

    Examples
    --------
    >>> def doubled(horizon, context):
    ...     return (context[-1] * 2.0 ** np.arange(1, horizon + 1)[:, None]) % 1.0
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
        context = rows[end - washout : end]
        perturbation = size * spread * rng.choice([-1.0, 1.0], spread.size)
        distance = (forecast(horizon, context + perturbation) - forecast(horizon, context)) / unit
        with np.errstate(divide="ignore"):
            logs[i] = 0.5 * np.log((distance**2).mean(axis=1))
    mean = logs.mean(axis=0)
    far = np.flatnonzero(~(mean < np.log(_NEAR)))
    stop = int(far[0]) if far.size else horizon
    used = np.arange(min(horizon // 5, stop), stop)
    if used.size < _FEWEST or not np.isfinite(mean[used]).all():
        raise DataError(
            f"two forecasts must diverge for at least {_FEWEST} rows before a distance of a tenth "
            f"of the spread, got {used.size} of {horizon}; use a smaller size or a longer horizon"
        )
    return float(np.polyfit(used, mean[used], 1)[0])
