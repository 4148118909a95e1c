"""Tables of the detectors beside one another, from the last line of each case."""

from collections.abc import Iterable
from typing import Any

from benchmarks._results import latest

__all__ = ["beside_one_another", "run_lengths"]

SHOWN = ("gaussian", "mixture", "autoregressive")  # of the laws of `streamlyt evaluate detectors`

Cells = Iterable[tuple[object, ...]]


def run_lengths() -> tuple[tuple[str, ...], Cells]:
    """Return head and rows of measured over wanted run lengths, least to most over the laws."""
    found: dict[tuple[str, str], list[float]] = {}
    costs: dict[str, list[str]] = {}
    for case, line in latest("windows").items():
        detector, _, rest = case.partition(" ")
        if "mean" in line:
            found.setdefault((detector, rest.rpartition(" ")[0]), []).append(line["mean"])
        else:
            costs.setdefault(detector, []).append(f"{line['median']:.1f}")
    cells = list(dict.fromkeys(cell for _, cell in found))
    detectors = list(dict.fromkeys(detector for detector, _ in found))

    def spread(detector: str, cell: str) -> str:
        means = found.get((detector, cell))
        return f"{min(means):.2f} to {max(means):.2f}" if means else "-"

    heads = ("detector", *cells, "µs a row, 10 and 100 channels")
    return heads, [
        (f"`{name}`", *(spread(name, cell) for cell in cells), ", ".join(costs.get(name, [])))
        for name in detectors
    ]


def beside_one_another() -> tuple[tuple[str, ...], Cells]:
    """Return head and rows of run length, delay and misses of all detectors on some laws."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for line in latest("detectors").values():
        if line.get("law") in SHOWN:
            found.setdefault(line["detector"], {})[line["law"]] = line

    def cell(line: dict[str, Any] | None) -> str:
        if line is None:
            return "-"
        run = line.get("arl") or line.get("arl_least") or 0.0
        length = f"{'' if line.get('arl') else '> '}{run:,.0f}"
        late = "-" if line.get("delay") is None else f"{line['delay']:.0f}"
        missed = f"{100.0 * line['missed'] / line['changes']:.0f} %" if line["changes"] else "-"
        covering = "-" if line.get("covering") is None else f"{line['covering']:.2f}"
        return f"{length}; {late}; {missed}; {covering}"

    def cost(laws: dict[str, dict[str, Any]]) -> str:
        return ", ".join(f"{laws[law]['microseconds']:.1f}" for law in SHOWN if law in laws)

    heads = ("detector", *SHOWN, "µs a row")
    return heads, [
        (f"`{name}`", *(cell(laws.get(law)) for law in SHOWN), cost(laws))
        for name, laws in found.items()
    ]
