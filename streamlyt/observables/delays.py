"""Delay embedding: a row becomes the shape of the rows that led up to it."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from streamlyt._rows import check_finite, check_width
from streamlyt.base import Batch, Channel, Event, Floats, Operator
from streamlyt.errors import ParameterError

__all__ = ["Delays", "period", "rhythm", "shapes"]

LAGS = 16  # values of a shape: its harmonics up to the eighth
SHORTEST = 8  # rows of a shape; fewer are noise, or hardly sampled
ALMOST = 0.9  # of the highest peak: the first peak so high is the period, not a multiple of it
PEAK = 0.2  # autocorrelation that a period must reach
CHANCE = 3.0  # ... and so many standard errors of noise more, to be taken for a rhythm
FORGOTTEN = 0.2  # autocorrelation at which a series without a period has forgotten itself
MEMORIES = 4  # such times in a shape of a series without a period
FLAT = 0.05  # of the whole spread: a shape that moves less is rounding and noise, not a rhythm
HEAD = 512  # rows from which the period is learnt


class Delays(Operator):
    r"""The values of each channel now and at evenly spaced times before.

    Channel x becomes :math:`x_t, x_{t-s}, x_{t-2s}, \dots` over ``width`` rows, each the mean of
    the s rows around, with :math:`s = \mathrm{width} / \mathrm{lags}`: two series of the same
    levels and another rhythm differ in these rows, as they do not in x [1]_. The first
    ``width - 1`` rows give none.

    Parameters
    ----------
    width
        Rows that a shape spans, 2 at least. None: the longest period of the channels in their
        first 512 rows (see :func:`period`), which are held back until then.
    lags
        Values of a shape, 2 at least and no more than ``width``.
    local
        Whether each shape is centred and divided by its own spread, so that level and amplitude
        do not count.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    DataError
        If a value is not finite.

    References
    ----------
    .. [1] F. Takens, "Detecting strange attractors in turbulence", LNM 898, 1981.

    Examples
    --------
    >>> from streamlyt.base import Schema
    >>> batch = Batch("", np.arange(4), [[1.0], [2], [4], [8]], Schema.of("x"))
    >>> out, _ = Delays(width=2, lags=2, local=False).update(batch)
    >>> out.schema.names, out.values.tolist(), out.times.tolist()
    (('x-1', 'x-0'), [[1.0, 2.0], [2.0, 4.0], [4.0, 8.0]], [1, 2, 3])
    """

    def __init__(self, width: int | None = None, lags: int = LAGS, local: bool = True) -> None:
        if lags < 2:
            raise ParameterError(f"lags must be 2 at least, got {lags!r}")
        if width is not None and width < lags:
            raise ParameterError(f"width must be at least lags={lags} rows, got {width!r}")
        self.width = width
        self.lags = lags
        self.local = local
        self.state = {}

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Return the shapes that are complete; see :class:`Operator`."""
        check_finite(batch)
        names = [
            Channel(f"{channel.name}-{lag}", channel.unit, channel.group or channel.name)
            for channel in batch.schema.channels
            for lag in range(self.lags - 1, -1, -1)
        ]
        schema = batch.schema.with_channels(names)
        held = self.state.get("held", np.empty((0, batch.schema.width)))
        check_width(batch, held.shape[1] if batch.n else None)
        rows = np.concatenate([held, batch.values])
        times = np.concatenate([self.state.get("times", np.empty(0, np.int64)), batch.times])
        if batch.n:
            self._learn(rows)
        width = int(self.state["width"][0]) if "width" in self.state else HEAD
        ready = "width" in self.state and len(rows) >= width
        keep = width - 1 if ready else len(rows)
        if batch.n:
            self.state["held"] = rows[len(rows) - keep :].copy()
            self.state["times"] = times[len(rows) - keep :].copy()
        if not batch.n or not ready:
            return Batch(batch.key, times[:0], np.empty((0, schema.width)), schema), []
        parts = [_lagged(column, width, self.lags) for column in rows.T]
        if self.local:
            # The spread learnt first says what is flat, so that no cut of the stream matters.
            spreads = self.state["spread"].tolist()
            parts = [_normalised(part, s) for part, s in zip(parts, spreads, strict=True)]
        return Batch(batch.key, times[width - 1 :], np.hstack(parts), schema), []

    def _learn(self, rows: Floats) -> None:
        needed = HEAD if self.width is None else self.width
        if "width" in self.state or len(rows) < needed:
            return
        head = rows[:needed]
        width = self.width or max(self.lags, *(period(column) for column in head.T))
        self.state["width"] = np.array([width])
        self.state["spread"] = head.std(axis=0)


def period(values: Floats) -> int:
    r"""Return how many rows a series takes to repeat itself, estimated from its autocorrelation.

    Of the peaks of the autocorrelation after its first zero, up to a quarter of the rows, it is the
    first that is nearly as high (.9) as the highest. Where none reaches .2 there is no period; then
    it is four times the lag at which the autocorrelation has fallen below .2, a sixth of the rows
    at most. It is never below 8.

    Parameters
    ----------
    values
        Shape (n,), finite.

    Examples
    --------
    >>> period(np.sin(2 * np.pi * np.arange(300) / 25))
    25
    """
    return rhythm(values)[0]


def rhythm(values: Floats) -> tuple[int, bool]:
    r"""Return what :func:`period` does, and whether the rows do repeat themselves so.

    They do if the autocorrelation at the period is above .2 by three standard errors of that of
    independent rows, :math:`3 / \sqrt n`.

    Parameters
    ----------
    values
        Shape (n,), finite.

    Examples
    --------
    >>> rhythm(np.sin(2 * np.pi * np.arange(300) / 25))
    (25, True)
    """
    n = len(values)
    if n < 2 * SHORTEST:
        return SHORTEST, False
    size = float(np.abs(values).max())
    rows = values / (size or 1.0)
    rows = rows - rows.mean()
    power = 1 << (2 * n - 1).bit_length()
    wave = np.fft.rfft(rows, power)
    correlation = np.fft.irfft(wave * wave.conj(), power)[:n]
    if not correlation[0] > 0:
        return SHORTEST, False
    correlation /= correlation[0]
    near = correlation[: n // 4 + 2] * n / (n - np.arange(n // 4 + 2))
    below = np.flatnonzero(near < 0)
    inner = near[1:-1]
    peaks = 1 + np.flatnonzero((inner >= near[:-2]) & (inner > near[2:]))
    peaks = peaks[peaks > max(2, below[0])] if below.size else peaks[:0]
    high = float(near[peaks].max()) if peaks.size else 0.0
    if high >= PEAK:
        found = int(peaks[near[peaks] >= ALMOST * near[peaks].max()][0])
    else:
        gone = np.flatnonzero(correlation < FORGOTTEN)
        found = min(MEMORIES * int(gone[0]) if gone.size else n, n // 6)
    return max(SHORTEST, found), bool(high >= PEAK + CHANCE / np.sqrt(n))


def shapes(values: Floats, width: int, stride: int = 1, lags: int = LAGS) -> Floats:
    """Return the shapes of a series, each centred and divided by its own spread, (k, lags).

    Parameters
    ----------
    values
        Shape (n,), at least ``width`` rows.
    width
        Rows of a shape.
    stride
        Rows from one shape to the next.
    lags
        Values of a shape.

    Examples
    --------
    >>> shapes(np.arange(6.0), 4, stride=2, lags=2).shape
    (2, 2)
    """
    return _normalised(_lagged(values, width, lags, stride), float(values.std()))


def _lagged(values: Floats, width: int, lags: int, stride: int = 1) -> Floats:
    block = max(1, round(width / lags))
    starts = np.round(np.linspace(0, width - block, lags)).astype(int)
    # Summed window by window: a running sum would depend on where the stream was cut.
    means = sliding_window_view(values, block).mean(axis=1)
    count = len(values) - width + 1
    return np.stack([means[start : start + count : stride] for start in starts], axis=1)


def _normalised(rows: Floats, spread: float) -> Floats:
    centred = rows - rows.mean(axis=1, keepdims=True)
    own = np.sqrt((centred * centred).mean(axis=1, keepdims=True))
    shaped: Floats = centred / np.where(own > 0, own + FLAT * spread, 1.0)
    return shaped
