"""Prediction intervals from backtests: scaled errors of closed loops from earlier origins."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from streamlyt.core import Array, Floats

__all__ = [
    "ConformalCalibration",
    "IntervalForecast",
    "Loop",
    "backtest_targets",
    "calibrated",
    "min_origins",
]

_ORIGINS, _KICKS = 100, 2  # calibration loops, and perturbed runs of each
# Weight of the typical spread relative to the one of an origin, which two perturbations estimate
# badly. On Lorenz and Mackey-Glass series outside the benchmarks, 2 scored best for both together.
_TYPICAL = 2.0
_TINY = float(np.finfo(float).tiny)
_VALID = 0.4  # error limit in standard deviations, as in evaluate.valid_prediction_steps


@dataclass(frozen=True)
class IntervalForecast:
    """Forecast with prediction intervals and valid prediction time.

    Parameters
    ----------
    point, lower, upper
        Shapes (horizon, d). Each single interval has the nominal ``coverage``. NaN after the loop
        diverged; intervals are also NaN at horizons with too few earlier origins, and infinite if
        too many of their loops diverged.
    coverage
        Nominal coverage.
    valid_steps
        Expected steps until the error exceeds 0.4 standard deviations of the series; otherwise the
        whole horizon, or its calibrated part.
    n_origins
        Number of earlier forecast origins in the calibration of the first step.
    """

    point: Floats
    lower: Floats
    upper: Floats
    coverage: float
    valid_steps: int
    n_origins: int


class Loop(Protocol):
    """Closed loop: rows (horizon, m, d) from m origins, optionally with perturbed first rows."""

    def __call__(self, kick: Floats | None = None) -> Floats: ...


def min_origins(coverage: float) -> int:
    """Return the minimum number of errors for a conformal quantile of this coverage."""
    return math.ceil(coverage / (1.0 - coverage) - 1e-9)


def backtest_targets(kept: Floats, first: int, horizon: int) -> tuple[Array, Floats]:
    """Return origins in rows (n, d) and the observed rows after each, (horizon, m, d), or NaN.

    An origin is a number of rows, at least ``first``.
    """
    ends = np.unique(np.linspace(first, len(kept) - 1, _ORIGINS).astype(np.int64))
    truth = np.full((horizon, ends.size, kept.shape[1]), np.nan)
    for i, end in enumerate(ends):
        observed = kept[end : end + horizon]
        truth[: len(observed), i] = observed
    return ends, truth


@dataclass(frozen=True)
class ConformalCalibration:
    r"""Split conformal calibration from earlier forecast origins.

    The interval at horizon h is

    .. math:: \hat u_h \pm q_h \sqrt{s_h^2 + 4 \bar s_h^2},

    where s is the mean distance of loops perturbed by a one-step error, :math:`\bar s` its median
    over the earlier origins, e their errors, and q the finite-sample corrected quantile of
    :math:`|e| / \sqrt{s^2 + 4 \bar s^2}` over them. It is wide where trajectories diverge.

    Parameters
    ----------
    coverage
        Nominal coverage.
    quantile, typical
        q and the median of s, shapes (horizon, d).
    middle
        Median over the origins of the length of e over that of the scales, shape (horizon,).
    size
        Size of the perturbations, shape (d,).
    moments
        Number of origins.
    limit
        Error limit of a valid forecast.
    seed
        Seed of the signs of the perturbations.
    """

    coverage: float
    quantile: Floats
    typical: Floats
    middle: Floats
    size: Floats
    moments: int
    limit: float
    seed: int

    def around(self, loop: Loop, main: Floats) -> IntervalForecast:
        """Return the forecast of one origin from its loop and its rows (horizon, 1, d)."""
        apart = _spread_of_loops(loop, main, self.size, self.seed + 1)[:, 0]
        scale = np.hypot(apart, _TYPICAL * self.typical) + _TINY
        half = self.quantile * scale
        rows = main[:, 0]
        off = self.middle * np.sqrt((scale**2).mean(axis=1))
        late = np.flatnonzero(~(off <= self.limit))
        valid = int(late[0]) if late.size else len(rows)
        lower, upper = rows - half, rows + half
        return IntervalForecast(rows, lower, upper, self.coverage, valid, self.moments)


def calibrated(
    loop: Loop, truth: Floats, coverage: float, variance: float, seed: int
) -> ConformalCalibration:
    """Calibrate by loops from m earlier origins, of a readout that did not learn what followed.

    Parameters
    ----------
    loop
        Loop from those origins.
    truth
        Observed rows, (horizon, m, d); NaN if not known yet.
    coverage
        Nominal coverage.
    variance
        Variance of the series, mean over its channels: the unit of the error limit.
    seed
        Seed of the signs of the perturbations.
    """
    main = loop()
    error = np.abs(main - truth)
    size = np.sqrt(np.nanmean(error[0] ** 2, axis=0))
    known = ~np.asarray(np.isnan(truth).any(axis=2))  # (horizon, m)
    apart = _spread_of_loops(loop, main, size, seed)
    typical = _median(np.where(known[..., None], apart, np.nan))
    scale = np.hypot(apart, _TYPICAL * typical[:, None]) + _TINY
    # After divergence both are unknown, and the observation is outside of any interval.
    ratio = np.where(np.isfinite(error) & np.isfinite(scale), error / scale, np.inf)
    horizon, _, width = truth.shape
    quantile = np.full((horizon, width), np.nan)
    middle = np.full(horizon, np.nan)
    for h in range(horizon):
        kept = known[h]
        count = int(kept.sum())
        if count < min_origins(coverage):
            break  # later horizons have even fewer origins
        ranked = np.sort(ratio[h, kept], axis=0)
        quantile[h] = ranked[math.ceil((count + 1) * coverage - 1e-9) - 1]
        middle[h] = np.median(_length_ratio(error[h, kept], scale[h, kept]))
    limit, moments = _VALID * math.sqrt(variance), int(known[0].sum())
    return ConformalCalibration(coverage, quantile, typical, middle, size, moments, limit, seed)


def _spread_of_loops(loop: Loop, main: Floats, size: Floats, seed: int) -> Floats:
    """Return the mean distance to loops perturbed by ``size`` (d,) with random signs."""
    rng = np.random.default_rng(seed)
    apart = np.zeros(main.shape)
    for _ in range(_KICKS):
        signs = rng.integers(0, 2, size=main.shape[1:]) * 2.0 - 1.0
        apart += np.abs(loop(signs * size) - main) / _KICKS
    return apart


def _length_ratio(error: Floats, scale: Floats) -> Floats:
    """Return error over scale (m, d) as norms of rows; infinite for NaN."""
    ratio = np.sqrt((error**2).mean(axis=1) / (scale**2).mean(axis=1))
    return np.where(np.isnan(ratio), np.inf, ratio)


def _median(values: Floats) -> Floats:
    """Return the median of the finite values over the origins, (horizon, d), else 0."""
    ranked = np.sort(values, axis=1)  # NaN last
    count = np.isfinite(ranked).sum(axis=1)
    at = np.maximum((count - 1) // 2, 0)
    found = np.take_along_axis(ranked, at[:, None], axis=1)[:, 0]
    return np.where(count > 0, found, 0.0)
