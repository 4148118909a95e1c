"""Tables that compare the detectors, from the last line of each case."""

from collections.abc import Iterable
from typing import Any

from benchmarks._results import latest

__all__ = ["compared_detectors", "run_lengths"]

SHOWN = ("gaussian", "mixture", "autoregressive")  # generators of `streamlyt evaluate detectors`

Cells = Iterable[tuple[object, ...]]


def run_lengths() -> tuple[tuple[str, ...], Cells]:
    """Return head and rows: measured over nominal ARL, minimum to maximum over the generators."""
    means_of: dict[tuple[str, str], list[float]] = {}
    costs: dict[str, list[str]] = {}
    for case, line in latest("windows").items():
        detector, _, rest = case.partition(" ")
        if "mean" in line:
            means_of.setdefault((detector, rest.rpartition(" ")[0]), []).append(line["mean"])
        else:
            costs.setdefault(detector, []).append(f"{line['median']:.1f}")
    cells = list(dict.fromkeys(cell for _, cell in means_of))
    detectors = list(dict.fromkeys(detector for detector, _ in means_of))

    def spread(detector: str, cell: str) -> str:
        means = means_of.get((detector, cell))
        return f"{min(means):.2f} to {max(means):.2f}" if means else "-"

    heads = ("detector", *cells, "µs a row, 10 and 100 channels")
    return heads, [
        (f"`{name}`", *(spread(name, cell) for cell in cells), ", ".join(costs.get(name, [])))
        for name in detectors
    ]


def compared_detectors() -> tuple[tuple[str, ...], Cells]:
    """Return head and rows: ARL, delay, misses and covering of all detectors per generator."""
    lines: dict[str, dict[str, dict[str, Any]]] = {}
    for case, line in latest("detectors").items():
        generator, _, detector = case.partition(": ")
        if generator in SHOWN:
            lines.setdefault(detector, {})[generator] = line

    def cell(line: dict[str, Any] | None) -> str:
        if line is None:
            return "-"
        run = line.get("arl") or line.get("arl_least") or 0.0
        length = f"{'' if line.get('arl') else '> '}{run:,.0f}"
        late = "-" if line.get("delay") is None else f"{line['delay']:.0f}"
        missed = f"{100.0 * line['missed'] / line['changes']:.0f} %" if line["changes"] else "-"
        covering = "-" if line.get("covering") is None else f"{line['covering']:.2f}"
        return f"{length}; {late}; {missed}; {covering}"

    def cost(of: dict[str, dict[str, Any]]) -> str:
        return ", ".join(f"{of[name]['microseconds']:.1f}" for name in SHOWN if name in of)

    heads = ("detector", *SHOWN, "µs a row")
    return heads, [
        (f"`{name}`", *(cell(of.get(generator)) for generator in SHOWN), cost(of))
        for name, of in lines.items()
    ]
