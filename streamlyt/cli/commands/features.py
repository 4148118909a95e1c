"""``streamlyt features plan``: features needed for an error, and their cost."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from streamlyt.cli.options import Form, Format

if TYPE_CHECKING:
    from streamlyt.features import FeaturePlan

__all__ = ["print_feature_plan"]


def print_feature_plan(
    d: Annotated[int, typer.Option("--d", help="Number of inputs.")],
    kernel: Annotated[
        str, typer.Option(help="Feature map: optical, fourier or fastfood.")
    ] = "optical",
    response: Annotated[
        str | None,
        typer.Option(help="Response of the optical map: an exponent, centred, exp or phase."),
    ] = None,
    field: Annotated[
        str | None, typer.Option(help="Matrices of the optical map: complex or real.")
    ] = None,
    scale: Annotated[
        float, typer.Option(help="Factor on the inputs, which are rows of length one.")
    ] = 1.0,
    error: Annotated[
        float, typer.Option(help="Target error of the kernel, relative to its largest value.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(help="Random seed of the timed maps.")] = 0,
    output_format: Form = Format.table,
) -> int:
    """Print the number of features for an error, and the cost of each construction here.

    Three lines per construction: the features that reach the error, 4 times and 16 times as many.
    The expected error is from the published variance.
    """
    from streamlyt.core.errors import ParameterError
    from streamlyt.features import plan_features
    from streamlyt.registry import get_component  # slow to import

    options: dict[str, Any] = {"scale": scale, "seed": seed}
    if response is not None:
        options["response"] = _number_or_name(response)
    if field is not None:
        options["field"] = field
    try:
        features = get_component("features", kernel)(2, **options)
    except TypeError as error_:
        raise ParameterError(
            f"--kernel must be a feature map with {', '.join(options)}, got {kernel!r} ({error_})"
        ) from error_
    _write(plan_features(features, d, error=error), output_format)
    return 0


def _number_or_name(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _write(plans: "list[FeaturePlan]", output_format: Format) -> None:
    import csv
    import json
    import sys
    from dataclasses import asdict, fields

    if output_format is Format.jsonl:
        for line in plans:
            print(json.dumps(asdict(line)))
    elif output_format is Format.csv:
        names = [field.name for field in fields(plans[0])]
        writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(line) for line in plans)
    else:
        _table(plans)


def _table(plans: "list[FeaturePlan]") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, caption="* default (auto)"
    )
    table.add_column("construction", no_wrap=True, min_width=20)
    for head in ("features", "memory", "µs/row", "single row", "expected", "measured"):
        table.add_column(head, justify="right")
    previous = ""
    for line in plans:
        name = line.construction + (" *" if line.chosen else "")
        table.add_row(
            "" if name == previous else name,
            f"{line.n_components:,}",
            _bytes(line.memory),
            _short(line.batch_us),
            _short(line.single_us),
            f"{line.expected:.3g}",
            "-" if line.measured is None else f"{line.measured:.3g}",
        )
        previous = name
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
