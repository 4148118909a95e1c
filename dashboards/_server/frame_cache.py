"""Shared cache of all open pages: one snapshot of the run, each frame built once."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from streamlyt.core.errors import StreamlytError
from streamlyt.dashboards._data.snapshot import RunSnapshot
from streamlyt.dashboards._page.series_list import series_list
from streamlyt.dashboards._plotting.serialization import pack_frame
from streamlyt.dashboards.process_metrics import Throughput

from .frames import build_frame
from .process_run import ProcessRun, memory_mb
from .run_feed import RunFeed
from .view import View

__all__ = ["ALL", "FrameCache", "FrameKey"]

ALL = "all series"
_CACHE_SIZE = 64  # frames of the current snapshot
_DRAWINGS = 32  # of pages, about 100 kB each
_PAUSE_FACTOR = 19.0  # pause over the time of the frames: at most a twentieth of a core
_MAX_PAUSE_S = 5.0

Drawing = tuple[str, dict[str, str]]
"""Bokeh's script for the figures of a page, and the container of each by its name."""

FrameKey = tuple[str, View]
"""Page and view.

A page is ``"series"``, ``"process"`` or ``"all series"``; ``"one"`` is a series page for a token
limited to some series: it shows no process metrics, as these would reveal the others.
"""


class FrameCache:
    """Builds the frames of all pages from one snapshot of the run.

    A separate thread reads and downsamples, so that the event loop is not blocked.

    Parameters
    ----------
    feed
        Source of the run.
    metrics
        Returns the metrics of the process; None if only the run file is known.
    """

    def __init__(
        self, feed: RunFeed, metrics: Callable[[], Mapping[str, float]] | None = None
    ) -> None:
        self.feed = feed
        self.name = feed.name
        self.error = ""  # of an unreadable run
        self.process_run = ProcessRun(metrics or self._metrics)
        self.snapshot: RunSnapshot | None = None
        self.number = 0  # of the snapshot
        self._epoch = os.urandom(4).hex()  # distinguishes the numbers of another process
        self._version = -1
        self._changed_at = time.monotonic()
        self._sampled_at = self._throttled_until = 0.0
        self._sample_number = 0
        self._frames: dict[FrameKey, tuple[str, bytes]] = {}
        self._drawings: dict[str, Drawing] = {}
        self._thread = ThreadPoolExecutor(1, "dashboard")

    async def refresh(self) -> None:
        """Poll the run."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._refresh)

    async def frame(self, frame_key: FrameKey) -> tuple[str, bytes]:
        """Return stamp and bytes of the current frame of a page."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._frame, frame_key)

    async def call(self, work: Callable[[], Any]) -> Any:
        """Call a function in the thread that reads the run."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def stamp(self, frame_key: FrameKey) -> str:
        """Return the identifier of the current frame of a page; it changes with the frame."""
        page, view = frame_key
        if page == "process":
            return f"{self._epoch} {self._sample_number}"
        if self.snapshot is None:
            return f"{self._epoch} waiting {self.error}"
        if page in ("series", "one") and not view.follows:
            return f"{self._epoch} {len(self.snapshot.events(view.key))}"
        return f"{self._epoch} {self.number}"

    def drawing(self, name: str, draw: Callable[[], "Drawing"]) -> "Drawing":
        """Return the drawing of a name; it is created once and cached."""
        if name not in self._drawings:
            if len(self._drawings) >= _DRAWINGS:
                self._drawings.pop(next(iter(self._drawings)))
            self._drawings[name] = draw()
        return self._drawings[name]

    @property
    def throttled(self) -> bool:
        """Whether frames are expensive, so that following pages must wait."""
        return time.monotonic() < self._throttled_until

    def process_status(self, page: str) -> dict[str, str]:
        """Return the process metrics of a page: label -> value."""
        return {} if page == "one" else self.process_run.newest()

    def close(self) -> None:
        """Close the run."""
        self._thread.submit(self.feed.close).result()
        self._thread.shutdown()

    def _refresh(self) -> None:
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
            self._version, self._changed_at = version, now
            self.number += 1
        if now - self._sampled_at >= 1.0:
            self._sampled_at = max(self._sampled_at + 1.0, now - 0.5)
            self.process_run.sample()
            self._sample_number += 1

    def _frame(self, frame_key: FrameKey) -> tuple[str, bytes]:
        stamp = self.stamp(frame_key)
        cached = self._frames.get(frame_key)
        if cached is not None and cached[0] == stamp:
            return cached
        started_at = time.thread_time()
        frame = stamp, self._build(frame_key)
        if len(self._frames) >= _CACHE_SIZE:
            self._frames.clear()
        self._frames[frame_key] = frame
        elapsed = time.thread_time() - started_at
        pause = min(_PAUSE_FACTOR * elapsed, _MAX_PAUSE_S)
        self._throttled_until = max(self._throttled_until, time.monotonic()) + pause
        return frame

    def _build(self, frame_key: FrameKey) -> bytes:
        page, view = frame_key
        try:
            if page == "process":
                return build_frame(
                    RunSnapshot(self.process_run), view, lambda *of: [Throughput(*of[:3])]
                )
            if self.snapshot is None:
                return pack_frame({"waiting": self.error or "Waiting for the run to start."}, {})
            if page == ALL:
                return pack_frame(
                    series_list(self.snapshot, view.find, self.process_run.newest()), {}
                )
            if not self.snapshot.has(view.key):
                return pack_frame({"waiting": _missing(self.snapshot)}, {})
            return build_frame(self.snapshot, view, process_status=self.process_status(page))
        except StreamlytError as problem:  # the page shows it and requests again
            return pack_frame({"waiting": str(problem)}, {})

    def _metrics(self) -> dict[str, float]:
        values = {"memory": memory_mb()}
        if self.snapshot is not None:
            # The writer's total is one number: faster than a sum over very many series.
            rows = self.snapshot.meta.get("rows") or sum(
                n for n, _ in self.snapshot.row_counts().values()
            )
            values["rows"] = float(rows)
            values["checkpoint"] = time.monotonic() - self._changed_at
        return values


def _missing(snapshot: RunSnapshot) -> str:
    """Return the message about a series without rows."""
    if snapshot.meta.get("complete"):
        return "The run is complete and has no such series."
    return "Waiting for the first rows of this series."
