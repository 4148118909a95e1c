"""Write the tables of measured figures into the pages, from the last line of each case.

A table goes between ``<!-- table: name -->`` and ``<!-- end -->``; what stands around is kept.
"""

from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

from benchmarks._results import ROOT, latest
from benchmarks.detection._detector_tables import compared_detectors, run_lengths
from benchmarks.detection._generators import CHANGES, MEMORIES
from benchmarks.detection.bench_no_change import BEFORE, LAWS, SINCE, SIZES, D
from benchmarks.features._maps import MAPS
from benchmarks.forecasting._systems import SYSTEMS
from benchmarks.models.bench_streams import COMPARED, COMPARED_SYSTEMS, WIDTHS

NAMES = ("benchmarks", "cluster", "dashboards", "detection", "evaluate", "forecasting")
PAGES = tuple(ROOT / "docs" / f"{name}.md" for name in NAMES)
NONE = "not measured"
MOSTLY = 0.8  # of the streams: what is called found in one word

Line = dict[str, Any]
Rows = Iterable[tuple[object, ...]]


def main() -> None:
    texts = {page: page.read_text() for page in PAGES}
    for name, table in TABLES.items():
        page = next((page for page in PAGES if _place(name) in texts[page]), None)
        if page is None:
            raise SystemExit(f"there must be a place for table {name!r}: see the head of this file")
        texts[page] = _filled(texts[page], name, table())
    for page, text in texts.items():
        page.write_text(text)


def _place(name: str) -> str:
    return f"<!-- table: {name} -->\n"


def _filled(text: str, name: str, table: str) -> str:
    before, start, rest = text.partition(_place(name))
    _, end, after = rest.partition("<!-- end -->")
    return f"{before}{start}\n{table}\n{end}{after}"


def markdown(heads: tuple[str, ...], rows: Rows) -> str:
    cells = [[str(cell).replace("|", r"\|") for cell in line] for line in (heads, *rows)]
    cells.insert(1, ["---"] * len(heads))
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def goals() -> str:
    """Return each goal compared with what was measured."""
    t, speed, memory = latest("trajectories"), latest("md_speed"), latest("memory")

    def found(name: str) -> str:
        line = t[name]
        late = [delay for each in line["delays"] for delay in each]
        others = sum(len(each) for each in line["others"])
        told = f"{min(late)} to {max(late)} frames late" if late else "nothing"
        return f"{line['passed']} of {line['runs']} seeds; {told}; {others} other events"

    def placed() -> str:
        names = [name for name in t if " optical " in name]
        errors = [abs(e) for name in names for each in t[name]["errors"] for e in each]
        return f"{max(errors)} frames at most, median {median(errors):.0f}"

    adk = [line for name, line in t.items() if name.endswith("split")]
    splits = ", ".join(f"{a['change']} for {a['crossing']}" for a in adk)
    moved = [t[name]["most"] for name in t if "wrapped" in name]
    cost = {kind: speed[f"AdK {kind} --observe auto: over decoding"] for kind in ("DCD", "XTC")}
    steady = {name: line for name, line in memory.items() if "growth" in name}
    grown = ", ".join(f"{n.partition(':')[0]}: {line['most']:.1f} %" for n, line in steady.items())
    rows = [
        ("ala2_300K: both flips at most 60 frames late, at most one other event, between them; "
         "4 of 5 seeds", found("ala2_300K optical forwards")),
        ("the same, read backwards", found("ala2_300K optical backwards")),
        ("villin_go: both jumps at most 100 frames late, no other event; 4 of 5 seeds",
         found("villin_go optical forwards")),
        ("AdK (98 to 102 frames): too short for an alarm, and said so; off-line split within 8 "
         "frames of the crossing of the RMSDs", splits),
        ("estimated change within 60 frames of the truth", placed()),
        ("every frame turned, shifted and wrapped: events move by at most 1 frame",
         f"{max(moved):.0f}"),
        ("whole command on ala2_300K: at most 12 CPU s", _spread(speed["md ala2_300K"])),
        ("its very first run: at most 25 CPU s more",
         _spread(speed["md ala2_300K, first run: more by"])),
        ("AdK (3,341 atoms) on its C-alpha atoms: at most 60 us a frame over decoding",
         "; ".join(f"{kind} {_spread(line)}" for kind, line in cost.items())),
        ("resident set at 1,000,000 frames within 5 % of that at 10,000", grown),
        ("NEWMA, d = 100, m = 2000, batches of 256: at most 1.5 times the bare loop", _newma()),
        ("optical map as good as Fourier features on the rows above",
         f"ala2_300K {_beside(t, 'ala2_300K', 'forwards')}, backwards "
         f"{_beside(t, 'ala2_300K', 'backwards')}; villin_go "
         f"{_beside(t, 'villin_go', 'forwards')}: optical is the default"),
        ("mean time to the first false alarm within 25 % of `arl` (independent rows, 1e3 and 1e4)",
         _run_lengths()),
    ]  # fmt: skip
    return markdown(("reach", "measured"), rows)


def _beside(t: dict[str, Line], name: str, way: str) -> str:
    counts = [t[f"{name} {features} {way}"] for features in ("optical", "fourier")]
    return " and ".join(f"{line['passed']}/{line['runs']}" for line in counts)


def _spread(line: Line) -> str:
    return f"{line['median']:.3g} ({line['least']:.3g} to {line['most']:.3g})"


def _newma() -> str:
    lines = {
        name.removeprefix("d=100 m=2000 "): line["median"]
        for name, line in latest("newma").items()
        if name.startswith("d=100 m=2000 ")
    }
    if not lines:
        return NONE
    floor = min(value for name, value in lines.items() if name.startswith("bare"))
    ours = {name: value / floor for name, value in lines.items() if name.startswith("NEWMA")}
    told = ", ".join(f"{name.split()[1]} {value:.2f} times" for name, value in ours.items())
    return f"{told} ({lines['NEWMA optical']:.2g} us a row, bare {floor:.2g})"


def _run_lengths() -> str:
    lines = latest("arl").values()
    means = [line["mean"] for line in lines]
    if not means:
        return NONE
    inside = sum(0.75 <= mean <= 1.25 for mean in means)
    named = "Gaussian, Laplace, mixture, uniform, binary; windows 20, 50, 250; both maps"
    return f"{min(means):.2f} to {max(means):.2f} of it; {inside} of {len(means)} cells ({named})"


def maps() -> str:
    """Return the feature maps compared with one another."""
    t, s = latest("trajectories"), latest("streams")
    heads = ("map", "ala2_300K", "backwards", "villin_go", *_compared())

    def passed(features: str, name: str, way: str) -> str:
        line = t[f"{name} {features} {way}"]
        late = [delay for each in line["delays"] for delay in each]
        return f"{line['passed']}/{line['runs']}, {median(late):.0f} late" if late else "0"

    rows = []
    for features in MAPS:
        cells = [
            passed(features, "ala2_300K", "forwards"),
            passed(features, "ala2_300K", "backwards"),
            passed(features, "villin_go", "forwards"),
        ]
        rows.append((features, *cells, *(_found(s, f"{features}: {c}") for c in _compared())))
    return markdown(heads, rows)


def _compared() -> list[str]:
    laws = [f"{m} d={d}: {change}" for m, d in COMPARED for change in ("mean +1 sd", "sd x 2")]
    return [*laws, *COMPARED_SYSTEMS]


def _found(s: dict[str, Line], case: str) -> str:
    line = s.get(case)
    if line is None:
        return ""
    late = "" if line["delay"] is None else f", {line['delay']:.0f}"
    return f"{100 * line['found']:.0f} %{late}"


def laws() -> str:
    """Return what the default detector does on rows of known distribution and memory."""
    s = latest("streams")
    rows = []
    for memory in MEMORIES:
        for d in WIDTHS:
            case = f"optical: {memory} d={d}"
            cells = (_found(s, f"{case}: {change}") for change in CHANGES)
            rows.append((memory, d, _false(s, f"{case}: no change"), *cells))
    return markdown(("rows", "d", "false in 1e5", *CHANGES), rows)


def _false(s: dict[str, Line], case: str) -> str:
    line = s.get(case)
    if line is None:
        return ""
    events = sum(len(each) for each in line["others"])
    return f"{events * 1e5 / line['rows']:.2g}"


def systems() -> str:
    """Return what it does on streams with a mechanism."""
    s = latest("streams")
    rows = []
    for name in SYSTEMS:
        case = f"optical: {name}"
        line, kind = s[case], name.partition(":")[0]
        found = f"{100 * line['found']:.0f} %"
        late = "" if line["delay"] is None else f"{line['delay']:.0f} ({line['delay_90']:.0f})"
        off = "" if line["error"] is None else f"{line['error']:.0f} ({line['error_90']:.0f})"
        rows.append((name, _false(s, f"optical: {kind}: no change"), found, late, off))
    heads = ("stream", "false in 1e5", "found", "late (90 %)", "misplaced by (90 %)")
    return markdown(heads, rows)


def stages() -> str:
    """Return what each stage of a frame costs."""
    speed = latest("md_speed")
    names = ("ala2_300K", "AdK DCD", "AdK XTC")
    parts = ("read", "unwrap", "superposition", "dihedrals", "detector", "run file")
    rows = []
    for part in parts:
        cells = (speed.get(f"{name} stage: {part}") for name in names)
        rows.append((part, *("" if c is None else f"{c['median']:.3g}" for c in cells)))
    return markdown(("us a frame", *names), rows)


def young() -> str:
    """Return the smallest change that is found, by the rows without one before it."""
    lines = latest("no_change")

    def smallest(memory: str, since: str, before: int) -> str:
        for size in SIZES:
            line = lines[f"{memory} d={D}, {before} rows since the {since}: mean +{size:g} sd"]
            if line["found"] >= MOSTLY * line["runs"]:
                return f"{size:g} sd"
        return "none"

    heads = (f"{memory}, since the {since}" for memory in LAWS for since in SINCE)
    rows = (
        (f"{before:,}", *(smallest(memory, since, before) for memory in LAWS for since in SINCE))
        for before in BEFORE
    )
    return markdown(("rows before the change", *heads), rows)


def bank() -> str:
    """Return the figures of the default detector compared with what is to be reached."""
    rows = []
    for case, line in sorted(latest("multiscale_newma").items()):
        shown = line.get("mean", line["median"])
        error = f" ± {line['error']:.2g}" if "error" in line else ""
        more = [
            f"{name.replace('_', ' ')} {line[key]:.3g}{unit}"
            for key, name, unit in (
                ("place", "placed within (median)", ""),
                ("place_90", "90 %", ""),
                ("rows_a_further_event", "rows a further event", ""),
                ("after_a_tenth", "after a tenth of them", ""),
            )
            if key in line
        ]
        if "missed" in line:
            more.insert(0, f"{100 * line['missed']:.1f} % of {line['changes']} missed")
        told = f"{shown:.3g}{error} {line['unit']}" + "".join(f"; {each}" for each in more)
        rows.append((case, line.get("goal", ""), told))
    return markdown(("what", "reach", "measured"), rows)


def series() -> str:
    """Return the split search on annotated series."""
    lines = latest("series")
    rows = (
        (name, f"{line['mean']:.3f}", f"{line['never']:.3f}", line.get("goal", ""))
        for name, line in lines.items()
    )
    return markdown(("collection", "mean over series", "never a change", "goal"), rows)


def reservoirs() -> str:
    """Return how long forecasts hold, how like the truth they stay, and what a step costs."""
    rows = []
    lines = {**latest("reservoirs"), **latest("optical"), **latest("baselines")}
    for case, line in lines.items():
        if "goal" not in line:
            continue
        told = f"{line['median']:.3g} {line['unit']}"
        if "trusted" in line:
            told += f" ({line['least']:.3g} to {line['most']:.3g}; {line['cpu_s']:g} CPU s)"
        elif line["unit"] in ("power of N", "on ten parts of the horizon"):
            told += f" ({line['least']:.3g} to {line['most']:.3g})"
        if "ratio" in line:
            told += f": {line['ratio']:.2f} times"
        rows.append((case, line["goal"], told))
    return markdown(("what", "goal", "measured"), rows)


def dashboard() -> str:
    """Return what live pages cost, compared with what they may."""
    rows = []
    for case, line in latest("dashboard").items():
        told = f"{line['median']:.3g} {line['unit']}"
        if line["runs"] > 1:
            told += f" ({line['least']:.2g} to {line['most']:.2g})"
        if "seconds" in line:
            told += f" in {line['seconds']:,} s"
        if "mb" in line:
            told += f", at {line['mb']} MB"
        rows.append((case, line.get("goal", ""), told))
    return markdown(("what", "goal", "measured"), rows)


def cluster_growth() -> str:
    """Return what a message costs a worker and the broker, load by load."""
    found = latest("cluster")
    loads = [case.removeprefix("worker: ") for case in found if case.startswith("worker: ")]
    rows = [
        (load, *(f"{found[f'{who}: {load}']['median']:,.0f} µs" for who in ("worker", "broker")))
        for load in loads
    ]
    return markdown(("load", "worker, a message", "broker, a message"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "bank": bank,
    "goals": goals,
    "maps": maps,
    "laws": laws,
    "systems": systems,
    "stages": stages,
    "quiet": young,
    "windows": lambda: markdown(*run_lengths()),
    "detectors": lambda: markdown(*compared_detectors()),
    "series": series,
    "reservoirs": reservoirs,
    "dashboard": dashboard,
    "cluster growth": cluster_growth,
}

if __name__ == "__main__":
    main()
