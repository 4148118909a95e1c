"""Field in space and time: observed, forecast and error."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Array, Floats
from streamlyt.core.forecaster import SUFFIX

from ._data.deviations import BINS
from ._panel import Panel, Table

if TYPE_CHECKING:
    from ._plotting.bokeh_import import Range

__all__ = ["Fields"]

_MIN_BUCKETS = 8  # minimum number of channels for an image; fewer are lines
_MAX_ROWS = 256  # rows of an image; a wider field shows every second, third, ... channel
_TABLE_ROWS = 20
_IMAGES = (("truth", "Observed"), ("forecast", "One-step forecast"), ("error", "Error"))


class Fields(Panel):
    """Rows of a forecaster with many channels as images, for a field on a grid.

    Parameters
    ----------
    run
        Run file, or any object with its reading methods.
    key
        Key of the series.
    points
        Maximum number of columns of an image; 300 are enough for any screen.

    Notes
    -----
    All three images share one color scale around zero, up to the largest value except outliers, so
    that errors and field are comparable. The lowest row is the first channel.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_field
    >>> seen = Fields(example_field(), "a", points=25).data()
    >>> seen["truth"].shape, seen["error"][3, 1:3].tolist()
    ((12, 25), [4.0, 4.0])
    """

    title = "Field: observed, forecast, error"
    description = (
        "Horizontal: time. Vertical: channels in order. Top: observed. Middle: one-step forecast. "
        "Bottom: error. One color scale."
    )
    order = 14  # before the line charts of the first channels
    alt_text = "Image of all channels over time. A data table of the errors follows."

    def is_applicable(self) -> bool:
        """Whether there are forecasts of many channels."""
        return len(self._forecast) >= _MIN_BUCKETS

    @property
    def _forecast(self) -> tuple[str, ...]:
        names = set(self.schema.channel_names)
        return tuple(name for name in self.schema.channel_names if name + SUFFIX in names)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels of the image rows, the lowest first."""
        known = self._forecast
        return known[:: -(-len(known) // _MAX_ROWS)]

    def figure_names(self) -> Sequence[str]:
        """Return the headings of the images."""
        return tuple(name for _, name in _IMAGES)

    def data(self) -> dict[str, Array]:
        """Return x (p,), row (p,), and truth, forecast and error, each (channels, p).

        Columns are even in time: a gap in the data is NaN. The error is that of the bucket mean.
        """
        names = self.channels
        points = min(self.points, BINS)
        buckets = self.buckets([*names, *(name + SUFFIX for name in names)], points)
        x, row = self.to_axis(buckets.rows, buckets.times)
        even, at = _even(x)
        both = np.where((at >= 0)[:, None], buckets.mean[at] if len(at) else buckets.mean, np.nan)
        truth, forecast = both[:, : len(names)].T, both[:, len(names) :].T
        return {"x": even, "row": row, "truth": truth, "forecast": forecast} | {
            "error": truth - forecast
        }

    def legend(self, data: dict[str, Array]) -> Sequence[tuple[str, str]]:
        """Return the legend."""
        high = _color_limit(data)
        return (("scale field", f"−{high:,.3g} to {high:,.3g}"),)  # noqa: RUF001 - minus sign

    def data_sources(self, data: dict[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the images, the names of their rows, and the changes."""
        x, high = data["x"], np.array([_color_limit(data)])
        step = float(x[1] - x[0]) if len(x) > 1 else 1.0
        position = {"x": x[:1], "dw": x[-1:] + step - x[:1]} if len(x) else {}
        sources: dict[str, dict[str, Array]] = {}
        for name, _ in _IMAGES:
            image = data[name] if len(x) else np.full((len(self.channels), 1), np.nan)
            sources[name] = {"image": image[np.newaxis], "high": high} | (
                position or {"x": np.zeros(1), "dw": np.ones(1)}
            )
        names = {"name": np.array(self.channels, dtype=object)}
        return sources | {"names": names, "changes": self.change_spans()}

    def figures(self, x_range: "Range | None" = None) -> dict[str, Any]:
        """Return the Bokeh figures of the three images."""
        from ._plotting import annotations as mark
        from ._plotting import (
            figures as draw,  # importing Bokeh takes about one second; data() does not need it
        )

        sources, top = self.bokeh_sources(self.data()), len(self.channels)
        figures: dict[str, Any] = {}
        for name, title in _IMAGES:
            last = name == _IMAGES[-1][0]
            plot = draw.time_figure(self.axis, 190 if last else 150, x_range, y_range=(0, top))
            x_range = x_range or plot.x_range
            mark.field(plot, self.axis, sources[name], sources["names"], top, name)
            mark.add_changes(plot, sources["changes"], tails=False)
            plot.xaxis.visible = last
            figures[title] = plot
        return figures

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh figures in one column."""
        from ._plotting.bokeh_import import column

        return column(list(self.figures(x_range).values()), sizing_mode="stretch_width")

    def table(self) -> Table:
        """Return error and field, as RMS over all channels, in segments of time."""
        data = self.data()
        n = len(data["row"])
        parts = min(_TABLE_ROWS, n)
        starts = [i * n // parts for i in range(parts)]
        rows = []
        for first, stop in zip(starts, [*starts[1:], n], strict=True):
            error, truth = (data[name][:, first:stop] for name in ("error", "truth"))
            rows.append((f"from {int(data['row'][first]):,}", _size(error), _size(truth)))
        headings = (self.schema.row_label, "error", "field")
        return Table("Root mean square over all channels", headings, tuple(rows))


def _size(part: Floats) -> str:
    known = part[np.isfinite(part)]
    return f"{np.sqrt(np.mean(known**2)):,.3g}" if known.size else "–"


def _color_limit(data: dict[str, Array]) -> float:
    """Return the value at the end of the color scale."""
    known = np.abs(data["truth"][np.isfinite(data["truth"])])
    return float(np.percentile(known, 99.7)) or 1.0 if known.size else 1.0


def _even(x: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return evenly spaced positions and the bucket at each; -1 in a gap."""
    n = len(x)
    if n < 2 or x[-1] <= x[0]:
        return x[:1], np.zeros(min(n, 1), dtype=np.int64)
    step = (x[-1] - x[0]) / (n - 1)
    even = x[0] + step * np.arange(n)
    at = np.searchsorted(x, even + 1e-6 * step, side="right") - 1
    usual = max(float(np.median(np.diff(x))), step)
    return even, np.where(even - x[at] <= 2.0 * usual, at, -1)
