"""Small recorded runs for the doctests of this package."""

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from streamlyt.core import Batch, Event, Floats, Schema
from streamlyt.runfile import RunFile

from .downsampling import ReadableRun

__all__ = ["example_field", "example_forecast", "example_learning", "example_run"]


@cache
def example_run() -> ReadableRun:
    """Return a run of 400 rows in a temporary folder, removed at exit; x steps up at row 250.

    Examples
    --------
    >>> example_run().n_rows("a")
    400
    """
    rng = np.random.default_rng(0)
    changed = np.arange(400) >= 250
    x = rng.normal(size=400) + 8.0 * changed
    statistic = 1.0 + 5.0 * changed
    threshold = np.where(np.arange(400) < 50, np.inf, 4.0)
    values = np.column_stack([x, rng.normal(size=400), statistic, threshold, statistic > threshold])
    event = Event("a", "newma", 255, 255, 250, 250, 6.0, 4.0, ("x", "y"), (0.9, 0.1))
    return _recorded(values, Schema.of("x", "y", "statistic", "threshold", "alarm"), [event])


@cache
def example_forecast() -> ReadableRun:
    """Return a run of 100 rows: x rises by one per row; the forecast is persistence."""
    x = np.arange(100.0)
    return _recorded(np.column_stack([x, np.maximum(x - 1, 0)]), Schema.of("x", "x.predicted"), [])


@cache
def example_learning() -> ReadableRun:
    """Return a run of 100 rows: y alternates between -1 and 1; the prediction is half of it."""
    y = np.tile([-1.0, 1.0], 50)
    return _recorded(np.column_stack([y, y, y / 2]), Schema.of("x", "y", "prediction"), [])


@cache
def example_field() -> ReadableRun:
    """Return a run of 100 rows: a growing field of 12 channels; the forecast is persistence."""
    field = np.arange(100.0)[:, None] * np.arange(1.0, 13.0)
    names = [f"u{i}" for i in range(12)]
    forecast = np.vstack([field[:1], field[:-1]])
    schema = Schema.of(*names, *(f"{name}.predicted" for name in names))
    return _recorded(np.hstack([field, forecast]), schema, [])


def _recorded(values: Floats, schema: Schema, events: list[Event]) -> ReadableRun:
    folder = Path(mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run = RunFile.create(folder / "example.streamlyt", pipeline="")
    run.write_rows(Batch("a", np.arange(len(values)), values, schema))
    for event in events:
        run.write_event(event)
    run.checkpoint({}, {}, complete=True)
    atexit.register(run.close)  # before the folder is removed
    return run
