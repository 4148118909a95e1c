"""A sink that stalls while a file exists, where the registry finds it."""

import time
from pathlib import Path

from streamlyt.core import Sink

__all__ = ["StallingSink"]


class StallingSink(Sink):
    """Blocks in each write while a file exists.

    Parameters
    ----------
    gate
        The file.
    """

    def __init__(self, gate: str) -> None:
        self.gate = gate

    def write_rows(self, batch):
        while Path(self.gate).exists():
            time.sleep(0.05)

    def write_event(self, event):
        pass

    def flush(self):
        pass
