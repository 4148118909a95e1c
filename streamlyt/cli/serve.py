"""``streamlyt serve``: a pipeline as a daemon."""

import os
from importlib.util import find_spec

from streamlyt.cli._options import PipelineFile, Sets
from streamlyt.errors import MissingExtraError

__all__ = ["serve_pipeline"]

_NEEDED = ("tornado", "structlog", "prometheus_client")


def serve_pipeline(pipeline: PipelineFile, sets: Sets = None) -> int:
    """Run a pipeline file until it is told to stop (SIGTERM); SIGHUP reads its parameters again."""
    for package in _NEEDED:
        if find_spec(package) is None:
            raise MissingExtraError(package, "serve")
    from streamlyt.daemon import Daemon  # heavy: not for --help

    return Daemon(pipeline, sets or [], os.environ).run()
