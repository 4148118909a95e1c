"""``streamlyt demo``: two recorded trajectories that come with the project."""

from pathlib import Path
from typing import Annotated

import typer

from streamlyt.cli.options import Form, Format, Seed

from .dashboard import Port

__all__ = ["demo"]


def demo(
    output: Annotated[
        Path, typer.Option(help="Folder that receives report.html.", metavar="FOLDER")
    ] = Path("demo"),
    seed: Seed = None,
    form: Form = Format.table,
    live: Annotated[
        bool, typer.Option("--live", help="Then play both in the browser, in 45 seconds.")
    ] = False,
    port: Port = 8751,
) -> int:
    """Find the changes in two recorded trajectories and draw them on one page."""
    from streamlyt.cli._demo_run import run_demo  # heavy: not for --help

    return run_demo(output, seed or 0, form, port if live else None)
