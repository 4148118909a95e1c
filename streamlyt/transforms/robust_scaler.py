"""Rows in units of their own recent spread: for sensors whose level and scale drift."""

import numpy as np

from streamlyt.core import Batch, Event, Floats, Operator
from streamlyt.core.errors import ParameterError
from streamlyt.core.numerics.robust_scale import LARGEST, robust_scale
from streamlyt.core.validation import check_finite, check_width

__all__ = ["RobustScaler"]

HEAD = 100  # rows from which the first scale is learnt


RENEWALS = 8  # of the scale in a window


class RobustScaler(Operator):
    r"""Each channel less its median, over its robust spread, both of the last rows.

    For channels that drift slowly and for ever, which would be one change after another: what
    moves within a window is passed on, what moves over many windows is taken out. The window must
    be long beside the changes that are looked for; a change of level that lasts is gone from the
    rows after half of a window. Median and spread are renewed every eighth of a window, and are
    those of all rows as long as there are fewer. The first 100 rows are held back until they have
    taught the scale, and then given on in it. A channel that has stood still for a whole window
    is zero until the next renewal.

    Parameters
    ----------
    window
        Rows that median and spread are taken from, at least 100. They are kept in memory.

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
        if window < HEAD:
            raise ParameterError(f"window must be at least {HEAD} rows, got {window!r}")
        self.window = window
        self.state = {}

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Return the rows in units of their spread."""
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
            some = batch.values[done : done + self._until_renewal(row)]
            state["recent"][np.arange(row, row + len(some)) % self.window] = some
            state["rows"] += len(some)
            if "centre" in state:
                parts.append(self._scaled(some))
            self._renew(parts)
            done += len(some)
        if "centre" not in state:
            state["held_times"] = np.append(state["held_times"], times)
            parts.append(np.empty((0, batch.schema.n_channels)))
            times = times[:0]
        elif state["held_times"].size:
            times = np.append(state["held_times"], times)
            state["held_times"] = np.zeros(0, np.int64)
        return Batch(batch.key, times, np.concatenate(parts), batch.schema), []

    def _until_renewal(self, rows: int) -> int:
        if rows < HEAD:
            return HEAD - rows
        step = self.window // RENEWALS
        return step - rows % step

    def _renew(self, parts: list[Floats]) -> None:
        """Learn the scale if it is time to, and give on the rows that were held back for it."""
        state = self.state
        rows, step = int(state["rows"][0]), self.window // RENEWALS
        if rows == HEAD or (rows > HEAD and rows % step == 0):
            first = "centre" not in state
            recent = state["recent"][: min(rows, self.window)]
            state["centre"], state["spread"] = robust_scale(recent)
            if first:
                parts.append(self._scaled(recent))

    def _scaled(self, rows: Floats) -> Floats:
        centre, spread = self.state["centre"], self.state["spread"]
        moving = spread > 0
        with np.errstate(over="ignore", invalid="ignore"):  # and then it is the largest there is
            out = (rows - centre) / np.where(moving, spread, 1.0)
        return np.where(moving, np.clip(out, -LARGEST, LARGEST), 0.0)
