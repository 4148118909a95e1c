"""``streamlyt report``: the page of a run that was kept."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["report"]


def report(
    run: Annotated[Path, typer.Argument(help="A run file (*.streamlyt).", metavar="RUN")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where the page goes.", metavar="FILE")
    ] = Path("report.html"),
) -> int:
    """Draw one HTML page of a run: statistic, observable, where it moved, changes."""
    from streamlyt.cli._detection.run import check_not_replaced, write_page  # heavy: not for --help

    check_not_replaced("--output", output, [run])
    write_page([run], output, run.stem)
    return 0
