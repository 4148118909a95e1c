"""Sliced Wasserstein distance of two windows, with attribution to channels."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy.special import ndtri

from streamlyt.core import Array, Batch, ChangeLocator, Event, Floats
from streamlyt.core.errors import ParameterError

from ._common.block_detector import BlockDetector
from ._kernels.windows import slice_rows

__all__ = ["SlicedWasserstein"]

LEVELS = 8  # quantiles of a slice; 6 % of the rows lie beyond the outermost on either side
FLATTEST = 0.01  # minimum slope of the quantiles, in kernel widths, for constant slices
# Null variance of the mean shift of the quantiles u over that of the mean of (u - 1/2) times their
# shift, for normal rows: a change of spread by s shifts the latter by s / (2 sqrt(pi)), and an
# estimated spread has half the variance of a mean.
SPREAD = 8.0 * np.pi

INNER = 2.0 * float(ndtri(1.0 - (LEVELS // 4 + 0.5) / LEVELS))  # inner width, in deviations
SMALLEST = 0.05  # of the largest singular value: smaller ones do not separate channels


class SlicedWasserstein(BlockDetector):
    r"""Compare the last B rows with the B rows before them by quantiles along random directions.

    Along a direction :math:`\theta_l` the squared 2-Wasserstein distance of two samples is the mean
    squared difference of their quantiles [1]_; averaged over random directions it is the sliced one
    [2]_. Here, with knots :math:`c_{lk}` at the quantiles :math:`u_k` of the first 100 rows, the
    quantile vectors are expanded to first order in their shift,

    .. math:: Q_l(u_k) - Q'_l(u_k) \approx - \frac{F_l(c_{lk}) - F'_l(c_{lk})}{f_l(c_{lk})}, \qquad
        s^2 = \frac{1}{L K} \sum_{l=1}^{L} \sum_{k=1}^{K} (Q_l(u_k) - Q'_l(u_k))^2,

    with F the fractions of the rows of each window below a knot and :math:`1 / f` the slope of the
    quantiles. A row becomes L K step functions, their means are window means, and the null moments
    of :math:`s^2` are exact. A shift beyond all knots counts as if it ended at the outermost.

    **Attribution.** The shifts of mean and spread along the slices are attributed to the channels
    by least squares; ``contributions`` are their shares. That takes more slices than channels. A
    change of correlation alone shifts slices but names no channel.

    **Guarantee.** For independent rows of any distribution the mean number of rows to a false alarm
    is ``arl`` by NEWMA's first-passage model: within 25 %, for windows of 20 rows or more. For
    serially dependent rows nothing is guaranteed. After an alarm the rows that follow are the new
    reference; crossings within 2 B rows are one event.

    Parameters
    ----------
    window
        Window length B, from 2 to 10000 rows.
    n_projections
        Number of directions L, from 1 to 4096.
    arl
        Target mean number of rows to a false alarm, from 100 and the window to 1e9.
    seed
        Seed of the directions.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    References
    ----------
    .. [1] C. Villani, "Topics in optimal transportation", 2003, theorem 2.18.
    .. [2] J. Rabin, G. Peyré, J. Delon, M. Bernot, "Wasserstein barycenter and its application to
       texture mixing", SSVM 2011.

    Examples
    --------
    >>> from streamlyt.core import Schema
    >>> rows = np.random.default_rng(0).normal(size=(1800, 5))
    >>> rows[1500:, 2] += 2
    >>> batch = Batch("", np.arange(1800), rows, Schema.of("a", "b", "c", "d", "e"))
    >>> out, events = SlicedWasserstein(window=40).update(batch)
    >>> [(1480 <= event.change_index <= 1520, event.channels[0]) for event in events]
    [(True, 'c')]
    """

    def __init__(
        self,
        window: int = 50,
        *,
        n_projections: int = 128,
        arl: float = 10_000.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not 1 <= n_projections <= 4096:
            raise ParameterError(f"n_projections must be from 1 to 4096, got {n_projections!r}")
        self.window = window
        self.n_projections = n_projections
        self.arl = arl
        self.seed = seed
        self._prepare(window, 1, arl)
        self._gaps = np.zeros((0, 0))  # scratch: mean differences, for the attribution of events

    def _learn(self, head: Floats) -> None:
        super()._learn(head)
        levels = _levels()
        projections = (
            self._scaled(head) @ _directions(self.seed, self.n_projections, head.shape[1]).T
        )
        knots = np.quantile(projections, levels, axis=0).T
        slopes = np.maximum(np.gradient(knots, levels, axis=1), FLATTEST)
        self.state["knots"] = np.ascontiguousarray(knots)
        self.state["weights"] = slopes / np.sqrt(self.n_projections * LEVELS)

    def _features(self, values: Floats) -> Array:
        directions = _directions(self.seed, self.n_projections, values.shape[1])
        features = np.empty((len(values), self.n_projections * LEVELS), np.float32)
        knots, weights = self.state["knots"], self.state["weights"]
        slice_rows(self._scaled(values), directions, knots, weights, features)
        return features

    def _walk(self, values: Floats) -> tuple[Floats, Floats]:
        self._gaps = np.zeros((len(values), self.n_projections * LEVELS))
        return super()._walk(values)

    def _event(self, tile: Batch, row: int, crossed: int, level: tuple[float, float]) -> Event:
        event = super()._event(tile, row, crossed, level)
        gaps = self._gaps[row - tile.n_rows].reshape(self.n_projections, LEVELS)
        # Fewer rows below a knot: the quantile has increased.
        shifts = -gaps * np.sqrt(self.n_projections * LEVELS)
        directions = _directions(self.seed, self.n_projections, tile.schema.n_channels)
        # Null variance of two windows of normal rows as wide as the inner half of the slices.
        low, high = self.state["knots"][:, [LEVELS // 4, -1 - LEVELS // 4]].T
        noise = 2.0 * float(np.mean(high - low)) ** 2 / (INNER**2 * self.window)
        strength = _strength(shifts, directions, max(noise, np.finfo(np.float64).tiny))
        channels, contributions = ChangeLocator.contributions(strength, tile.schema.channels)
        return replace(event, channels=channels, contributions=contributions)


@lru_cache(maxsize=16)
def _directions(seed: int, n_slices: int, d: int) -> Floats:
    """Return directions drawn uniformly from the sphere, shape (n_slices, d)."""
    drawn = np.random.default_rng(seed).normal(size=(n_slices, d))
    directions: Floats = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    directions.flags.writeable = False
    return directions


def _levels() -> Floats:
    levels: Floats = (np.arange(LEVELS) + 0.5) / LEVELS
    return levels


def _strength(shifts: Floats, directions: Floats, noise: float) -> Floats:
    r"""Return the change of each channel, shape (d,), from quantile shifts along slices (s, q).

    With :math:`m_l` the mean shift along slice l and :math:`r_l` that of its spread, least squares
    gives the shift :math:`\delta` of the channels, :math:`m_l = \sum_i \theta_{li} \delta_i`, and
    the change v of their spreads, :math:`r_l = \sum_i \theta_{li}^2 v_i`. Their squares over
    ``noise``, the variance of one of them without a change, then have the mean 2.
    """
    mean = shifts.mean(axis=1)
    spread = (shifts * (_levels() - 0.5)).mean(axis=1)
    shifted = np.linalg.pinv(directions, rcond=SMALLEST) @ mean
    trace = np.linalg.pinv(directions**2, rcond=SMALLEST)
    widened = trace @ spread
    # Few slices add noise of their own to the spreads.
    strength: Floats = (shifted**2 + SPREAD * widened**2 / (1.0 + (trace**2).sum(axis=1))) / noise
    return strength
