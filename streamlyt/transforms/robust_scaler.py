"""Robust scaling by recent median and spread, for sensors whose level and scale drift."""

import numpy as np

from streamlyt.core import Batch, Event, Floats, Operator
from streamlyt.core.errors import ParameterError
from streamlyt.core.numerics.robust_scale import LARGEST, robust_scale
from streamlyt.core.validation import check_finite, check_width

__all__ = ["RobustScaler"]

MIN_ROWS = 100  # for the first scale
UPDATES = 8  # of the scale per window


class RobustScaler(Operator):
    r"""Subtracts the median of each channel and divides by its robust spread, over a window.

    For channels with slow permanent drift, which would give one change after another: variation
    within a window is kept, drift over many windows is removed. The window must be long compared
    with the changes of interest; a permanent change of level vanishes after half a window. Median
    and spread are updated every eighth of a window, from all rows while there are fewer. The
    first 100 rows are buffered until the first scale is known. A channel that is constant for a
    full window is zero until the next update.

    Parameters
    ----------
    window
        Rows for median and spread, at least 100; they are stored in memory.

    Raises
    ------
    ParameterError
        If the window is too short.
    DataError
        If a value is not finite, or the number of channels changes.

    Examples
    --------
    >>> from streamlyt.core import Schema
    >>> rng = np.random.default_rng(0)
    >>> rows = 0.01 * np.arange(20_000)[:, None] + 3 * rng.normal(size=(20_000, 1))
    >>> batch = Batch("", np.arange(20_000), rows, Schema.of("x"))
    >>> out, _ = RobustScaler(window=400).update(batch)
    >>> bool(rows.max() > 190), bool(abs(out.values.mean()) < 1)
    (True, True)
    """

    def __init__(self, window: int = 4096) -> None:
        if window < MIN_ROWS:
            raise ParameterError(f"window must be at least {MIN_ROWS} rows, got {window!r}")
        self.window = window
        self.state = {}

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Return the scaled rows."""
        if not batch.n_rows:
            return batch, []
        state = self.state
        check_width(batch, state["recent"].shape[1] if "recent" in state else None)
        check_finite(batch)
        if "recent" not in state:
            state["recent"] = np.zeros((self.window, batch.schema.n_channels))
            state["rows"] = np.zeros(1, np.int64)
            state["held_times"] = np.zeros(0, np.int64)
        parts, times, done = [], batch.times, 0
        while done < batch.n_rows:
            row = int(state["rows"][0])
            part = batch.values[done : done + self._rows_until_update(row)]
            state["recent"][np.arange(row, row + len(part)) % self.window] = part
            state["rows"] += len(part)
            if "centre" in state:
                parts.append(self._scaled(part))
            self._update_scale(parts)
            done += len(part)
        if "centre" not in state:
            state["held_times"] = np.append(state["held_times"], times)
            parts.append(np.empty((0, batch.schema.n_channels)))
            times = times[:0]
        elif state["held_times"].size:
            times = np.append(state["held_times"], times)
            state["held_times"] = np.zeros(0, np.int64)
        return Batch(batch.key, times, np.concatenate(parts), batch.schema), []

    def _rows_until_update(self, rows: int) -> int:
        if rows < MIN_ROWS:
            return MIN_ROWS - rows
        step = self.window // UPDATES
        return step - rows % step

    def _update_scale(self, parts: list[Floats]) -> None:
        """Update the scale if due; the first time also emit the buffered rows."""
        state = self.state
        rows, step = int(state["rows"][0]), self.window // UPDATES
        if rows == MIN_ROWS or (rows > MIN_ROWS and rows % step == 0):
            first = "centre" not in state
            recent = state["recent"][: min(rows, self.window)]
            state["centre"], state["spread"] = robust_scale(recent)
            if first:
                parts.append(self._scaled(recent))

    def _scaled(self, rows: Floats) -> Floats:
        centre, spread = self.state["centre"], self.state["spread"]
        varies = spread > 0
        with np.errstate(over="ignore", invalid="ignore"):  # clipped below
            out = (rows - centre) / np.where(varies, spread, 1.0)
        return np.where(varies, np.clip(out, -LARGEST, LARGEST), 0.0)
