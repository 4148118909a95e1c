"""Tables of the detectors beside one another, from the last line of each case."""

from collections.abc import Iterable
from typing import Any

from _results import latest

from streamlyt.evaluate import LAWS

__all__ = ["peers", "run_lengths"]

Cells = Iterable[tuple[object, ...]]


def peers() -> tuple[tuple[str, ...], Cells]:
    """Return head and rows of all detectors on the streams of each law."""
    lines = latest("detectors")
    heads = ("law", "detector", "ARL0", "delay", "missed", "false", "F1", "covering", "µs/row")
    rows = []
    for law in LAWS:
        for line in lines.values():
            if line.get("law") == law:
                judged = line["changes"] > 0
                rows.append(
                    (
                        law,
                        f"`{line['detector']}`",
                        _run_length(line),
                        "-" if line["delay"] is None else f"{line['delay']:.3g}",
                        f"{line['missed']} of {line['changes']}" if judged else "-",
                        line["false"] if judged else "-",
                        f"{line['f1']:.2f}" if judged else "-",
                        f"{line['covering']:.3f}" if judged else "-",
                        f"{line['microseconds']:.1f}",
                    )
                )
    return heads, rows


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


def _run_length(line: dict[str, Any]) -> str:
    if line["arl_least"] is None:
        return "-"
    if line["arl"] is None:
        return f"> {line['arl_least']:,.0f}"
    return f"{line['arl']:,.0f} ± {line['arl_error']:,.0f}" if line["arl_error"] else "-"
