"""``streamlyt features plan``: how many features an error takes, and what they cost here."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from streamlyt.cli.options import Form, Format

if TYPE_CHECKING:
    from streamlyt.features import FeaturePlan

__all__ = ["print_feature_plan"]


def print_feature_plan(
    d: Annotated[int, typer.Option("--d", help="Number of inputs.")],
    kernel: Annotated[
        str, typer.Option(help="The map by its name: optical, fourier, fastfood.")
    ] = "optical",
    response: Annotated[
        str | None,
        typer.Option(help="Of the optical map: an exponent, centred, exp or phase."),
    ] = None,
    field: Annotated[
        str | None, typer.Option(help="Of the optical map: complex or real matrices.")
    ] = None,
    scale: Annotated[float, typer.Option(help="Factor on the inputs, rows of length one.")] = 1.0,
    error: Annotated[
        float, typer.Option(help="Wanted error of the kernel, a part of its largest value.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(help="Seed of the maps that are timed.")] = 0,
    form: Form = Format.table,
) -> int:
    """Say how many features an error takes, and what each construction costs on this machine.

    Three lines a construction: for the features that the error takes, for 4 and for 16 times as
    many. The error expected is from the published variance; the other one is measured.
    """
    from streamlyt.core.errors import ParameterError
    from streamlyt.features import plan_features
    from streamlyt.registry import get_component  # heavy: not for --help

    wanted: dict[str, Any] = {"scale": scale, "seed": seed}
    if response is not None:
        wanted["response"] = _number_or_name(response)
    if field is not None:
        wanted["field"] = field
    try:
        features = get_component("features", kernel)(2, **wanted)
    except TypeError as problem:
        raise ParameterError(
            f"--kernel must be a map that has {', '.join(wanted)}, got {kernel!r} ({problem})"
        ) from problem
    _write(plan_features(features, d, error=error), form)
    return 0


def _number_or_name(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _write(lines: "list[FeaturePlan]", form: Format) -> None:
    import csv
    import json
    import sys
    from dataclasses import asdict, fields

    if form is Format.jsonl:
        for line in lines:
            print(json.dumps(asdict(line)))
    elif form is Format.csv:
        names = [field.name for field in fields(lines[0])]
        writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(line) for line in lines)
    else:
        _table(lines)


def _table(lines: "list[FeaturePlan]") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, caption="* what auto takes"
    )
    table.add_column("construction", no_wrap=True, min_width=20)
    for head in ("features", "memory", "µs a row", "alone", "expected", "measured"):
        table.add_column(head, justify="right")
    before = ""
    for line in lines:
        name = line.construction + (" *" if line.chosen else "")
        table.add_row(
            "" if name == before else name,
            f"{line.n_components:,}",
            _bytes(line.memory),
            _short(line.batch_us),
            _short(line.single_us),
            f"{line.expected:.3g}",
            "-" if line.measured is None else f"{line.measured:.3g}",
        )
        before = name
    Console().print(table)


def _short(number: float | None) -> str:
    return "-" if number is None else f"{number:.3g}" if number < 1000 else f"{number:,.0f}"


def _bytes(number: int) -> str:
    if number == 0:
        return "none"
    size, unit = float(number), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.3g} {unit}"
