"""Rows that came twice: told by their time, or by time and values."""

from typing import Literal

import numpy as np

from streamlyt.core import Array, Batch, Event, Operator
from streamlyt.core.errors import ParameterError
from streamlyt.core.validation import check_width

from ._row_index import came_from, note

__all__ = ["Deduplicate"]

KEPT = 64  # different rows of one time stamp that are remembered


class Deduplicate(Operator):
    """Leave out rows that came twice, as a sender that is not sure sends them.

    Times never decrease in a stream, so a second copy has the time of the row before it, or of
    one of those just before. Findings downstream name the rows of the source.

    Parameters
    ----------
    same
        ``"row"``: a copy has the time and all values of a row before it (missing values are alike;
        of the last 64 different rows of that time). ``"time"``: only the first row of each time
        goes on.

    Raises
    ------
    ParameterError
        If ``same`` is neither.
    DataError
        If the number of channels changes.

    Examples
    --------
    >>> from streamlyt.core import Schema
    >>> batch = Batch("", [0, 0, 0, 1], [[1.0], [2.0], [1.0], [1.0]], Schema.of("x"))
    >>> Deduplicate().update(batch)[0].values.tolist()
    [[1.0], [2.0], [1.0]]
    >>> Deduplicate(same="time").update(batch)[0].values.tolist()
    [[1.0], [1.0]]
    """

    def __init__(self, same: Literal["row", "time"] = "row") -> None:
        if same not in ("row", "time"):
            raise ParameterError(f"same must be 'row' or 'time', got {same!r}")
        self.same = same
        self.state = {}

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Return the rows without copies."""
        if not batch.n_rows:
            return batch, []
        state = self.state
        check_width(batch, state["seen"].shape[1] if "seen" in state else None)
        state.setdefault("seen", np.empty((0, batch.schema.n_channels)))
        before = np.append(state.get("time", batch.times[:1] - 1), batch.times[:-1])
        again = batch.times == before
        kept = ~again if self.same == "time" else self._fresh(batch, again)
        state["time"] = batch.times[-1:].copy()
        note(kept, state)
        if kept.all():
            return batch, []
        return Batch(batch.key, batch.times[kept], batch.values[kept], batch.schema), []

    def input_index(self, index: int) -> int:
        """Return which of the rows that it took is the one given on as number ``index``."""
        return came_from(index, self.state)

    def _fresh(self, batch: Batch, again: Array) -> Array:
        """Return which rows are no copies; ``again`` (n,) says where the time is as before."""
        kept = np.ones(batch.n_rows, np.bool_)
        seen = self.state["seen"]
        # Rows that are alone in their time are compared with nothing; the last may yet be joined.
        for row in np.flatnonzero(again | np.append(again[1:], True)):
            values = batch.values[row]
            if not again[row]:
                seen = values[None]
                continue
            alike = (seen == values) | (np.isnan(seen) & np.isnan(values))
            if alike.all(axis=1).any():
                kept[row] = False
            else:
                seen = np.concatenate([seen, values[None]])[-KEPT:]
        self.state["seen"] = seen.copy()
        return kept
