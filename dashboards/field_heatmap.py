"""A field in space and time: what came, what was forecast, and the error between them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Array, Floats
from streamlyt.core.forecaster import SUFFIX

from ._data.deviations import BINS
from ._panel import Panel, Table

if TYPE_CHECKING:
    from bokeh.models import Range

__all__ = ["Fields"]

_FEWEST = 8  # channels that are worth an image; fewer are lines
_MOST = 256  # rows of an image: of a wider field every second, third, ... channel
_TABLE_ROWS = 20
_IMAGES = (("truth", "What came"), ("forecast", "Forecast a row ahead"), ("error", "Error"))


class Fields(Panel):
    """Rows of a forecaster of many channels side by side, as of a field on a grid.

    Parameters
    ----------
    run
        What is looked at: a run file, or anything with its reading methods.
    key
        The series.
    points
        Columns of an image at most; 300 are enough for any screen.

    Notes
    -----
    All three images share one scale about zero, the largest value but for a few stray ones, so
    that an error as large as the field has its colours. The lowest row is the first channel.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_field
    >>> seen = Fields(example_field(), "a", points=25).data()
    >>> seen["truth"].shape, seen["error"][3, 1:3].tolist()
    ((12, 25), [4.0, 4.0])
    """

    title = "The field, its forecast and the error"
    description = (
        "Across: time. Upwards: the channels in their order. What came above, what was forecast "
        "below it, and what is left of the one without the other, all on one scale."
    )
    order = 14  # of a field the image tells more than its first channels
    alt_text = "Image of all channels over time. The errors follow as a table."

    def is_applicable(self) -> bool:
        """Whether there are forecasts of many channels."""
        return len(self._forecast) >= _FEWEST

    @property
    def _forecast(self) -> tuple[str, ...]:
        names = set(self.schema.channel_names)
        return tuple(name for name in self.schema.channel_names if name + SUFFIX in names)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels that are rows of the images, the lowest first."""
        known = self._forecast
        return known[:: -(-len(known) // _MOST)]

    def figure_names(self) -> Sequence[str]:
        """Return what stands over each image."""
        return tuple(name for _, name in _IMAGES)

    def data(self) -> dict[str, Array]:
        """Return x (p,), row (p,), and truth, forecast and error, each (channels, p).

        Columns are even in time: a hole in the record is NaN. The error is that of the mean.
        """
        names = self.channels
        points = min(self.points, BINS)
        seen = self.buckets([*names, *(name + SUFFIX for name in names)], points)
        x, row = self.to_axis(seen.rows, seen.times)
        even, at = _even(x)
        both = np.where((at >= 0)[:, None], seen.mean[at] if len(at) else seen.mean, np.nan)
        truth, forecast = both[:, : len(names)].T, both[:, len(names) :].T
        return {"x": even, "row": row, "truth": truth, "forecast": forecast} | {
            "error": truth - forecast
        }

    def legend(self, seen: dict[str, Array]) -> Sequence[tuple[str, str]]:
        """Return the legend."""
        high = _extent(seen)
        return (("scale field", f"−{high:,.3g} to {high:,.3g}"),)  # noqa: RUF001 - that minus, too

    def data_sources(self, seen: dict[str, Array]) -> dict[str, dict[str, Array]]:
        """Return an image each, the names of its rows, and the changes."""
        x, high = seen["x"], np.array([_extent(seen)])
        step = float(x[1] - x[0]) if len(x) > 1 else 1.0
        place = {"x": x[:1], "dw": x[-1:] + step - x[:1]} if len(x) else {}
        drawn: dict[str, dict[str, Array]] = {}
        for name, _ in _IMAGES:
            image = seen[name] if len(x) else np.full((len(self.channels), 1), np.nan)
            drawn[name] = {"image": image[np.newaxis], "high": high} | (
                place or {"x": np.zeros(1), "dw": np.ones(1)}
            )
        names = {"name": np.array(self.channels, dtype=object)}
        return drawn | {"names": names, "changes": self.change_spans()}

    def figures(self, x_range: "Range | None" = None) -> dict[str, Any]:
        """Return the Bokeh figures of the three images."""
        from ._plotting import annotations as mark
        from ._plotting import (
            figures as draw,  # Bokeh costs most of a second; columns() goes without
        )

        held, top = self.bokeh_sources(self.data()), len(self.channels)
        drawn: dict[str, Any] = {}
        for name, title in _IMAGES:
            last = name == _IMAGES[-1][0]
            plot = draw.time_figure(self.axis, 190 if last else 150, x_range, y_range=(0, top))
            x_range = x_range or plot.x_range
            mark.field(plot, self.axis, held[name], held["names"], top, name)
            mark.add_changes(plot, held["changes"], tails=False)
            plot.xaxis.visible = last
            drawn[title] = plot
        return drawn

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh figures, one above the other."""
        from bokeh.layouts import column

        return column(list(self.figures(x_range).values()), sizing_mode="stretch_width")

    def table(self) -> Table:
        """Return the error of all channels beside their spread in a few stretches of time."""
        seen = self.data()
        n = len(seen["row"])
        parts = min(_TABLE_ROWS, n)
        starts = [i * n // parts for i in range(parts)]
        rows = []
        for first, stop in zip(starts, [*starts[1:], n], strict=True):
            error, truth = (seen[name][:, first:stop] for name in ("error", "truth"))
            rows.append((f"from {int(seen['row'][first]):,}", _size(error), _size(truth)))
        headings = (self.schema.row_label, "error", "field")
        return Table("Root mean square over all channels", headings, tuple(rows))


def _size(part: Floats) -> str:
    known = part[np.isfinite(part)]
    return f"{np.sqrt(np.mean(known**2)):,.3g}" if known.size else "–"


def _extent(seen: dict[str, Array]) -> float:
    """Return the value that gets the last colour."""
    known = np.abs(seen["truth"][np.isfinite(seen["truth"])])
    return float(np.percentile(known, 99.7)) or 1.0 if known.size else 1.0


def _even(x: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return even places over the same stretch, and the bucket at each; -1 in a hole."""
    n = len(x)
    if n < 2 or x[-1] <= x[0]:
        return x[:1], np.zeros(min(n, 1), dtype=np.int64)
    step = (x[-1] - x[0]) / (n - 1)
    even = x[0] + step * np.arange(n)
    at = np.searchsorted(x, even + 1e-6 * step, side="right") - 1
    usual = max(float(np.median(np.diff(x))), step)
    return even, np.where(even - x[at] <= 2.0 * usual, at, -1)
