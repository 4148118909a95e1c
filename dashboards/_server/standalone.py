"""Standalone server of the live pages of a run."""

import asyncio
import signal
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from streamlyt.core.errors import ParameterError

from .app import DashboardApp
from .auth import LOOPBACK, AccessControl
from .frame_cache import FrameCache
from .run_feed import LiveRunFeed, RunFeed

__all__ = ["dashboard_routes", "require_token_if_public", "serve_dashboard"]


def dashboard_routes(
    run: Path,
    metrics: Callable[[], Mapping[str, float]] | None = None,
    names: Collection[str] = (),
    tokens: Path | None = None,
) -> DashboardApp:
    """Return the live pages of a run file, to add to an existing server.

    Parameters
    ----------
    run
        The run file. It may be created later.
    metrics
        Returns the metrics of the process: ``rows`` processed, ``lag`` (messages), ``queue``
        (prefetched rows), ``checkpoint`` (its age in seconds), ``memory`` (MB).
    names
        Accepted host names in addition to those of the loopback interface.
    tokens
        File of the accepted tokens; None requires no token.

    Raises
    ------
    ParameterError
        If the tokens cannot be read.
    """
    return DashboardApp(FrameCache(LiveRunFeed(run), metrics), AccessControl(names, tokens))


def serve_dashboard(
    feed: RunFeed,
    host: str = "127.0.0.1",
    port: int = 8751,
    names: Collection[str] = (),
    tokens: Path | None = None,
    said: Callable[[str], None] = print,
    metrics: Callable[[], Mapping[str, float]] | None = None,
) -> None:
    """Serve the live pages of a run until SIGINT or SIGTERM.

    Parameters
    ----------
    feed
        Source of the run.
    host, port
        Address of the pages; port 0 selects a free port.
    names, tokens
        As for :func:`dashboard_routes`.
    said
        Called with the address once the server accepts connections.
    metrics
        As for :func:`dashboard_routes`.

    Raises
    ------
    ParameterError
        If the token file cannot be read, or a public host has none.
    OSError
        If the address is in use.
    """
    require_token_if_public(host, tokens)
    asyncio.run(_serve(FrameCache(feed, metrics), host, port, AccessControl(names, tokens), said))


def require_token_if_public(host: str, tokens: Path | None) -> None:
    """Raise an error if the pages are public and require no token.

    Raises
    ------
    ParameterError
        If ``host`` is not a loopback address and ``tokens`` is None.
    """
    if host not in LOOPBACK and tokens is None:
        raise ParameterError(
            f"tokens must be given for a public host, got host {host!r} and None; "
            f"create a file with streamlyt token create and pass it"
        )


async def _serve(
    cache: FrameCache, host: str, port: int, access: AccessControl, said: Callable[[str], None]
) -> None:
    dashboard = DashboardApp(cache, access)
    server = HTTPServer(Application(dashboard.routes(), log_function=lambda request: None))
    sockets = bind_sockets(port, host)
    server.add_sockets(sockets)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    dashboard.start()
    said(f"http://{f'[{host}]' if ':' in host else host}:{sockets[0].getsockname()[1]}/")
    warm_up = asyncio.create_task(dashboard.warm())
    try:
        await stopped.wait()
    finally:
        await warm_up  # it uses the thread that stop() ends
        dashboard.stop()
        server.stop()
