"""Live pages as processes that can be measured: a writer of rows, a server, and a browser."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from streamlyt.core import Batch, Event, Schema
from streamlyt.runfile import RunFile

__all__ = ["KEY", "SCHEMA", "Processes", "looking", "rows", "serving", "writing"]

KEY = "plant"
SCHEMA = Schema.of("a", "b", "c", "statistic", "threshold", "alarm", row_label="row")
_TICKS = os.sysconf("SC_CLK_TCK")


def rows(first: int, n: int) -> Batch:
    """Return rows of three channels and a detector's columns; every row reports its number."""
    at = np.arange(first, first + n)
    rng = np.random.default_rng(first)
    noise = rng.normal(size=(n, 3))
    statistic = 1.0 + 0.2 * np.abs(noise[:, 0])
    values = np.column_stack([noise, statistic, np.full(n, 4.0), np.zeros(n)])
    return Batch(KEY, at, values, SCHEMA)


def write(path: Path, per_second: float, begun: int) -> None:
    """Write rows at a pace, a checkpoint each 250 ms, and a finding each 10 s."""
    with RunFile.create(path, pipeline="") as run:
        done = 0
        while done < begun:
            n = min(100_000, begun - done)
            run.write_rows(rows(done, n))
            done += n
        run.checkpoint({}, {}, rows=done)
        print("ready", flush=True)
        began, tick = time.monotonic(), 0
        while True:
            tick += 1
            time.sleep(max(0.0, began + tick * 0.25 - time.monotonic()))
            stop = begun + int((time.monotonic() - began) * per_second)
            if stop > done:
                run.write_rows(rows(done, stop - done))
                if tick % 40 == 0:
                    run.write_event(
                        Event(KEY, "newma", stop - 1, stop - 1, stop - 9, stop - 9, 5.0, 4.0)
                    )
                done = stop
            run.checkpoint({}, {}, rows=done)


class Processes:
    """CPU seconds and memory of processes with all that they started."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def all(self) -> list[int]:
        """Return the process and its descendants."""
        parents: dict[int, int] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError, IndexError, ValueError):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    parents[int(entry.name)] = int(fields[1])
        found = [self.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def cpu_s(self) -> float:
        """Return the CPU seconds that all of them have taken."""
        total = 0
        for pid in self.all():
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        return total / _TICKS

    def memory_mb(self) -> float:
        """Return the resident memory of the first of them."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def writing(path: Path, per_second: float, begun: int) -> Iterator[None]:
    """Let a process of its own write a run file."""
    words = [sys.executable, __file__, str(path), str(per_second), str(begun)]
    with _running(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield


@contextmanager
def serving(path: Path, port: int) -> Iterator[tuple[Processes, "subprocess.Popen[str]"]]:
    """Let ``streamlyt dashboard`` show a run file."""
    code = "from streamlyt.cli import main; main()"
    words = [sys.executable, "-c", code, "dashboard", str(path), "--port", str(port)]
    with _running(words, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        while "Dashboard: http" not in process.stderr.readline():
            if process.poll() is not None:
                raise SystemExit("streamlyt dashboard has ended")
        yield Processes(process.pid), process


@contextmanager
def looking(port: int, tabs: int, seen: int) -> Iterator[None]:
    """Let a process ask for frames as so many tabs would, and draw none of them."""
    words = [sys.executable, __file__, "--tabs", str(port), str(tabs), str(seen)]
    with _running(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield


async def look(port: int, tabs: int, seen: int) -> None:
    """Ask for the next frame when there is one, in each tab, for ever."""
    from tornado.websocket import websocket_connect

    async def tab() -> None:
        line = await websocket_connect(f"ws://127.0.0.1:{port}/live?page=series&key={KEY}")
        while True:
            await line.write_message(json.dumps({"last": seen, "width": 700}))
            if await line.read_message() is None:
                return

    print("ready", flush=True)
    await asyncio.gather(*(tab() for _ in range(tabs)))


@contextmanager
def _running(words: list[str], **pipes: Any) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(words, text=True, **pipes)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


if __name__ == "__main__":
    if sys.argv[1] == "--tabs":
        asyncio.run(look(*map(int, sys.argv[2:])))
    else:
        write(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
