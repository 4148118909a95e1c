"""Delay embedding: the values of each channel now and at earlier times."""

import numpy as np

from streamlyt.core import Batch, Channel, Event, Floats, Operator
from streamlyt.core.errors import ParameterError
from streamlyt.core.numerics.periodicity import (
    LAGS,
    lagged,
    normalized,
    period,
)
from streamlyt.core.validation import check_finite, check_width

__all__ = ["DelayEmbedding"]

PERIOD_ROWS = 512  # to estimate the period


class DelayEmbedding(Operator):
    r"""Delay embedding: values of each channel now and at evenly spaced earlier times.

    Channel x becomes :math:`x_t, x_{t-s}, x_{t-2s}, \dots` over ``window_rows`` rows, each the mean
    of the s rows around, with :math:`s = \mathrm{width} / \mathrm{lags}`. Series with equal levels
    but different periods differ in the embedding [1]_. The first ``width - 1`` rows give no output.

    Parameters
    ----------
    window_rows
        Rows spanned by an embedding vector, at least 2. None: the longest period of the channels
        in their first 512 rows (see :func:`period`), which are buffered until then.
    dimension
        Dimension of the embedding, from 2 to ``window_rows``.
    normalize
        Whether each vector is centered and divided by its standard deviation, so that level and
        amplitude have no influence.

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
    >>> from streamlyt.core import Schema
    >>> batch = Batch("", np.arange(4), [[1.0], [2], [4], [8]], Schema.of("x"))
    >>> out, _ = DelayEmbedding(window_rows=2, dimension=2, normalize=False).update(batch)
    >>> out.schema.channel_names, out.values.tolist(), out.times.tolist()
    (('x-1', 'x-0'), [[1.0, 2.0], [2.0, 4.0], [4.0, 8.0]], [1, 2, 3])
    """

    def __init__(
        self, window_rows: int | None = None, dimension: int = LAGS, normalize: bool = True
    ) -> None:
        if dimension < 2:
            raise ParameterError(f"dimension must be at least 2, got {dimension!r}")
        if window_rows is not None and window_rows < dimension:
            raise ParameterError(
                f"window_rows must be at least dimension={dimension} rows, got {window_rows!r}"
            )
        self.window_rows = window_rows
        self.dimension = dimension
        self.normalize = normalize
        self.state = {}

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Return the complete vectors; see :class:`Operator`."""
        check_finite(batch)
        names = [
            Channel(f"{channel.name}-{lag}", channel.unit, channel.group or channel.name)
            for channel in batch.schema.channels
            for lag in range(self.dimension - 1, -1, -1)
        ]
        schema = batch.schema.with_channels(names)
        buffered = self.state.get("held", np.empty((0, batch.schema.n_channels)))
        check_width(batch, buffered.shape[1] if batch.n_rows else None)
        rows = np.concatenate([buffered, batch.values])
        times = np.concatenate([self.state.get("times", np.empty(0, np.int64)), batch.times])
        if batch.n_rows:
            self._estimate(rows)
        width = int(self.state["width"][0]) if "width" in self.state else PERIOD_ROWS
        ready = "width" in self.state and len(rows) >= width
        keep = width - 1 if ready else len(rows)
        if batch.n_rows:
            self.state["held"] = rows[len(rows) - keep :].copy()
            self.state["times"] = times[len(rows) - keep :].copy()
        if not batch.n_rows or not ready:
            return Batch(batch.key, times[:0], np.empty((0, schema.n_channels)), schema), []
        parts = [lagged(column, width, self.dimension) for column in rows.T]
        if self.normalize:
            # The initial standard deviation defines flat vectors, which is batch-invariant.
            spreads = self.state["spread"].tolist()
            parts = [normalized(part, s) for part, s in zip(parts, spreads, strict=True)]
        return Batch(batch.key, times[width - 1 :], np.hstack(parts), schema), []

    def _estimate(self, rows: Floats) -> None:
        needed = PERIOD_ROWS if self.window_rows is None else self.window_rows
        if "width" in self.state or len(rows) < needed:
            return
        head = rows[:needed]
        width = self.window_rows or max(self.dimension, *(period(column) for column in head.T))
        self.state["width"] = np.array([width])
        self.state["spread"] = head.std(axis=0)
