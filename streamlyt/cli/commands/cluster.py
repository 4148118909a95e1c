"""``streamlyt cluster``: a pipeline on several processes, distributed by series."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from streamlyt.cli.options import PipelineFile, Sets
from streamlyt.core.errors import MissingDependencyError

__all__ = ["run_cluster", "run_cluster_worker"]

StateDir = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        help="Directory of the local state stores; rebuilt if lost. Default: PIPELINE.cluster.",
        metavar="DIRECTORY",
    ),
]


def run_cluster(
    pipeline: PipelineFile,
    workers: Annotated[int, typer.Option(help="Number of worker processes.", metavar="NUMBER")] = 2,
    state_dir: StateDir = None,
    sets: Sets = None,
) -> int:
    """Run a pipeline on worker processes of this machine until SIGTERM or Ctrl-C."""
    _check_dependencies()
    from streamlyt.engines.daemon import WorkerPool  # slow to import

    return WorkerPool(
        pipeline, workers, _state_dir(pipeline, state_dir), sets or [], os.environ
    ).run()


def run_cluster_worker(
    pipeline: PipelineFile,
    worker_id: Annotated[
        int, typer.Option(help="Index of this worker, from 0.", metavar="NUMBER")
    ] = 0,
    state_dir: StateDir = None,
    sets: Sets = None,
) -> int:
    """Run one worker of a pipeline, for external process managers."""
    _check_dependencies()
    from streamlyt.engines.daemon import ClusterWorker  # slow to import

    return ClusterWorker(
        pipeline, worker_id, _state_dir(pipeline, state_dir), sets or [], os.environ
    ).run()


def _state_dir(pipeline: Path, state_dir: Path | None) -> Path:
    return state_dir or Path(f"{pipeline.stem}.cluster")


def _check_dependencies() -> None:
    for package, extra in (
        ("quixstreams", "cluster"),
        ("tornado", "serve"),
        ("structlog", "serve"),
    ):
        if find_spec(package) is None:
            raise MissingDependencyError(package, extra)
