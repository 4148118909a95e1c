"""Synthetic runs: a small molecule, a protein, sensors, a short run, a run without change."""

from dataclasses import dataclass, field

import numpy as np

from streamlyt.core import Batch, Channel, Event, Schema
from streamlyt.runfile import RunFile

DETECTED = (Channel("statistic"), Channel("threshold"), Channel("alarm"))


@dataclass
class Made:
    """Series by key (schema, times, values), events and metadata of the run."""

    series: dict
    events: list = field(default_factory=list)
    pipeline: str = ""
    complete: bool = True

    def record(self, path, cut=4096):
        """Write all series into a run file and open it."""
        with RunFile.create(path, pipeline=self.pipeline) as run:
            for key, (schema, times, values) in self.series.items():
                for first in range(0, len(times), cut):
                    rows = slice(first, first + cut)
                    batch = Batch(key, times[rows], values[rows], schema)
                    run.write_rows(batch, full=[c.name for c in DETECTED])
            for found in self.events:
                run.write_event(found)
            run.checkpoint({}, {}, complete=self.complete)
        return RunFile.open(path)


def detected(values, changes, rng, warmup_rows=1000, level=4.0, delay=30):
    """Return a statistic that rises at the changes, its threshold and the alarms."""
    n = len(values)
    noise = np.convolve(rng.gamma(2.0, 0.5, n + 200), np.ones(200) / 200, "valid")[:n]
    statistic = noise * 1.4 + np.abs(rng.normal(0, 0.25, n))
    for change in changes:
        after = np.arange(n) - change
        up = np.clip(after / (2 * delay), 0, 1)
        statistic += np.where(after >= 0, 11 * up * np.exp(-np.clip(after, 0, None) / 700), 0)
    threshold = np.full(n, level) + 0.4 * np.sin(np.arange(n) / n * 5)
    warmup_rows = min(warmup_rows, n)
    threshold[:warmup_rows] = np.inf
    statistic[:warmup_rows] *= np.linspace(0, 1, warmup_rows)
    return np.column_stack([statistic, threshold, statistic > threshold])


def event(key, change, alarm, times, named, statistic=7.3, unit="fs", detector="newma"):
    channels, shares = zip(*named, strict=True) if named else ((), ())
    return Event(
        key, detector, alarm, int(times[min(alarm, len(times) - 1)]), change,
        int(times[min(change, len(times) - 1)]), statistic, 4.1, channels, shares, unit,
    )  # fmt: skip


def dipeptide(n=100_000, changes=(34_315, 38_012)):
    """Return four channels, cos and sin of two angles, which flip twice."""
    rng = np.random.default_rng(4)
    times = np.arange(n, dtype=np.int64) * 1000
    phi = np.where((np.arange(n) >= changes[0]) & (np.arange(n) < changes[1]), 1.0, -1.3)
    psi = np.where((np.arange(n) // 1700) % 3 == 0, 2.6, -0.5)
    angles = np.column_stack([phi, psi]) + rng.normal(0, [0.25, 0.35], (n, 2))
    names = ["cos phi ALA 2", "sin phi ALA 2", "cos psi ALA 2", "sin psi ALA 2"]
    values = np.column_stack(
        [np.cos(angles[:, 0]), np.sin(angles[:, 0]), np.cos(angles[:, 1]), np.sin(angles[:, 1])]
    )
    channels = [Channel(name, "", name[4:]) for name in names]
    schema = Schema((*channels, *DETECTED), "fs", "frame")
    whole = np.hstack([values, detected(values, changes, rng)])
    shares = [(names[1], 0.81), (names[0], 0.12), (names[3], 0.05), (names[2], 0.02)]
    events = [
        event("ala2_300K", change, change + late, times, shares)
        for change, late in zip(changes, (31, 44), strict=True)
    ]
    pipeline = (
        '[source]\nkind = "trajectories"\ntopology = "ala2.pdb"\n\n'
        '[[operators]]\nkind = "newma"\narl = 1e6\n'
    )
    return Made({"ala2_300K": (schema, times, whole)}, events, pipeline)


def protein(n=20_000, residues=214, changes=(7_000, 14_500)):
    """Return cos and sin of two dihedrals a residue; two loops move at the changes."""
    rng = np.random.default_rng(7)
    times = np.arange(n, dtype=np.int64) * 240_000
    channels, columns = [], []
    kinds = ["ALA", "GLY", "LEU", "LYS", "SER", "VAL"]
    angle = rng.uniform(-np.pi, np.pi, (residues, 2))
    for i in range(residues):
        residue = f"{kinds[i * 7 % 6]} {i + 1}"
        for j, name in enumerate(("phi", "psi")):
            if (i, j) in ((0, 0), (residues - 1, 1)):
                continue
            track = np.full(n, angle[i, j]) + rng.normal(0, 0.3, n)
            if 40 <= i < 58:
                track += 1.1 * (np.arange(n) >= changes[0]) * np.sin((i - 39) / 19 * np.pi)
            if 120 <= i < 150:
                track -= 0.9 * (np.arange(n) >= changes[1]) * np.sin((i - 119) / 31 * np.pi)
            for f, call in (("cos", np.cos), ("sin", np.sin)):
                channels.append(Channel(f"{f} {name} {residue}", "", residue))
                columns.append(call(track))
    values = np.column_stack(columns)
    schema = Schema((*channels, *DETECTED), "fs", "frame")
    whole = np.hstack([values, detected(values, changes, rng)])
    at = {c.group: c.name for c in channels}
    first = [(at[f"{kinds[i * 7 % 6]} {i + 1}"], s) for i, s in ((48, 0.14), (50, 0.11), (47, 0.1))]
    late = [(i, s) for i, s in ((133, 0.09), (136, 0.08)) if i < residues]
    second = [(at[f"{kinds[i * 7 % 6]} {i + 1}"], s) for i, s in late]
    events = [
        event("adk", changes[0], changes[0] + 38, times, first, 9.2),
        event("adk", changes[1], changes[1] + 52, times, second, 6.6),
    ]
    return Made({"adk": (schema, times, whole)}, events, complete=False)


def sensors(n=5_000, keys=26):
    """Return many series of a clock's data; every third has a change, one a gap in time."""
    rng = np.random.default_rng(11)
    schema = Schema((Channel("temperature", "°C"), Channel("pressure", "bar"), *DETECTED), "ns")
    series, events = {}, []
    start = np.datetime64("2025-03-01T08:00", "ns").astype(np.int64)
    for k in range(keys):
        times = start + np.arange(n, dtype=np.int64) * 60_000_000_000
        if k == 3:
            times[n // 2 :] += np.int64(86_400_000_000_000)
        values = rng.normal([21.0, 1.01], [0.4, 0.01], (n, 2))
        change = (2_000 + 31 * k,) if k % 3 == 0 else ()
        for at in change:
            values[at:, 0] += 3
            moved = [("temperature", 0.93), ("pressure", 0.07)]
            events.append(event(f"pump-{k:02d}", at, at + 25, times, moved, unit="ns"))
        whole = np.hstack([values, detected(values, change, rng, 400)])
        series[f"pump-{k:02d}"] = (schema, times, whole)
    return Made(series, events)


def short(n=98):
    """Return a run that ends in the warm-up, with an offline event."""
    rng = np.random.default_rng(3)
    times = np.arange(n, dtype=np.int64) * 1000
    names = [f"{axis} CA {i}" for i in range(1, 9) for axis in "xyz"]
    values = rng.normal(0, 0.2, (n, len(names))) + np.linspace(0, 4, n)[:, None] * (
        rng.uniform(-1, 1, len(names))
    )
    schema = Schema((*(Channel(m, "Å", m[2:]) for m in names), *DETECTED), "fs", "frame")
    tail = np.column_stack([np.full(n, np.nan), np.full(n, np.inf), np.zeros(n)])
    found = [event("dims", 38, 97, times, [(names[3], 0.2)], 31.0, detector="offline_split")]
    return Made({"dims": (schema, times, np.hstack([values, tail]))}, found)


def no_change(n=3_000):
    """Return a run without change."""
    run = dipeptide(n, (n + 1, n + 2))
    run.events = []
    return run
