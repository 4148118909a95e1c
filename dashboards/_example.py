"""A small recorded run with one change: what the examples of this wing look at."""

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from streamlyt.base import Batch, Event, Schema
from streamlyt.runfile import RunFile

from ._buckets import Run

__all__ = ["example_run"]


@cache
def example_run() -> Run:
    """Return a run of 400 rows in a temporary folder, gone at exit; x steps up at row 250.

    Examples
    --------
    >>> example_run().n_rows("a")
    400
    """
    folder = Path(mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    rng = np.random.default_rng(0)
    moved = np.arange(400) >= 250
    x = rng.normal(size=400) + 8.0 * moved
    statistic = 1.0 + 5.0 * moved
    threshold = np.where(np.arange(400) < 50, np.inf, 4.0)
    values = np.column_stack([x, rng.normal(size=400), statistic, threshold, statistic > threshold])
    schema = Schema.of("x", "y", "statistic", "threshold", "alarm")
    run = RunFile.create(folder / "example.streamlyt", pipeline="")
    run.write(Batch("a", np.arange(400), values, schema))
    run.record(Event("a", "newma", 255, 255, 250, 250, 6.0, 4.0, ("x", "y"), (0.9, 0.1)))
    run.checkpoint({}, {}, complete=True)
    atexit.register(run.close)  # before the folder goes
    return run
