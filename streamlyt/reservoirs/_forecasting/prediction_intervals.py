"""Bands around a forecast: what closed loops from earlier moments were off, by their own spread."""

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
    "fewest_moments",
]

_MOMENTS, _KICKS = 100, 2  # loops that bands are made from, and times that each runs kicked
# How much the usual distance counts beside that of a moment, which two kicks tell badly: of bands
# on Lorenz and Mackey-Glass series that judge nothing, those of 2 scored best for both together.
_USUAL = 2.0
_TINY = float(np.finfo(float).tiny)
_VALID = 0.4  # of the error over the spread of the series: as in evaluate.valid_rows


@dataclass(frozen=True)
class IntervalForecast:
    """A forecast, the bands around it, and for how long it can be expected to hold.

    Parameters
    ----------
    point, lower, upper
        Shapes (horizon, d). Each band alone is to hold the true value in ``coverage`` of the
        cases. NaN where the loop had left the series; bands are NaN, too, at horizons for which
        too few earlier moments are known, and infinite where too many of their loops diverged.
    coverage
        Share that a band promises to hold.
    valid_steps
        Rows until the error is expected to pass 0.4 of the spread of the series; the whole
        horizon, or all of it that could be calibrated, where it is not.
    n_origins
        Number of earlier moments whose forecasts were compared with what came, for the first row.
    """

    point: Floats
    lower: Floats
    upper: Floats
    coverage: float
    valid_steps: int
    n_origins: int


class Loop(Protocol):
    """A closed loop of any kind: rows (horizon, m, d) after m moments, the first rows kicked."""

    def __call__(self, kick: Floats | None = None) -> Floats: ...


def fewest_moments(coverage: float) -> int:
    """Return how many errors are needed for a quantile that holds such a share of the next."""
    return math.ceil(coverage / (1.0 - coverage) - 1e-9)


def backtest_targets(kept: Floats, first: int, horizon: int) -> tuple[Array, Floats]:
    """Return moments of rows (n, d), and what followed each: (horizon, m, d), NaN where unknown.

    A moment is a number of rows, at least ``first``.
    """
    ends = np.unique(np.linspace(first, len(kept) - 1, _MOMENTS).astype(np.int64))
    truth = np.full((horizon, ends.size, kept.shape[1]), np.nan)
    for i, end in enumerate(ends):
        came = kept[end : end + horizon]
        truth[: len(came), i] = came
    return ends, truth


@dataclass(frozen=True)
class ConformalCalibration:
    r"""What earlier moments say about the next (split conformal).

    The band at horizon h is

    .. math:: \hat u_h \pm q_h \sqrt{s_h^2 + 4 \bar s_h^2},

    s the mean distance of loops that begin a one-step error apart, :math:`\bar s` its median over
    the earlier moments, and q the quantile of :math:`|e| / \sqrt{s^2 + 4 \bar s^2}` over them with
    the correction for their number, e their error. It is wide where the system runs apart.

    Parameters
    ----------
    coverage
        Share to be held.
    quantile, typical
        q and the median of s, shapes (horizon, d).
    middle
        Median over the moments of the length of e over that of the scales, shape (horizon,).
    size
        Of the kicks, shape (d,).
    moments
        How many there were.
    limit
        Error at which a forecast holds no longer.
    seed
        Of the signs of the kicks.
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
        """Return the forecast of one moment from its loop and its rows (horizon, 1, d)."""
        apart = _apart(loop, main, self.size, self.seed + 1)[:, 0]
        scale = np.hypot(apart, _USUAL * self.typical) + _TINY
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
    """Compare loops of m earlier moments, by a read-out that had not seen what followed.

    Parameters
    ----------
    loop
        Of those moments.
    truth
        What followed, (horizon, m, d); NaN where that is not known yet.
    coverage
        Share to be held.
    variance
        Of the series, the mean over its channels: the unit of the error for the valid rows.
    seed
        Of the signs of the kicks.
    """
    main = loop()
    error = np.abs(main - truth)
    size = np.sqrt(np.nanmean(error[0] ** 2, axis=0))
    known = ~np.asarray(np.isnan(truth).any(axis=2))  # (horizon, m)
    apart = _apart(loop, main, size, seed)
    typical = _median(np.where(known[..., None], apart, np.nan))
    scale = np.hypot(apart, _USUAL * typical[:, None]) + _TINY
    # Diverged: neither is known, and the truth surely lies beyond any band.
    ratio = np.where(np.isfinite(error) & np.isfinite(scale), error / scale, np.inf)
    horizon, _, width = truth.shape
    quantile = np.full((horizon, width), np.nan)
    middle = np.full(horizon, np.nan)
    for h in range(horizon):
        kept = known[h]
        count = int(kept.sum())
        if count < fewest_moments(coverage):
            break  # later horizons are known of fewer moments still
        ranked = np.sort(ratio[h, kept], axis=0)
        quantile[h] = ranked[math.ceil((count + 1) * coverage - 1e-9) - 1]
        middle[h] = np.median(_length_ratio(error[h, kept], scale[h, kept]))
    limit, moments = _VALID * math.sqrt(variance), int(known[0].sum())
    return ConformalCalibration(coverage, quantile, typical, middle, size, moments, limit, seed)


def _apart(loop: Loop, main: Floats, size: Floats, seed: int) -> Floats:
    """Return how far loops run apart whose first rows are kicked by the size (d,), signs drawn."""
    rng = np.random.default_rng(seed)
    apart = np.zeros(main.shape)
    for _ in range(_KICKS):
        signs = rng.integers(0, 2, size=main.shape[1:]) * 2.0 - 1.0
        apart += np.abs(loop(signs * size) - main) / _KICKS
    return apart


def _length_ratio(error: Floats, scale: Floats) -> Floats:
    """Return error over scale (m, d) as lengths of rows; infinite where one is no number."""
    ratio = np.sqrt((error**2).mean(axis=1) / (scale**2).mean(axis=1))
    return np.where(np.isnan(ratio), np.inf, ratio)


def _median(values: Floats) -> Floats:
    """Return the median over the moments (horizon, d) of what is a number there, else 0."""
    ranked = np.sort(values, axis=1)  # NaN last
    count = np.isfinite(ranked).sum(axis=1)
    at = np.maximum((count - 1) // 2, 0)
    found = np.take_along_axis(ranked, at[:, None], axis=1)[:, 0]
    return np.where(count > 0, found, 0.0)
