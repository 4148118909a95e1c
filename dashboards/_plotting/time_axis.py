"""Time axis of a page: times of the run in a readable unit."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from streamlyt.core import Floats, Schema

__all__ = ["TimeAxis"]

_SIMULATED = (("ms", 1e12), ("µs", 1e9), ("ns", 1e6), ("ps", 1e3), ("fs", 1.0))  # unit, in fs
_MIN_UNITS = 3.0  # a span of at least 3 units uses that unit: 3 ns, but 2900 ps
_MAX_DECIMALS = 6  # beyond, the row number is more useful
_NS_PER_MS = 1e6  # Bokeh's dates are milliseconds since 1970


@dataclass(frozen=True)
class TimeAxis:
    """Positions of rows on the time axis and texts of their times.

    Simulation time (fs) uses the largest readable unit, clock time (ns since 1970) a date in UTC;
    steps, and a clock that does not advance, use row numbers.

    Parameters
    ----------
    kind
        ``"time"``, ``"date"`` or ``"row"``.
    unit
        Unit of the axis: ``"ns"``, ``"UTC"``, ``"frame"``.
    factor
        Time units of the series per axis unit.
    decimals
        Decimals that distinguish one row from the next.
    schema
        Schema of the series: label and numbering of its rows.

    Examples
    --------
    >>> axis = TimeAxis.of(Schema.of("x", time_unit="fs", row_label="frame"), 0, 50_000_000, 50_001)
    >>> axis.text(12_345_000, 12_345), axis.row_text(12_345)
    ('12.345 ns', 'frame 12,345')
    """

    kind: str
    unit: str
    factor: float
    decimals: int
    schema: Schema

    @classmethod
    def of(cls, schema: Schema, first: int, last: int, n_rows: int) -> "TimeAxis":
        """Choose the axis of a series of ``n_rows`` rows between two times in its unit."""
        span = float(last - first)
        if schema.time_unit not in ("fs", "ns") or (span <= 0 and n_rows > 1):
            return cls("row", schema.row_label, 1.0, 0, schema)
        step = span / max(n_rows - 1, 1)
        if schema.time_unit == "ns":
            decimals = 0 if step >= 1e9 or step <= 0 else int(np.ceil(-np.log10(step / 1e9)))
            return cls("date", "UTC", _NS_PER_MS, min(decimals, _MAX_DECIMALS), schema)
        unit, factor = next(
            ((u, f) for u, f in _SIMULATED if span >= _MIN_UNITS * f), _SIMULATED[-1]
        )
        decimals = int(np.ceil(np.log10(factor / step))) if step > 0 else 0
        return cls("time", unit, factor, int(np.clip(decimals, 0, _MAX_DECIMALS)), schema)

    @property
    def label(self) -> str:
        """Label of the axis."""
        return {"time": f"time ({self.unit})", "date": "time (UTC)"}.get(self.kind, self.unit)

    def place(self, times: ArrayLike, rows: ArrayLike) -> Floats:
        """Return axis positions of rows; ``rows`` are row numbers of the source."""
        chosen = rows if self.kind == "row" else times
        return np.asarray(chosen, dtype=np.float64) / self.factor

    def text(self, time: int, row: int) -> str:
        """Return a time as text."""
        if self.kind == "row":
            return self.row_text(row)
        if self.kind == "date":
            whole, rest = divmod(int(time), 1_000_000_000)
            seconds = str(np.datetime64(whole, "s")).replace("T", " ")
            digits = f"{rest:09d}"[: self.decimals]
            return f"{seconds}.{digits}" if digits else seconds
        return f"{time / self.factor:,.{self.decimals}f} {self.unit}"

    def row_text(self, row: int) -> str:
        """Return label and number of a row."""
        return f"{self.schema.row_label} {int(row):,}"

    def span_text(self, first: int, last: int) -> str:
        """Return a duration as text; empty if only rows are known."""
        if self.kind == "row":
            return ""
        if self.kind == "time":
            return f"{(last - first) / self.factor:,.4g} {self.unit}"
        seconds = (last - first) / 1e9
        for unit, size in (("days", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0)):
            if seconds >= _MIN_UNITS * size:
                return f"{seconds / size:,.4g} {unit}"
        return f"{seconds * 1e3:,.4g} ms"

    def params(self) -> dict[str, Any]:
        """Return the tooltip format of a position on this axis."""
        if self.kind == "date":
            return {"tip": "@x{%F %T}", "formatters": {"@x": "datetime"}}
        zeros = "0" * self.decimals
        number = f"@x{{0,0.{zeros}}}" if zeros else "@x{0,0}"
        return {"tip": f"{number} {self.unit if self.kind == 'time' else ''}", "formatters": {}}
