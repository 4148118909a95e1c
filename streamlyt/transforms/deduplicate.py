"""Removal of duplicate rows, by time or by time and values."""

from typing import Literal

import numpy as np

from streamlyt.core import Array, Batch, Event, Operator
from streamlyt.core.errors import ParameterError
from streamlyt.core.validation import check_width

from ._row_index import input_index, record_rows

__all__ = ["Deduplicate"]

MAX_ROWS = 64  # stored distinct rows of one timestamp


class Deduplicate(Operator):
    """Drop duplicate rows, as at-least-once producers send them.

    Times never decrease, so a duplicate has the same time as the rows just before it. Downstream
    events refer to source rows.

    Parameters
    ----------
    by
        ``"row"``: a duplicate equals one of the last 64 distinct rows of the same time in all
        values (missing values are equal). ``"time"``: only the first row of each time is kept.

    Raises
    ------
    ParameterError
        If ``by`` is unknown.
    DataError
        If the number of channels changes.

    Examples
    --------
    >>> from streamlyt.core import Schema
    >>> batch = Batch("", [0, 0, 0, 1], [[1.0], [2.0], [1.0], [1.0]], Schema.of("x"))
    >>> Deduplicate().update(batch)[0].values.tolist()
    [[1.0], [2.0], [1.0]]
    >>> Deduplicate(by="time").update(batch)[0].values.tolist()
    [[1.0], [1.0]]
    """

    def __init__(self, by: Literal["row", "time"] = "row") -> None:
        if by not in ("row", "time"):
            raise ParameterError(f"by must be 'row' or 'time', got {by!r}")
        self.by = by
        self.state = {}

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Return the rows without duplicates."""
        if not batch.n_rows:
            return batch, []
        state = self.state
        check_width(batch, state["seen"].shape[1] if "seen" in state else None)
        state.setdefault("seen", np.empty((0, batch.schema.n_channels)))
        before = np.append(state.get("time", batch.times[:1] - 1), batch.times[:-1])
        repeated = batch.times == before
        kept = ~repeated if self.by == "time" else self._distinct(batch, repeated)
        state["time"] = batch.times[-1:].copy()
        record_rows(kept, state)
        if kept.all():
            return batch, []
        return Batch(batch.key, batch.times[kept], batch.values[kept], batch.schema), []

    def input_index(self, index: int) -> int:
        """Return the input row of the output row ``index``."""
        return input_index(index, self.state)

    def _distinct(self, batch: Batch, repeated: Array) -> Array:
        """Return a mask of distinct rows; ``repeated`` (n,) marks rows with the previous time."""
        kept = np.ones(batch.n_rows, np.bool_)
        recent = self.state["seen"]
        # Rows with a unique time need no comparison; the last row may get a duplicate later.
        for row in np.flatnonzero(repeated | np.append(repeated[1:], True)):
            values = batch.values[row]
            if not repeated[row]:
                recent = values[None]
                continue
            equal = (recent == values) | (np.isnan(recent) & np.isnan(values))
            if equal.all(axis=1).any():
                kept[row] = False
            else:
                recent = np.concatenate([recent, values[None]])[-MAX_ROWS:]
        self.state["seen"] = recent.copy()
        return kept
