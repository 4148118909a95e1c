"""An operator whose every result depends on the order of all rows, and the pipelines with it."""

import numpy as np

from streamlyt.core import Event, Operator, Schema
from streamlyt.pipeline import Pipeline
from streamlyt.transforms import Reorder, SessionWindow, TumblingWindow

OUT = Schema.of("n", "total", "weight")
SHAPES = ("operator", "windows", "branches", "none")
EVERY = 5  # rows between two events


class Decay(Operator):
    """A decaying sum, raised by a change of its weight: by how much shows weight and row.

    Parameters
    ----------
    weight
        Factor of each value.
    large
        Whether the state has more bytes than SQLite keeps.

    Attributes
    ----------
    faults
        Counts the calls of the current process.
    changes
        Key -> rows of the series after which the weight becomes another, in order.
    """

    reloadable_params = frozenset({"weight"})
    faults, changes = None, {}

    def __init__(self, weight=1.0, large=False):
        self.weight, self.large, self.state = weight, large, {}

    def update(self, batch):
        if self.faults is not None:
            self.faults.call("operator")
        rows, events = np.empty((batch.n_rows, 3)), []
        for i, (time, value) in enumerate(zip(batch.times, batch.values[:, 0], strict=True)):
            self._change_at(batch.key)
            n = int(self.state["n"][0]) + 1 if self.state else 1
            total = float(self.state["total"][0]) if self.state else 0.0
            total = total * 0.9 + self.weight * (0.0 if np.isnan(value) else value)
            self._set(n=n, total=total)
            raised = self.state.get("raised", np.zeros(1))[0]
            rows[i] = n, total + raised, self.weight
            if n % EVERY == 0:
                first = max(0, n - 3)
                events.append(Event(batch.key, "?", n - 1, int(time), first, int(time), total, 0.5))
        return batch.with_values(rows, OUT), events

    def finish(self, batch):
        out = self.update(batch)
        self._change_at(batch.key)
        if self.state:
            self.state["finished"] = self.state.get("finished", np.zeros(1)) + 1
        return out

    def on_params_changed(self):
        if self.state:
            self._set(raised=1000 * self.weight + self.state["n"][0])

    def _set(self, **entries):
        size = 40_000 if self.large else 1
        self.state = self.state | {name: np.full(size, x) for name, x in entries.items()}

    def _change_at(self, key):
        n = int(self.state["n"][0]) if self.state else 0
        for after, weight in self.changes.get(key, ()):
            if n == after and weight > self.weight:
                self.weight = weight
                self.on_params_changed()


def pipeline(shape, **named):
    """Return a pipeline of one of ``SHAPES``, with the node at which files take rows."""
    decay = Decay(**named)
    if shape == "operator":
        return Pipeline({"decay": decay}), "decay"
    if shape == "windows":
        operators = {"reorder": Reorder(3), "decay": decay, "mean": TumblingWindow(10, ["mean"])}
        return Pipeline(operators), "decay"
    if shape == "branches":
        operators = {
            "reorder": Reorder(3),
            "decay": decay,
            "most": TumblingWindow(8, ["max", "sum"]),
            "session": SessionWindow(4, ["count"]),
        }
        return Pipeline(operators, {"session": "reorder"}), "decay"
    return Pipeline({}), "source"
