"""Where it moved: a heat map of residues, atoms or channels over time."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from streamlyt.core import Array, Floats

from ._data.deviations import BINS, by_group, color_limit, deviations, group_of, means_of, ranking
from ._data.downsampling import Run
from ._panel import Panel, Table

if TYPE_CHECKING:
    from bokeh.models import Range

__all__ = ["Attribution"]

_MOST_ROWS = 60  # of the heat map: more cannot be labelled
_TABLE_ROWS = 15


class Attribution(Panel):
    """Where it moved: how far each group of channels went from its running reference.

    Parameters
    ----------
    run
        What is looked at: a run file, or anything with its reading methods.
    key
        The series.
    points
        Columns of the heat map at most.

    Notes
    -----
    A cell is the root mean square over the channels of a group of their distance from a running
    mean of the stretches before, in robust standard deviations. Of more than 60 groups those
    are shown that went furthest, in the order of the source.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_run
    >>> seen = Attribution(example_run(), "a", points=40).data()
    >>> seen["groups"].tolist(), seen["grid"].shape, int(np.nanargmax(seen["grid"][0]))
    (['x', 'y'], (2, 40), 25)
    """

    title = "Where it moved"
    order = 30
    alt_text = "Heat map of how far each group moved over time. The furthest follow as a table."
    description = (
        "Each row is a group of channels. The stronger the colour, the further its mean was "
        "from where it had been just before, in robust standard deviations (σ)."
    )

    def __init__(self, run: Run, key: str, points: int = BINS) -> None:
        super().__init__(run, key, points)

    @cached_property
    def _far(self) -> tuple[Array, Array, Floats]:
        """Rows, times, and the movement of every channel."""
        rows, times, means = means_of(self.run, self.key, self.inputs, self.points, self.row_range)
        n = self.run.n_rows(self.key) if self.row_range[1] is None else self.row_range[1]
        return rows, times, deviations(means, np.diff(rows, append=max(n, *rows[-1:] + 1, 1)))

    @cached_property
    def leading(self) -> tuple[str, ...]:
        """The channels, most telling first."""
        return ranking(self._far[2], self.schema, self.inputs, self.events)

    @cached_property
    def moved(self) -> tuple[list[str], Array, Array, Floats]:
        """Groups, places and row numbers of the stretches, and movement (p, groups)."""
        rows, times, far = self._far
        x, row = self.to_axis(rows, times)
        groups, numbers = group_of(self.schema, self.inputs)
        return groups, x, row, by_group(far, numbers, len(groups))

    def data(self) -> dict[str, Array]:
        """Return groups (g,), grid (g, p) in sigma, x (p,), row (p,) and shares (events, g).

        The grid is even in time: a hole in the record is NaN. ``shares`` are the parts of each
        finding's movement that fall on the groups shown.
        """
        groups, x, row, far = self.moved
        peak = np.max(np.where(np.isfinite(far), far, 0.0), axis=0, initial=0.0)
        kept = np.sort(np.argsort(-peak, kind="stable")[:_MOST_ROWS])
        even, grid = _even(x, far[:, kept])
        return {
            "groups": np.array(groups, dtype=object)[kept],
            "grid": grid.T,
            "x": even,
            "row": row,
            "peak": peak[kept],
            "shares": self._shares(groups)[:, kept],
        }

    def _shares(self, groups: list[str]) -> Floats:
        """Return each finding's shares by group."""
        label = {c.name: c.group or c.name for c in self.schema.channels}
        at = {name: i for i, name in enumerate(groups)}
        shares = np.zeros((len(self.events), len(groups)))
        for row, event in zip(shares, self.events, strict=True):
            for name, share in zip(event.channels, event.contributions, strict=False):
                place = at.get(label.get(name, name))
                if place is not None:
                    row[place] += share
        return shares

    def legend(self, seen: dict[str, Array]) -> Sequence[tuple[str, str]]:
        """Return the legend."""
        shown, known = len(seen["groups"]), len(self.moved[0])
        keys = [("scale", f"1 σ to {color_limit(seen['grid']):.0f} σ and more")]
        if self.events:
            keys.append(("key change", "change began"))
        if shown < known:
            keys.append(("", f"{shown} of {known:,} groups, those that moved furthest"))
        return keys

    def data_sources(self, seen: dict[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the image, its lowest row first, the names of its rows, and the changes."""
        x, image = seen["x"], seen["grid"][np.newaxis, ::-1]
        step = float(x[1] - x[0]) if len(x) > 1 else 1.0
        if not len(x):  # an image must have a column
            x, image = np.zeros(1), np.full((1, len(seen["groups"]), 1), np.nan)
        return {
            "grid": {
                "image": image,
                "x": x[:1],
                "dw": x[-1:] + step - x[:1],
                "high": np.array([color_limit(seen["grid"])]),
            },
            "names": {"name": seen["groups"][::-1]},
            "changes": self.change_spans(),
        }

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh figure."""
        from ._plotting import annotations as mark
        from ._plotting import (
            figures as draw,  # Bokeh costs most of a second; columns() goes without
        )

        seen = self.data()
        held, top = self.bokeh_sources(seen), len(seen["groups"])
        row = 24 if top <= 12 else 14 if top <= 30 else 11
        plot = draw.time_figure(
            self.axis, 60 + row * max(top, 3), x_range, y_range=(0, max(top, 1))
        )
        mark.heat_map(plot, self.axis, held, top)
        mark.add_changes(plot, held["changes"], tails=False)
        return plot

    def table(self) -> Table:
        """Return the groups that went furthest, how far and when."""
        groups, _, row, far = self.moved
        filled = np.where(np.isfinite(far), far, 0.0)
        peak = filled.max(axis=0, initial=0.0)
        rows = [
            (groups[g], f"{peak[g]:.1f}", f"{int(row[filled[:, g].argmax()]):,}")
            for g in np.argsort(-peak, kind="stable")[:_TABLE_ROWS]
            if peak[g] > 0
        ]
        headings = ("group", "furthest (σ)", f"near {self.schema.row_label}")
        return Table("The groups that moved furthest", headings, tuple(rows))


def _even(x: Floats, far: Floats) -> tuple[Floats, Floats]:
    """Return even places over the same stretch, and the furthest movement in each, (p, groups).

    A place between two rows of the record has the value of the one before; one further from it
    than two usual steps lies in a hole.
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
