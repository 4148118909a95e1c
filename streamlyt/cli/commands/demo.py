"""``streamlyt demo``: change detection on two bundled trajectories."""

from pathlib import Path
from typing import Annotated

import typer

from streamlyt.cli.options import Form, Format, Seed

from .dashboard import Port

__all__ = ["demo"]


def demo(
    output_dir: Annotated[
        Path, typer.Option(help="Directory for report.html.", metavar="DIRECTORY")
    ] = Path("demo"),
    seed: Seed = None,
    output_format: Form = Format.table,
    live: Annotated[
        bool, typer.Option("--live", help="Replay both runs in the browser (45 s).")
    ] = False,
    port: Port = 8751,
) -> int:
    """Detect the changes in two bundled trajectories and write a report."""
    from streamlyt.cli._demo_run import run_demo  # slow to import

    return run_demo(output_dir, seed or 0, output_format, port if live else None)
