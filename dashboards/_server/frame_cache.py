"""What all open pages share: one look at the run, and each screenful made once."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from streamlyt.core.errors import StreamlytError
from streamlyt.dashboards._data.snapshot import RunSnapshot
from streamlyt.dashboards._page.series_list import list_of
from streamlyt.dashboards._plotting.serialization import pack_frame
from streamlyt.dashboards.process_metrics import Throughput

from .frames import frame_of
from .process_run import ProcessRun, memory_mb
from .run_feed import RunFeed
from .view import View

__all__ = ["ALL", "FrameCache", "FrameKey"]

ALL = "all series"
_KEPT = 64  # frames of the moment
_DRAWINGS = 32  # of pages, each about 100 kB
_REST = 19.0  # times as long as the frames of a moment took: at most a twentieth of a core
_LONGEST_REST_S = 5.0

Drawing = tuple[str, dict[str, str]]
"""Bokeh's script for the figures of a page, and the place of each by its name."""

FrameKey = tuple[str, View]
"""Which page, and what it looks at.

A page is ``"series"``, ``"process"`` or ``"all series"``; ``"one"`` is that of a series for who may
see only some, and tells nothing of the process, as that would tell of the others.
"""


class FrameCache:
    """Makes the frames of all pages from one look at the run.

    A thread of its own reads and draws together, so that the event loop it belongs to goes on.

    Parameters
    ----------
    feed
        Where the run comes from.
    gauges
        Returns what the process tells of itself; None where only the run file is known.
    """

    def __init__(
        self, feed: RunFeed, gauges: Callable[[], Mapping[str, float]] | None = None
    ) -> None:
        self.feed = feed
        self.name = feed.name
        self.error = ""  # the run cannot be read
        self.pulse = ProcessRun(gauges or self._gauges)
        self.snapshot: RunSnapshot | None = None
        self.number = 0  # of the look
        self._epoch = os.urandom(4).hex()  # numbers of an earlier process mean nothing here
        self._version = -1
        self._news_at = time.monotonic()
        self._beat_at = self._rest_until = 0.0
        self._pulse_number = 0
        self._frames: dict[FrameKey, tuple[str, bytes]] = {}
        self._drawings: dict[str, Drawing] = {}
        self._thread = ThreadPoolExecutor(1, "dashboard")

    async def refresh(self) -> None:
        """See whether there is news."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._turn)

    async def frame(self, seen: FrameKey) -> tuple[str, bytes]:
        """Return the stamp and the bytes of what a page is to show now."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._frame, seen)

    async def call(self, work: Callable[[], Any]) -> Any:
        """Do something with the run, in the thread that may read it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def stamp(self, seen: FrameKey) -> str:
        """Return what names the frame of a page as it would be now; while it stays, it is shown."""
        page, view = seen
        if page == "process":
            return f"{self._epoch} {self._pulse_number}"
        if self.snapshot is None:
            return f"{self._epoch} waiting {self.error}"
        if page in ("series", "one") and not view.follows:
            return f"{self._epoch} {len(self.snapshot.events(view.key))}"
        return f"{self._epoch} {self.number}"

    def drawing(self, name: str, draw: Callable[[], "Drawing"]) -> "Drawing":
        """Return the drawing of that name; it is made once, and kept while there is room."""
        if name not in self._drawings:
            if len(self._drawings) >= _DRAWINGS:
                self._drawings.pop(next(iter(self._drawings)))
            self._drawings[name] = draw()
        return self._drawings[name]

    @property
    def throttled(self) -> bool:
        """Whether frames took so long that pages that follow have to wait."""
        return time.monotonic() < self._rest_until

    def process_status(self, page: str) -> dict[str, str]:
        """Return what a page tells of the process: label -> value."""
        return {} if page == "one" else self.pulse.newest()

    def close(self) -> None:
        """Let go of the run."""
        self._thread.submit(self.feed.close).result()
        self._thread.shutdown()

    def _turn(self) -> None:
        now = time.monotonic()
        try:
            run, version = self.feed.poll()
            self.error = ""
        except StreamlytError as problem:
            run, version, self.error = None, self._version, str(problem)
        if run is None:
            self.snapshot, self._version = None, -1
        elif version != self._version and not self.throttled:
            self.snapshot = RunSnapshot(run, self.snapshot)
            self._version, self._news_at = version, now
            self.number += 1
        if now - self._beat_at >= 1.0:
            self._beat_at = max(self._beat_at + 1.0, now - 0.5)
            self.pulse.sample()
            self._pulse_number += 1

    def _frame(self, seen: FrameKey) -> tuple[str, bytes]:
        stamp = self.stamp(seen)
        kept = self._frames.get(seen)
        if kept is not None and kept[0] == stamp:
            return kept
        began = time.thread_time()
        made = stamp, self._made(seen)
        if len(self._frames) >= _KEPT:
            self._frames.clear()
        self._frames[seen] = made
        took = time.thread_time() - began
        rest = min(_REST * took, _LONGEST_REST_S)
        self._rest_until = max(self._rest_until, time.monotonic()) + rest
        return made

    def _made(self, seen: FrameKey) -> bytes:
        page, view = seen
        try:
            if page == "process":
                return frame_of(RunSnapshot(self.pulse), view, lambda *of: [Throughput(*of[:3])])
            if self.snapshot is None:
                return pack_frame({"waiting": self.error or "Waiting for the run to begin."}, {})
            if page == ALL:
                return pack_frame(list_of(self.snapshot, view.find, self.pulse.newest()), {})
            if not self.snapshot.has(view.key):
                return pack_frame({"waiting": _missing(self.snapshot)}, {})
            return frame_of(self.snapshot, view, pulse=self.process_status(page))
        except StreamlytError as problem:  # the page tells it, and asks again
            return pack_frame({"waiting": str(problem)}, {})

    def _gauges(self) -> dict[str, float]:
        told = {"memory": memory_mb()}
        if self.snapshot is not None:
            # What a writer tells of itself is one number; of very many series it is the quick way.
            rows = self.snapshot.meta.get("rows") or sum(
                n for n, _ in self.snapshot.row_counts().values()
            )
            told["rows"] = float(rows)
            told["checkpoint"] = time.monotonic() - self._news_at
        return told


def _missing(look: RunSnapshot) -> str:
    """Return what is said of a series that has no rows."""
    if look.meta.get("complete"):
        return "The run has ended, and has no such series."
    return "Waiting for the first rows of this series."
