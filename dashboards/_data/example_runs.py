"""Small recorded runs: what the examples of this wing look at."""

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from streamlyt.core import Batch, Event, Floats, Schema
from streamlyt.runfile import RunFile

from .downsampling import Run

__all__ = ["example_field", "example_forecast", "example_learning", "example_run"]


@cache
def example_run() -> Run:
    """Return a run of 400 rows in a temporary folder, gone at exit; x steps up at row 250.

    Examples
    --------
    >>> example_run().n_rows("a")
    400
    """
    rng = np.random.default_rng(0)
    moved = np.arange(400) >= 250
    x = rng.normal(size=400) + 8.0 * moved
    statistic = 1.0 + 5.0 * moved
    threshold = np.where(np.arange(400) < 50, np.inf, 4.0)
    values = np.column_stack([x, rng.normal(size=400), statistic, threshold, statistic > threshold])
    found = Event("a", "newma", 255, 255, 250, 250, 6.0, 4.0, ("x", "y"), (0.9, 0.1))
    return _kept(values, Schema.of("x", "y", "statistic", "threshold", "alarm"), [found])


@cache
def example_forecast() -> Run:
    """Return a run of 100 rows: x goes up by one each, and is forecast to stay."""
    x = np.arange(100.0)
    return _kept(np.column_stack([x, np.maximum(x - 1, 0)]), Schema.of("x", "x.predicted"), [])


@cache
def example_learning() -> Run:
    """Return a run of 100 rows: y leaps by two, and the model misses it by a half."""
    y = np.tile([-1.0, 1.0], 50)
    return _kept(np.column_stack([y, y, y / 2]), Schema.of("x", "y", "prediction"), [])


@cache
def example_field() -> Run:
    """Return a run of 100 rows: a field of 12 channels that grows, forecast to stay."""
    field = np.arange(100.0)[:, None] * np.arange(1.0, 13.0)
    names = [f"u{i}" for i in range(12)]
    said = np.vstack([field[:1], field[:-1]])
    both = Schema.of(*names, *(f"{name}.predicted" for name in names))
    return _kept(np.hstack([field, said]), both, [])


def _kept(values: Floats, schema: Schema, events: list[Event]) -> Run:
    folder = Path(mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run = RunFile.create(folder / "example.streamlyt", pipeline="")
    run.write_rows(Batch("a", np.arange(len(values)), values, schema))
    for event in events:
        run.write_event(event)
    run.checkpoint({}, {}, complete=True)
    atexit.register(run.close)  # before the folder goes
    return run
