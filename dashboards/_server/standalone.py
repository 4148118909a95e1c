"""A server of its own for the live pages of a run."""

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
    gauges: Callable[[], Mapping[str, float]] | None = None,
    names: Collection[str] = (),
    tokens: Path | None = None,
) -> DashboardApp:
    """Return the live pages of a run file, for a server that others have already.

    Parameters
    ----------
    run
        The run file. It may come later.
    gauges
        Returns what the process tells of itself: ``rows`` taken, ``lag`` (messages that wait),
        ``queue`` (rows read ahead), ``checkpoint`` (its age in seconds), ``memory`` (MB).
    names
        Host names by which it is asked for beside those of this machine's loopback.
    tokens
        File of the tokens that are asked for; None to ask for none.

    Raises
    ------
    ParameterError
        If the tokens cannot be read.
    """
    return DashboardApp(FrameCache(LiveRunFeed(run), gauges), AccessControl(names, tokens))


def serve_dashboard(
    feed: RunFeed,
    host: str = "127.0.0.1",
    port: int = 8751,
    names: Collection[str] = (),
    tokens: Path | None = None,
    said: Callable[[str], None] = print,
    gauges: Callable[[], Mapping[str, float]] | None = None,
) -> None:
    """Serve the live pages of a run until SIGINT or SIGTERM.

    Parameters
    ----------
    feed
        Where the run comes from.
    host, port
        Where the pages are; port 0 takes a free one.
    names, tokens
        As for :func:`live_pages`.
    said
        Gets the address, once it can be opened.
    gauges
        As for :func:`live_pages`.

    Raises
    ------
    ParameterError
        If the tokens cannot be read, or pages that are open to others ask for none.
    OSError
        If the address is taken.
    """
    require_token_if_public(host, tokens)
    asyncio.run(_serve(FrameCache(feed, gauges), host, port, AccessControl(names, tokens), said))


def require_token_if_public(host: str, tokens: Path | None) -> None:
    """Raise where pages could be reached from elsewhere and ask nobody for a token.

    Raises
    ------
    ParameterError
        If that is so.
    """
    if host not in LOOPBACK and tokens is None:
        raise ParameterError(
            f"pages that others can reach must ask for a token, got host {host!r} and no tokens; "
            f"make one with streamlyt token"
        )


async def _serve(
    desk: FrameCache, host: str, port: int, guard: AccessControl, said: Callable[[str], None]
) -> None:
    board = DashboardApp(desk, guard)
    server = HTTPServer(Application(board.routes(), log_function=lambda request: None))
    sockets = bind_sockets(port, host)
    server.add_sockets(sockets)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    board.start()
    said(f"http://{f'[{host}]' if ':' in host else host}:{sockets[0].getsockname()[1]}/")
    warming = asyncio.create_task(board.warm())
    try:
        await ended.wait()
    finally:
        await warming  # its thread is the one that stop() ends
        board.stop()
        server.stop()
