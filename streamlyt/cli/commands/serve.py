"""``streamlyt serve``: run a pipeline as a daemon."""

import os
from functools import partial
from importlib.util import find_spec
from typing import Annotated

import typer

from streamlyt.cli.options import PipelineFile, Sets, Trust
from streamlyt.core.errors import MissingDependencyError

from .dashboard import AllowedHosts, TokenFile, require_bokeh

__all__ = ["serve_pipeline"]

_REQUIRED = ("tornado", "structlog", "prometheus_client")


def serve_pipeline(
    pipeline: PipelineFile,
    sets: Sets = None,
    dashboard: Annotated[
        bool, typer.Option("--dashboard", help="Serve the dashboard of the run under /dashboard/.")
    ] = False,
    allowed_hosts: AllowedHosts = None,
    token_file: TokenFile = None,
    trust: Trust = False,
) -> int:
    """Run a pipeline file until SIGTERM; SIGHUP reloads its parameters."""
    for package in _REQUIRED:
        if find_spec(package) is None:
            raise MissingDependencyError(package, "serve")
    from streamlyt.engines.daemon import Daemon  # slow to import

    if not dashboard:
        return Daemon(pipeline, sets or [], os.environ, trust=trust).run()
    require_bokeh()
    from streamlyt.cli._dashboard.daemon_pages import pages_of

    pages = partial(pages_of, allowed_hosts or [], token_file)
    return Daemon(pipeline, sets or [], os.environ, pages, trust=trust).run()
