"""Tables of the detectors beside one another, from the last line of each case."""

from collections.abc import Iterable

from _results import latest

__all__ = ["run_lengths"]

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
