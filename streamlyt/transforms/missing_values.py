"""Missing values: drop the row, fill with the last value, or raise, by channel."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from streamlyt.core import Batch, Event, Operator
from streamlyt.core.errors import DataError, ParameterError, series_prefix, unknown_name_error
from streamlyt.core.validation import check_width

from ._row_index import input_index, record_rows

__all__ = ["MissingValues"]

Policy = Literal["drop", "ffill", "raise"]
POLICIES = ("drop", "ffill", "raise")


class MissingValues(Operator):
    """Policy for missing values (NaN and infinite).

    ``"drop"`` drops the row; ``"ffill"`` fills in the last value of the channel, and drops rows
    before the first one; ``"raise"`` raises. A row is dropped if one of its channels requires it.
    Downstream events refer to source rows, for the last 1,024 runs of dropped rows.

    Parameters
    ----------
    missing
        Default policy: ``"drop"``, ``"ffill"`` or ``"raise"``.
    channels
        Channel -> policy.

    Raises
    ------
    ParameterError
        If a policy or, with the first rows, a channel is unknown.
    DataError
        If a value is missing and the policy is ``"raise"``.

    Examples
    --------
    >>> from streamlyt.core import Schema
    >>> rows = [[1.0, 1.0], [np.nan, 2.0], [3.0, np.nan]]
    >>> batch = Batch("", [0, 1, 2], rows, Schema.of("a", "b"))
    >>> MissingValues("ffill", channels={"b": "drop"}).update(batch)[0].values.tolist()
    [[1.0, 1.0], [1.0, 2.0]]
    """

    def __init__(
        self, missing: Policy = "raise", channels: Mapping[str, Policy] | None = None
    ) -> None:
        for name, value in {"missing": missing, **(channels or {})}.items():
            if value not in POLICIES:
                raise ParameterError(f"{name} must be 'drop', 'ffill' or 'raise', got {value!r}")
        self.missing = missing
        self.channels = channels
        self.state = {}

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Return the complete and the filled rows."""
        policies = self._policies(batch)
        if not batch.n_rows:
            return batch, []
        check_width(batch, self.state["last"].size if "last" in self.state else None)
        missing = ~np.isfinite(batch.values)
        self._reject(batch, missing & (policies == "raise"))
        fill = policies == "ffill"
        last = self.state.get("last", np.full(batch.schema.n_channels, np.nan))
        values = np.concatenate([last[None], batch.values])
        # Row of the last value of each channel at or before each row; row 0 is the state.
        known = np.where(np.isfinite(values), np.arange(len(values))[:, None], 0)
        source = np.maximum.accumulate(known, axis=0)
        filled = np.take_along_axis(values, source, axis=0)
        self.state["last"] = filled[-1].copy()
        values = np.where(fill, filled[1:], batch.values)
        kept = np.isfinite(values).all(axis=1)
        counts = self.state.get("filled", np.zeros(1, np.int64))
        self.state["filled"] = counts + int((missing & fill)[kept].sum())
        record_rows(kept, self.state)
        if kept.all() and not missing.any():
            return batch, []
        return Batch(batch.key, batch.times[kept], values[kept], batch.schema), []

    def input_index(self, index: int) -> int:
        """Return the input row of the output row ``index``."""
        return input_index(index, self.state)

    def _policies(self, batch: Batch) -> "np.ndarray[tuple[int], np.dtype[np.str_]]":
        own = self.channels or {}
        names = batch.schema.channel_names
        for name in own:
            if name not in names:
                raise unknown_name_error("channel of missing_values", name, list(names))
        return np.array([own.get(name, self.missing) for name in names])

    @staticmethod
    def _reject(batch: Batch, missing: "np.ndarray[tuple[int, int], np.dtype[np.bool_]]") -> None:
        if missing.any():
            row, column = (int(i) for i in np.argwhere(missing)[0])
            channel, time = batch.schema.channel_names[column], batch.times[row]
            raise DataError(
                f"{series_prefix(batch.key)}values must not be missing, got "
                f"{batch.values[row, column]} in channel {channel!r} at time {time} "
                f"{batch.schema.time_unit}; use the policy drop or fill"
            )
