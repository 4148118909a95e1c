"""Attribution by group: heat map of residues, atoms or channels over time."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from streamlyt.core import Array, Floats

from ._data.deviations import (
    BINS,
    bucket_means,
    channel_groups,
    color_limit,
    deviations,
    group_rms,
    ranking,
)
from ._data.downsampling import ReadableRun
from ._panel import Panel, Table

if TYPE_CHECKING:
    from ._plotting.bokeh_import import Range

__all__ = ["Attribution"]

_MAX_ROWS = 60  # of the heat map: more cannot be labeled
_TABLE_ROWS = 15


class Attribution(Panel):
    """Deviation of each group of channels from its running reference.

    Parameters
    ----------
    run
        Run file, or any object with its reading methods.
    key
        Key of the series.
    points
        Maximum number of columns of the heat map.

    Notes
    -----
    A cell is the root mean square over the channels of a group of their deviation from a running
    mean of the preceding buckets, in robust standard deviations. Of more than 60 groups, those
    with the largest deviation are shown, in the order of the source.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_run
    >>> seen = Attribution(example_run(), "a", points=40).data()
    >>> seen["groups"].tolist(), seen["grid"].shape, int(np.nanargmax(seen["grid"][0]))
    (['x', 'y'], (2, 40), 25)
    """

    title = "Attribution by group"
    order = 30
    alt_text = "Heat map of the deviation of each group over time. A data table follows."
    description = (
        "Each row is a group of channels. Color: deviation of its mean from the running reference, "
        "in robust standard deviations (σ)."
    )

    def __init__(self, run: ReadableRun, key: str, points: int = BINS) -> None:
        super().__init__(run, key, points)

    @cached_property
    def _deviations(self) -> tuple[Array, Array, Floats]:
        """Rows, times, and the deviation of every channel."""
        rows, times, means = bucket_means(
            self.run, self.key, self.inputs, self.points, self.row_range
        )
        n = self.run.n_rows(self.key) if self.row_range[1] is None else self.row_range[1]
        return rows, times, deviations(means, np.diff(rows, append=max(n, *rows[-1:] + 1, 1)))

    @cached_property
    def leading(self) -> tuple[str, ...]:
        """The channels by decreasing contribution."""
        return ranking(self._deviations[2], self.schema, self.inputs, self.events)

    @cached_property
    def grouped(self) -> tuple[list[str], Array, Array, Floats]:
        """Groups, positions and row numbers of the buckets, and deviations (p, groups)."""
        rows, times, far = self._deviations
        x, row = self.to_axis(rows, times)
        groups, numbers = channel_groups(self.schema, self.inputs)
        return groups, x, row, group_rms(far, numbers, len(groups))

    def data(self) -> dict[str, Array]:
        """Return groups (g,), grid (g, p) in sigma, x (p,), row (p,) and shares (events, g).

        The grid is even in time: a gap in the data is NaN. ``shares`` are the contributions of the
        shown groups to each event.
        """
        groups, x, row, deviation = self.grouped
        peak = np.max(np.where(np.isfinite(deviation), deviation, 0.0), axis=0, initial=0.0)
        kept = np.sort(np.argsort(-peak, kind="stable")[:_MAX_ROWS])
        positions, grid = _even(x, deviation[:, kept])
        return {
            "groups": np.array(groups, dtype=object)[kept],
            "grid": grid.T,
            "x": positions,
            "row": row,
            "peak": peak[kept],
            "shares": self._shares(groups)[:, kept],
        }

    def _shares(self, groups: list[str]) -> Floats:
        """Return the contributions to each event by group."""
        label = {c.name: c.group or c.name for c in self.schema.channels}
        index = {name: i for i, name in enumerate(groups)}
        shares = np.zeros((len(self.events), len(groups)))
        for row, event in zip(shares, self.events, strict=True):
            for name, share in zip(event.channels, event.contributions, strict=False):
                group = index.get(label.get(name, name))
                if group is not None:
                    row[group] += share
        return shares

    def legend(self, data: dict[str, Array]) -> Sequence[tuple[str, str]]:
        """Return the legend."""
        shown, known = len(data["groups"]), len(self.grouped[0])
        keys = [("scale", f"1 σ to {color_limit(data['grid']):.0f} σ and more")]
        if self.events:
            keys.append(("key change", "change point"))
        if shown < known:
            keys.append(("", f"{shown} of {known:,} groups, those with the largest deviation"))
        return keys

    def data_sources(self, data: dict[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the image, its lowest row first, the names of its rows, and the changes."""
        x, image = data["x"], data["grid"][np.newaxis, ::-1]
        step = float(x[1] - x[0]) if len(x) > 1 else 1.0
        if not len(x):  # an image must have a column
            x, image = np.zeros(1), np.full((1, len(data["groups"]), 1), np.nan)
        return {
            "grid": {
                "image": image,
                "x": x[:1],
                "dw": x[-1:] + step - x[:1],
                "high": np.array([color_limit(data["grid"])]),
            },
            "names": {"name": data["groups"][::-1]},
            "changes": self.change_spans(),
        }

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh figure."""
        from ._plotting import annotations as mark
        from ._plotting import (
            figures as draw,  # importing Bokeh takes about one second; data() does not need it
        )

        data = self.data()
        sources, top = self.bokeh_sources(data), len(data["groups"])
        row = 24 if top <= 12 else 14 if top <= 30 else 11
        plot = draw.time_figure(
            self.axis, 60 + row * max(top, 3), x_range, y_range=(0, max(top, 1))
        )
        mark.heat_map(plot, self.axis, sources, top)
        mark.add_changes(plot, sources["changes"], tails=False)
        return plot

    def table(self) -> Table:
        """Return the groups with the largest deviation, and when it occurred."""
        groups, _, row, deviation = self.grouped
        filled = np.where(np.isfinite(deviation), deviation, 0.0)
        peak = filled.max(axis=0, initial=0.0)
        rows = [
            (groups[g], f"{peak[g]:.1f}", f"{int(row[filled[:, g].argmax()]):,}")
            for g in np.argsort(-peak, kind="stable")[:_TABLE_ROWS]
            if peak[g] > 0
        ]
        headings = ("group", "largest deviation (σ)", f"near {self.schema.row_label}")
        return Table("Groups with the largest deviation", headings, tuple(rows))


def _even(x: Floats, far: Floats) -> tuple[Floats, Floats]:
    """Return evenly spaced positions, and the largest deviation at each, (p, groups).

    A position between two rows has the value of the earlier one; a position more than two usual
    steps after it is in a gap.
    """
    n = len(x)
    if n < 2 or x[-1] <= x[0]:
        return x[:1], far[:1]
    step = (x[-1] - x[0]) / (n - 1)
    even = x[0] + step * np.arange(n)
    first = np.searchsorted(x, even - 1e-6 * step)
    stop = np.append(first[1:], n)
    usual = max(float(np.median(np.diff(x))), step)
    grid = np.full((n, far.shape[1]), np.nan)
    for j in range(n):
        if stop[j] > first[j]:
            grid[j] = np.fmax.reduce(far[first[j] : stop[j]], axis=0)
        elif even[j] - x[first[j] - 1] <= 2.0 * usual:
            grid[j] = far[first[j] - 1]
    return even, grid
