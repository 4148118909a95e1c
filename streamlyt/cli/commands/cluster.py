"""``streamlyt cluster``: a pipeline on several processes that share its series out."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from streamlyt.cli.options import PipelineFile, Sets
from streamlyt.core.errors import MissingDependencyError

__all__ = ["run_cluster", "run_cluster_worker"]

Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        help="Where the workers' stores lie; default PIPELINE.cluster here. May be lost.",
        metavar="FOLDER",
    ),
]


def run_cluster(
    pipeline: PipelineFile,
    workers: Annotated[int, typer.Option(help="How many processes.", metavar="NUMBER")] = 2,
    folder: Folder = None,
    sets: Sets = None,
) -> int:
    """Run a pipeline file on several processes of this machine, until SIGTERM or Ctrl-C."""
    _needed()
    from streamlyt.engines.daemon import WorkerPool  # heavy: not for --help

    return WorkerPool(pipeline, workers, _folder(pipeline, folder), sets or [], os.environ).run()


def run_cluster_worker(
    pipeline: PipelineFile,
    number: Annotated[
        int, typer.Option(help="Of this worker among all, from 0.", metavar="NUMBER")
    ] = 0,
    folder: Folder = None,
    sets: Sets = None,
) -> int:
    """Run one worker of a pipeline, for starting each where one likes."""
    _needed()
    from streamlyt.engines.daemon import ClusterWorker  # heavy: not for --help

    return ClusterWorker(pipeline, number, _folder(pipeline, folder), sets or [], os.environ).run()


def _folder(pipeline: Path, folder: Path | None) -> Path:
    return folder or Path(f"{pipeline.stem}.cluster")


def _needed() -> None:
    for package, extra in (
        ("quixstreams", "cluster"),
        ("tornado", "serve"),
        ("structlog", "serve"),
    ):
        if find_spec(package) is None:
            raise MissingDependencyError(package, extra)
