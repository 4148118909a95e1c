"""The one HTTP server of a daemon: is it alive, is it ready, and its counts."""

from collections.abc import Callable
from typing import Any, Protocol

from prometheus_client import CONTENT_TYPE_LATEST
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RedirectHandler, RequestHandler

__all__ = ["HealthStatus", "WebRoutes", "serve_http"]

_TO_PAGES = {"url": "dash/", "permanent": False}  # relative, as a proxy may have moved us

HealthStatus = tuple[bool, str]
"""Whether all is well, and how it stands, in a line."""


class WebRoutes(Protocol):
    """Pages that are served beside health and metrics."""

    def routes(self, prefix: str) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
        """Return the handlers of all addresses under ``prefix``."""

    def start(self) -> None:
        """Begin, on the event loop of this thread."""

    def stop(self) -> None:
        """End."""


def serve_http(
    host: str,
    port: int,
    alive: Callable[[], HealthStatus],
    ready: Callable[[], HealthStatus],
    metrics: Callable[[], bytes],
    pages: WebRoutes | None = None,
) -> tuple[HTTPServer, int]:
    """Serve ``/healthz``, ``/readyz`` and ``/metrics`` on the event loop of this thread.

    And ``pages`` under ``/dash/``, where there are some.

    Returns
    -------
    The server, and the port that it is at.

    Raises
    ------
    OSError
        If the address is taken.
    """
    sockets = bind_sockets(port, host)
    server = HTTPServer(
        Application(
            [
                ("/healthz", _State, {"ask": alive}),
                ("/readyz", _State, {"ask": ready}),
                ("/metrics", _Metrics, {"ask": metrics}),
                *([] if pages is None else [("/", RedirectHandler, _TO_PAGES)]),
                *([] if pages is None else pages.routes("/dash")),
            ],
            log_function=lambda request: None,  # who asks every second is not to fill the log
        )
    )
    server.add_sockets(sockets)
    return server, sockets[0].getsockname()[1]


class _State(RequestHandler):
    def initialize(self, ask: Callable[[], HealthStatus]) -> None:
        self._ask = ask

    def get(self) -> None:
        well, told = self._ask()
        self.set_status(200 if well else 503)
        self.set_header("Cache-Control", "no-store")
        self.write({"ok": well, "state": told})


class _Metrics(RequestHandler):
    def initialize(self, ask: Callable[[], bytes]) -> None:
        self._ask = ask

    def get(self) -> None:
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.write(self._ask())
