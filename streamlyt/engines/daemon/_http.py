"""The HTTP server of a daemon: health, readiness, metrics and pages."""

from collections.abc import Callable
from typing import Any, Protocol

from prometheus_client import CONTENT_TYPE_LATEST
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RedirectHandler, RequestHandler

__all__ = ["HealthStatus", "WebRoutes", "serve_http"]

_TO_PAGES = {"url": "dashboard/", "permanent": False}  # relative, as a proxy may add a prefix

HealthStatus = tuple[bool, str]
"""Whether the check passes, and the state in one line."""


class WebRoutes(Protocol):
    """Pages that are served with health and metrics."""

    def routes(self, prefix: str) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
        """Return the handlers of all addresses under ``prefix``."""

    def start(self) -> None:
        """Start on the event loop of this thread."""

    def stop(self) -> None:
        """Stop."""


def serve_http(
    host: str,
    port: int,
    alive: Callable[[], HealthStatus],
    ready: Callable[[], HealthStatus],
    metrics: Callable[[], bytes],
    pages: WebRoutes | None = None,
) -> tuple[HTTPServer, int]:
    """Serve ``/healthz``, ``/readyz`` and ``/metrics`` on the event loop of this thread.

    ``pages``, if given, are served under ``/dashboard/``.

    Returns
    -------
    The server and its port.

    Raises
    ------
    OSError
        If the address is in use.
    """
    sockets = bind_sockets(port, host)
    server = HTTPServer(
        Application(
            [
                ("/healthz", _Health, {"check": alive}),
                ("/readyz", _Health, {"check": ready}),
                ("/metrics", _Metrics, {"collect": metrics}),
                *([] if pages is None else [("/", RedirectHandler, _TO_PAGES)]),
                *([] if pages is None else pages.routes("/dashboard")),
            ],
            log_function=lambda request: None,  # health probes arrive every second; do not log them
        )
    )
    server.add_sockets(sockets)
    return server, sockets[0].getsockname()[1]


class _Health(RequestHandler):
    def initialize(self, check: Callable[[], HealthStatus]) -> None:
        self._check = check

    def get(self) -> None:
        ok, state = self._check()
        self.set_status(200 if ok else 503)
        self.set_header("Cache-Control", "no-store")
        self.write({"ok": ok, "state": state})


class _Metrics(RequestHandler):
    def initialize(self, collect: Callable[[], bytes]) -> None:
        self._collect = collect

    def get(self) -> None:
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.write(self._collect())
