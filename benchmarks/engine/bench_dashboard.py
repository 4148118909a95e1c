"""What a live page costs, server and browser, and how soon history opens and a page comes back.

Rows come from a process of their own, ``streamlyt dashboard`` is another, and headless Chromium a
third: their CPU seconds are counted over some seconds. ``--seconds`` of each case (default 30),
``--history`` rows of the long run file (default 10 million), ``--soak`` seconds over which memory
is watched (default 180). ``--only`` names what is measured (``slow fast points tabs restart history
memory``; default all), and ``--port`` lets two of them go side by side.
"""

import argparse
import os
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks._results import record, say
from benchmarks.engine._live_pages import KEY, SCHEMA, Processes, looking, rows, serving, writing
from streamlyt.core import Batch, Schema
from streamlyt.runfile import RunFile

BENCHMARK = "dashboard"
PORT = 8799
PARTS = ["slow", "fast", "points", "tabs", "restart", "history", "memory"]
CURVE = "Bokeh.documents[0].get_model_by_name('statistic.curve').data"
TIME = "Bokeh.documents[0].get_model_by_name('time')"
HELD = f"window.Bokeh && Bokeh.documents.length && {TIME} && {CURVE}.row.length"
# Steps of the row numbers on the page: one that is not even is a bucket that went missing.
GAPS = f"""() => {{
  const row = Array.from({CURVE}.row), step = row.slice(2).map((r, i) => r - row[i + 1]);
  return [row[row.length - 1], new Set(step.slice(0, -1)).size - 1];
}}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--history", type=float, default=1e7)
    parser.add_argument("--soak", type=float, default=180.0)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--port", type=int, default=8799)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    asked = parser.parse_args()
    global PORT
    PORT = asked.port
    arguments = ["--no-sandbox", "--disable-gpu"]
    with sync_playwright() as play, TemporaryDirectory() as folder:
        browser = play.chromium.launch(executable_path=asked.chromium, args=arguments)
        there = Path(folder)
        slow = fast = None
        if "slow" in asked.only:
            slow = measured(browser, there, "50 rows/s, 3 figures x 5,000 points", 50, 5_000, asked)
        if "fast" in asked.only:
            fast = measured(browser, there, "100,000 rows/s", 100_000, 5_000, asked)
        if slow and fast:
            for who in ("server", "browser"):
                times = [fast[who] / max(slow[who], 0.1)]
                record(BENCHMARK, f"100,000 rows/s: {who} beside 50", times, "times", "2 at most")
        if "points" in asked.only:
            measured(browser, there, "50,000 points visible", 50, 50_000, asked)
        if "tabs" in asked.only:
            case = "16 tabs, 15 of them without a browser"
            measured(browser, there, case, 50, 5_000, asked, tabs=16)
        if "restart" in asked.only:
            restarted(browser, there)
        if "history" in asked.only:
            history(browser, there, int(asked.history))
        if "memory" in asked.only:
            soak(browser, there, asked.soak)
        browser.close()


GOALS = {
    "50 rows/s, 3 figures x 5,000 points": {"server": "5 at most", "browser": "25 at most"},
    "50,000 points visible": {"browser": "25 at most"},
    "16 tabs, 15 of them without a browser": {"server": "10 at most"},
}


def measured(
    browser: Browser,
    folder: Path,
    case: str,
    per_second: float,
    seen: int,
    asked: Any,
    tabs: int = 1,
) -> dict[str, float]:
    """Return the CPU of server and browser in percent of a core."""
    path = folder / "run.streamlyt"
    path.unlink(missing_ok=True)
    found: dict[str, float] = {}
    with ExitStack() as running:
        running.enter_context(writing(path, per_second, max(seen, 5_000)))
        server, _ = running.enter_context(serving(path, PORT))
        pages = [opened(browser, f"#{seen};;")]
        if tabs > 1:  # a browser of sixteen tabs that are all in sight would need more cores
            running.enter_context(looking(PORT, tabs - 1, seen))
        time.sleep(4.0)
        tree = [Processes(pid) for pid in _chromiums()]
        before = server.cpu_s(), sum(p.cpu_s() for p in tree), time.monotonic()
        gaps, steps = 0, 0
        while time.monotonic() < before[2] + asked.seconds:
            time.sleep(1.0)
            _, uneven = pages[0].evaluate(GAPS)
            gaps += int(uneven > 1)  # one edge may fall between two levels of the run file
            steps += 1
        seconds = time.monotonic() - before[2]
        found["server"] = (server.cpu_s() - before[0]) / seconds * 100
        found["browser"] = (sum(p.cpu_s() for p in tree) - before[1]) / seconds * 100
        for page in pages:
            page.context.close()
    goals = GOALS.get(case, {})
    for who, percent in found.items():
        record(BENCHMARK, f"{case}: {who}", [percent], "% of a core", goals.get(who))
    more = {"looks": steps, "seconds": round(seconds)}
    record(BENCHMARK, f"{case}: gaps", [gaps], "looks with a gap", "0", **more)
    return found


def opened(browser: Browser, where: str = "") -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"http://127.0.0.1:{PORT}/series?key={KEY}{where}")
    page.wait_for_selector("body[data-live]", timeout=60_000)
    page.wait_for_function(HELD, timeout=60_000)
    return page


def restarted(browser: Browser, folder: Path) -> None:
    """Kill the server and time until an open page is right again."""
    path, taken = folder / "run.streamlyt", []
    path.unlink(missing_ok=True)
    with writing(path, 50, 6_000):
        with serving(path, PORT) as (_, process):
            page = opened(browser)
            process.kill()
            process.wait()
        for _ in range(3):
            began = time.monotonic()
            with serving(path, PORT) as (_, process):
                with RunFile.open(path) as run:
                    wanted = run.n_rows(KEY)
                page.wait_for_function(
                    f"document.getElementById('lost').hidden && "
                    f"{CURVE}.row.at(-1) >= {wanted - 20}",
                    timeout=60_000,
                )
                taken.append(time.monotonic() - began)
                process.kill()
                process.wait()
        page.context.close()
    record(BENCHMARK, "kill and restart: the tab is right again", taken, "s", "15 at most")


def history(browser: Browser, folder: Path, n: int) -> None:
    """Time the opening of a long run file, and zooms into it."""
    path = folder / "long.streamlyt"
    say(f"writing {n:,} rows")
    size = min(200_000, n)
    narrow = Schema.of("a", *SCHEMA.channel_names[-3:], row_label="row")
    values = np.delete(rows(0, size).values, [1, 2], axis=1)  # one channel and the detector's
    with RunFile.create(path, pipeline="") as run:
        for first in range(0, n, size):
            count = min(size, n - first)
            run.write_rows(Batch(KEY, np.arange(first, first + count), values[:count], narrow))
            if first % 2_000_000 == 0:
                run.checkpoint({}, {})
        run.checkpoint({}, {}, complete=True)
    rng, opens, zooms = np.random.default_rng(0), [], []
    with serving(path, PORT):
        for _ in range(5):
            began = time.monotonic()
            page = opened(browser, "#all;;")
            page.wait_for_function(f"{CURVE}.row[0] === 0", timeout=60_000)
            opens.append(time.monotonic() - began)
            for width in (n // 10, n // 1000, 1000):
                left = int(rng.integers(0, n - width))
                zooms.append(page.evaluate(_ZOOM, [left, left + width]))
            page.context.close()
    large = path.stat().st_size / 1e9
    path.unlink()
    case = f"history of {n:.0e} rows"
    record(BENCHMARK, f"{case}: opens", opens, "s", "2 at most", gb=round(large, 2))
    record(BENCHMARK, f"{case}: zoom", [z / 1000 for z in zooms], "s", "0.3 at most")


_ZOOM = f"""async ([left, right]) => {{
  const began = performance.now();
  {TIME}.setv({{start: left, end: right}});
  const there = () => {{
    const row = {CURVE}.row;
    return row[0] >= left - (right - left) && row.at(-1) <= right + (right - left);
  }};
  while (!there()) await new Promise((go) => setTimeout(go, 5));
  return performance.now() - began;
}}"""


def soak(browser: Browser, folder: Path, seconds: float) -> None:
    """Watch the memory of server and page while rows come fast."""
    path = folder / "run.streamlyt"
    path.unlink(missing_ok=True)
    heaps, held = [], []
    with writing(path, 5_000, 6_000), serving(path, PORT) as (server, _):
        page = opened(browser)
        session = page.context.new_cdp_session(page)
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            time.sleep(seconds / 12)
            session.send("HeapProfiler.collectGarbage")
            used = session.send("Runtime.getHeapUsage")["usedSize"] / 1e6
            heaps.append(used)
            held.append(server.memory_mb())
        page.context.close()
    # The first third warms caches; growth is what the last three are compared with the three after
    # it.
    for who, values in (("browser heap", heaps), ("server memory", held)):
        early, late = median(values[4:7]), median(values[-3:])
        growth = [(late / early - 1) * 100]
        more = {"seconds": round(seconds), "mb": round(late, 1)}
        record(BENCHMARK, f"memory: growth of {who}", growth, "%", "10 at most in an hour", **more)


def _chromiums() -> list[int]:
    """Return the browsers that this process started."""
    here = Processes(os.getpid()).all()
    found = []
    for pid in here:
        name = Path(f"/proc/{pid}/comm")
        if name.exists() and name.read_text().startswith(("chrom", "headless")):
            found.append(pid)
    return [pid for pid in found if _parent(pid) not in found]


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


if __name__ == "__main__":
    main()
