"""The default detector on independent and autoregressive rows: run length, delay, place, cost.

``arl``: mean rows to the first false alarm over those asked for. ``laws``: from N(0, I_20) to four
distributions. ``stream``: Gaussian mixtures of 100 channels, changing every 2,000 rows.
``channels``: which channels moved. ``cost``: compared with one NEWMA, and NEWMA compared with a
plain form of the published code. ``memory``: the resident set over ten million rows. Without a
name: all. ``--quick``: few runs.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # CPU seconds count threads that spin

import numpy as np
from scipy.signal import lfilter

from benchmarks._results import cpu_seconds, record, say
from benchmarks.detection.bench_arl import LAWS, Draw, Law
from streamlyt.core import Batch, Floats, Schema
from streamlyt.detectors import NEWMA, MultiscaleNEWMA

BENCHMARK = "multiscale_newma"
CAP = 20  # run lengths after which a run is cut
ROWS = 256
SEGMENT, SEGMENTS = 2000, 10  # rows from a change of the mixture to the next
SEED = 4  # of all streams: others had a part in choosing constants
REACH = 10.0  # times the rate of the plain form


def autoregressive(share: float, d: int) -> Law:
    def law(rng: np.random.Generator) -> Draw:
        kept = [rng.standard_normal((1, d)) * share]

        def draw(n: int) -> Floats:
            fresh = rng.standard_normal((n, d)) * (1 - share**2) ** 0.5
            rows, kept[0] = lfilter([1.0], [1.0, -share], fresh, axis=0, zi=kept[0])
            return np.asarray(rows)

        return draw

    law.__name__ = f"AR({share:g}) d={d}"
    return law


def run_length(law: Law, arl: float, seed: tuple[int, ...]) -> tuple[int, str | None]:
    """Return the rows from the end of the reference to the first alarm, and the null chosen."""
    rng = np.random.default_rng(seed)
    draw = law(rng)
    detector = MultiscaleNEWMA(arl=arl, seed=int(rng.integers(1 << 31)))
    detector.score(draw(detector.warmup_rows))
    rows, chunk = 0, int(min(max(64, arl // 4), 2000))
    while rows < CAP * arl:
        statistic, threshold = detector.score(draw(chunk))
        above = np.flatnonzero(statistic > threshold)
        if above.size:
            return rows + int(above[0]) + 1, detector.selected_null_model
        rows += chunk
    return rows, detector.selected_null_model


RUNS = {1e3: 300, 1e4: 200, 1e5: 100}  # of each law; of rows that remember a third


def arl(quick: bool, wanted_runs: Sequence[float] = tuple(RUNS)) -> None:
    for wanted in wanted_runs:
        for law in (*LAWS, autoregressive(0.5, 5), autoregressive(0.5, 1), autoregressive(0.9, 5)):
            memory = law.__name__.startswith("AR")
            runs = RUNS[wanted] // (3 if memory else 1)
            start, count = time.process_time(), 10 if quick else runs
            found = [run_length(law, wanted, (SEED, int(wanted), i)) for i in range(count)]
            ratios = [rows / wanted for rows, _ in found]
            chosen = [null for _, null in found]
            record(
                BENCHMARK,
                f"arl={wanted:g} {law.__name__}",
                ratios,
                "asked",
                "within a factor 2" if memory else "0.8 to 1.2",
                mean=round(float(np.mean(ratios)), 3),
                error=round(float(np.std(ratios)) / count**0.5, 3),
                chosen={name: chosen.count(name) for name in sorted(set(map(str, chosen)))},
                seconds=round(time.process_time() - start, 1),
            )


def mixed(rng: np.random.Generator, share: float) -> Floats:
    """Rows of N(0, I) with this share, of N(0, 4 I) without."""
    spread = np.where(rng.random(2000) < share, 1.0, 2.0)
    return np.asarray(spread[:, None] * rng.standard_normal((2000, 20)))


AFTER: dict[str, tuple[float, Callable[[np.random.Generator], Floats]]] = {
    "mixture .3": (1.9, partial(mixed, share=0.3)),
    "mixture .7": (4.4, partial(mixed, share=0.7)),
    "Laplace(2)": (1.1, lambda rng: rng.laplace(scale=2.0, size=(2000, 20))),
    "U(-4, 4)": (1.1, lambda rng: rng.uniform(-4.0, 4.0, size=(2000, 20))),
}


def laws(quick: bool) -> None:
    """Change after 16,384 rows of N(0, I_20), from the same state to each of four distributions."""
    delays: dict[str, list[float]] = {name: [] for name in AFTER}
    for seed in range(5 if quick else 40):
        rng = np.random.default_rng([SEED, 20, seed])
        before = MultiscaleNEWMA(arl=1e4, seed=seed)
        statistic, _ = before.score(rng.standard_normal((16_384, 20)))
        if (statistic[-2000:] > 1).any() or "held" in before.state:
            continue  # in the midst of a false alarm
        for name, (_, after) in AFTER.items():
            for _ in range(50):
                detector = MultiscaleNEWMA(arl=1e4, seed=seed)
                detector.state = {part: array.copy() for part, array in before.state.items()}
                found, _ = detector.score(after(rng)[:200])
                above = np.flatnonzero(found > 1)
                delays[name].append(float(above[0] + 1) if above.size else 200.0)
    for name, (goal, _) in AFTER.items():
        mean = float(np.mean(delays[name]))
        error = float(np.std(delays[name])) / len(delays[name]) ** 0.5
        told = f"mean at most {goal:g}"
        record(BENCHMARK, f"N(0, I_20) to {name}", delays[name], "rows", told,
               mean=round(mean, 3), error=round(error, 3))  # fmt: skip


def mixture_rows(rng: np.random.Generator) -> Floats:
    """A segment of the NEWMA paper's stream: ten components near one another, in 100 channels."""
    part = rng.choice(10, SEGMENT, p=rng.dirichlet(np.full(10, 5.0)))
    centres = 0.2 * 10**0.01 * rng.standard_normal((10, 100))
    spreads = (28.0 / rng.chisquare(30, (10, 100))) ** 0.5
    return np.asarray(centres[part] + spreads[part] * rng.standard_normal((SEGMENT, 100)))


def stream(quick: bool) -> None:
    """Delays, misses and places; a change is missed without an event in its 2,000 rows."""
    for wanted, goal in ((1e3, "130, none missed"), (1e4, "216, 1 % missed")):
        delays, errors, missed, false, watched = [], [], 0, 0, 0
        for seed in range(2 if quick else 12):
            rng = np.random.default_rng([SEED, 100, seed])
            rows = np.concatenate([mixture_rows(rng) for _ in range(SEGMENTS)])
            schema = Schema.of(*(f"x{i}" for i in range(100)))
            batch = Batch("", np.arange(len(rows)), rows, schema)
            _, events = MultiscaleNEWMA(arl=wanted, seed=seed).update(batch)
            for change in range(SEGMENT, len(rows), SEGMENT):
                mine = [e for e in events if change <= e.alarm_index < change + SEGMENT]
                if not mine:
                    missed += 1
                    continue
                delays.append(float(mine[0].alarm_index - change))
                errors.append(abs(mine[0].change_index - change))
                false += len(mine) - 1
                watched += change + SEGMENT - mine[0].alarm_index
        record(
            BENCHMARK,
            f"mixture stream arl={wanted:g}",
            delays,
            "rows",
            f"mean at most {goal}; place within 25",
            mean=round(float(np.mean(delays)), 1),
            missed=round(missed / (missed + len(delays)), 4),
            changes=missed + len(delays),
            place=float(np.median(errors)),
            place_90=float(np.quantile(errors, 0.9)),
            rows_a_further_event=round(watched / max(false, 1)),
        )


def channels(quick: bool) -> None:
    """Precision of the five channels named, where five of 100 moved."""
    schema = Schema.of(*(f"x{i}" for i in range(100)))
    for kind, goal in (("mean +1", "0.8"), ("spread x 2", "0.95")):
        hits = []
        for seed in range(4 if quick else 100):
            rng = np.random.default_rng([SEED, 5, seed])
            rows, moved = rng.standard_normal((4000, 100)), rng.permutation(100)[:5]
            if kind == "mean +1":
                rows[2500:, moved] += 1.0
            else:
                rows[2500:, moved] *= 2.0
            _, events = MultiscaleNEWMA(seed=seed).update(Batch("", np.arange(4000), rows, schema))
            late = [event for event in events if event.alarm_index >= 2500]
            named = {int(name[1:]) for name in late[0].channels} if late else set()
            hits.append(len(named & set(moved.tolist())) / 5)
        record(BENCHMARK, f"channels named, {kind}", hits, "precision", goal,
               mean=round(float(np.mean(hits)), 3))  # fmt: skip


def plain(rows: Floats, m: int) -> Callable[[], object]:
    """The published algorithm as its authors' code computes it: a row at a time, in float64."""
    rng = np.random.default_rng(0)
    matrix, shift = rng.standard_normal((m // 2, rows.shape[1])), np.empty(m)
    averages = np.zeros((2, m))

    def work() -> None:
        for row in rows:
            phase = matrix @ row
            shift[: m // 2], shift[m // 2 :] = np.cos(phase), np.sin(phase)
            averages[0] = 0.97 * averages[0] + 0.03 * shift
            averages[1] = 0.99 * averages[1] + 0.01 * shift
            np.linalg.norm(averages[0] - averages[1])

    return work


def ours(detector: NEWMA | MultiscaleNEWMA) -> Callable[[], object]:
    """Past all learning; always other rows, for the same ones again and again would be a change."""
    rng = np.random.default_rng(1)
    batches = [rng.standard_normal((ROWS, 100)) for _ in range(130)]
    for batch in batches:
        detector.score(batch)
    others = cycle(batches)
    return lambda: detector.score(next(others))


def cost(quick: bool) -> None:
    rows = np.random.default_rng(0).standard_normal((ROWS, 100))
    for m in (500, 3456):
        works = {
            "plain": plain(rows, m),
            "NEWMA": ours(NEWMA(250, n_components=m, arl=1e9)),
            "multiscale_newma": ours(MultiscaleNEWMA(n_components=m, arl=1e8, null_model="iid")),
        }
        # Turn by turn: whatever else runs disturbs all three alike.
        taken: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(3 if quick else 15):
            for name, work in works.items():
                taken[name] += [1e6 * each / ROWS for each in cpu_seconds(work, 1)]
        for name, each in taken.items():
            record(BENCHMARK, f"d=100 m={m} {name}", each, "us/row")
        middle = {name: float(np.median(each)) for name, each in taken.items()}
        times = middle["multiscale_newma"] / middle["NEWMA"]
        record(BENCHMARK, f"d=100 m={m} bank over NEWMA", [times], "times", "1.5 at most")
        faster = middle["plain"] / middle["NEWMA"]
        record(BENCHMARK, f"d=100 m={m} plain over NEWMA", [faster], "times", f"{REACH:g}")


def memory(quick: bool) -> None:
    """Resident set after a tenth of the rows and after all of them."""
    total, rng = (200_000 if quick else 10_000_000), np.random.default_rng(0)
    schema = Schema.of("a", "b", "c", "d", "e")
    detector, sizes, done = MultiscaleNEWMA(n_components=64, arl=1e8), [], 0
    rows = rng.standard_normal((20_000, 5))
    while done < total:
        times = np.arange(done, done + len(rows))
        detector.update(Batch("", times, rows[rng.permutation(len(rows))], schema))
        done += len(rows)
        if done in (total // 10, total):
            status = Path("/proc/self/status").read_text()
            [line] = [each for each in status.splitlines() if each.startswith("VmRSS")]
            sizes.append(float(line.split()[1]) / 1024)
    record(BENCHMARK, f"resident set, {total} rows", sizes[-1:], "MB", "flat",
           after_a_tenth=round(sizes[0], 1))  # fmt: skip


PARTS: dict[str, Callable[[bool], None]] = {
    "laws": laws,
    "stream": stream,
    "channels": channels,
    "cost": cost,
    "memory": memory,
    "arl": arl,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which; default all")
    parser.add_argument("--quick", action="store_true", help="few runs")
    parser.add_argument(
        "--arls", type=float, nargs="+", choices=RUNS, default=list(RUNS), help="of the part arl"
    )
    asked = parser.parse_args()
    for name in asked.parts or PARTS:
        say(name)
        if name == "arl":
            arl(asked.quick, asked.arls)
        else:
            PARTS[name](asked.quick)


if __name__ == "__main__":
    main()
