"""Live pages over HTTP: read-only, downsampled to the screen."""

import csv
import io
import secrets
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from tornado.ioloop import PeriodicCallback
from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from streamlyt.core.errors import ParameterError, StreamlytError
from streamlyt.dashboards._page.series_list import series_list, sort_series
from streamlyt.dashboards._plotting.serialization import pack_frame

from .auth import AccessControl, TokenScope
from .frame_cache import ALL, FrameCache, FrameKey
from .frames import changes_of
from .pages import LIBRARY, library_file, list_page, series_page, waiting_page
from .process_run import PROCESS
from .view import LAST, View, visible_rows

__all__ = ["DashboardApp"]

PULL_MS = 250  # measured: below, browsers are busy; above, pages look stalled
_MAX_PAGES = 128  # open at the same time
_COOKIE = "streamlyt"
_ROWS_OF_A_FILE = 100_000


class DashboardApp:
    """Live pages of a run, for a tornado server.

    Parameters
    ----------
    desk
        Renders the frames.
    guard
        Access control of all requests.
    """

    def __init__(self, cache: FrameCache, access: AccessControl) -> None:
        self.cache, self.access = cache, access
        self.open: set[_Live] = set()
        self._clock = PeriodicCallback(self.refresh, PULL_MS)

    def routes(self, prefix: str = "") -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
        """Return the handlers of all paths under ``prefix``."""
        with_me = {"dashboard": self}
        return [
            (rf"{prefix}/", _Page, {**with_me, "page": ALL}),
            (rf"{prefix}/series", _Page, {**with_me, "page": "series"}),
            (rf"{prefix}/process", _Page, {**with_me, "page": "process"}),
            (rf"{prefix}/live", _Live, with_me),
            (rf"{prefix}/rows\.csv", _Rows, with_me),
            (rf"{prefix}/{LIBRARY}", _Library, with_me),
            *([(prefix, _FolderRedirect, with_me)] if prefix else []),
        ]

    def start(self) -> None:
        """Start polling the run."""
        self._clock.start()

    def stop(self) -> None:
        """Stop; open pages notice the closed connection."""
        self._clock.stop()
        for page in list(self.open):
            page.close()
        self.cache.close()

    async def warm(self) -> None:
        """Draw the page of the first series before it is requested."""
        await self.cache.refresh()
        with suppress(StreamlytError):  # the page shows the error of an unreadable run
            await self.cache.call(self._draw_first)

    def _draw_first(self) -> None:
        snapshot = self.cache.snapshot
        first = (
            sort_series(snapshot.row_counts(), snapshot.by_key())[:1]
            if snapshot is not None
            else []
        )
        for key in first:
            if self.cache.snapshot is not None and self.cache.snapshot.has(key):
                series_page(self.cache, ("series", View(key, last=LAST)), "", True)

    async def refresh(self) -> None:
        """Poll the run and send new frames to waiting pages."""
        await self.cache.refresh()
        for page in list(self.open):
            await page.serve(at_once=False)


class _BaseHandler(RequestHandler):
    """Base handler: access control and security headers."""

    def initialize(self, dashboard: DashboardApp, page: str = "") -> None:
        self.dashboard, self.page = dashboard, page
        self.scope = TokenScope(frozenset())

    def set_default_headers(self) -> None:
        for name, value in (
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        ):
            self.set_header(name, value)
        self.clear_header("Server")

    def prepare(self) -> Awaitable[None] | None:
        access, host = self.dashboard.access, self.request.host
        if not access.knows_host(host):
            raise HTTPError(
                403, reason="Unknown host name: start the server with --allowed-host to allow it"
            )
        if not access.knows_origin(self.request.headers.get("Origin"), host):
            raise HTTPError(403, reason="Cross-origin requests are rejected")
        scope = access.passes(self._token())
        if scope is None:
            raise HTTPError(401, reason="A token is required: open the link that contains it")
        self.scope = scope
        return None

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code}: {self._reason}\n")

    def _token(self) -> str | None:
        given = self.get_query_argument("token", None)
        if given is not None:
            return given
        header = self.request.headers.get("Authorization", "")
        if header.startswith("Bearer "):
            return header.removeprefix("Bearer ")
        return self.get_cookie(_COOKIE)

    def key(self) -> str:
        """Return the requested series."""
        if self.page == "process":
            if self.scope.series is not None:
                raise HTTPError(403, reason="This token is limited to some series")
            return PROCESS
        key = self.get_query_argument("key", "", strip=False)
        if not self.scope.allows(key):
            raise HTTPError(403, reason="This token does not allow this series")
        return key


class _Page(_BaseHandler):
    async def get(self) -> None:
        token = self.get_query_argument("token", None)
        if token is not None and self.dashboard.access.requires_token:
            # A cookie stores it, and the redirect removes it from the address and the history.
            self.set_cookie(_COOKIE, token, httponly=True, samesite="Lax", path=self._folder())
            rest = "&".join(part for part in self._query() if not part.startswith("token="))
            where = self.request.path.rpartition("/")[2] or "./"
            self.redirect(where + (f"?{rest}" if rest else ""))
            return
        nonce, cache = secrets.token_urlsafe(12), self.dashboard.cache
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", _policy(nonce, self.request.host))
        await cache.refresh()
        whole = self.scope.series is None
        if self.page == ALL:
            only = None if whole else self.scope.allows
            self.finish(await cache.call(lambda: list_page(cache, nonce, only)))
            return
        key = self.key()
        page = self.page if whole else "one"
        seen: FrameKey = (page, View(key, last=600 if page == "process" else LAST))
        ready = self.page == "process" or await cache.call(lambda: _has_rows(cache, key))
        if not ready:
            if cache.snapshot is not None and cache.snapshot.keys():
                self.set_status(
                    404
                )  # other series exist: a wrong key is more likely than a late series
            self.finish(await cache.call(lambda: waiting_page(cache, key, nonce, whole)))
            return
        self.finish(await cache.call(lambda: series_page(cache, seen, nonce, whole)))

    def _query(self) -> list[str]:
        return [part for part in self.request.query.split("&") if part]

    def _folder(self) -> str:
        return self.request.path.rpartition("/")[0] + "/"


class _FolderRedirect(_BaseHandler):
    def get(self) -> None:
        """Redirect to the folder, to which the links on the pages are relative."""
        self.redirect(self.request.path.rpartition("/")[2] + "/")


class _Library(_BaseHandler):
    def get(self) -> None:
        """Send Bokeh's script; its path has the version, so that browsers cache it."""
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", "private, max-age=31536000, immutable")
        self.finish(library_file())


class _Rows(_BaseHandler):
    async def get(self) -> None:
        """Send the visible rows as CSV."""
        key, cache = self.key(), self.dashboard.cache
        try:
            ends = [float(self.get_query_argument(name)) for name in ("left", "right")]
        except ValueError:
            raise HTTPError(400, reason="left and right must be numbers") from None
        text = await cache.call(lambda: _table(cache, key, *ends))
        if text is None:
            raise HTTPError(404, reason="Series not found")
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        self.set_header("Content-Disposition", 'attachment; filename="rows.csv"')
        self.finish(text)


class _Live(WebSocketHandler, _BaseHandler):
    """One open page: it sends its view and receives a frame when there is a new one.

    It requests the next frame after drawing the last, so that no frames queue for a slow browser.
    """

    max_message_size = 8192

    @property
    def ping_interval(self) -> float:
        return 10.0

    def check_origin(self, origin: str) -> bool:
        return self.dashboard.access.knows_origin(origin, self.request.host)

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Open the connection if the token allows the series."""
        self.page = self.get_query_argument("page", "series")
        self._series = "" if self.page == ALL else self.key()
        await super().get(*args, **kwargs)

    async def open(self, *args: str, **kwargs: str) -> None:
        self._requested: View | None = None
        self._have = ""
        self._sending = False
        if len(self.dashboard.open) >= _MAX_PAGES:
            self.close(1013, "too many open pages")
            return
        self.dashboard.open.add(self)

    async def on_message(self, message: str | bytes) -> None:
        try:
            view = View.from_message(self._series, message)
        except ParameterError as problem:
            self.close(1008, str(problem)[:100])
            return
        moved = view != getattr(self, "_last_view", None)
        self._requested = self._last_view = view
        await self.serve(at_once=moved)

    def on_close(self) -> None:
        self.dashboard.open.discard(self)

    async def serve(self, at_once: bool) -> None:
        """Send a frame if one is requested and there is a new one."""
        view, cache = self._requested, self.dashboard.cache
        if view is None or self._sending:
            return
        page = "one" if self.page == "series" and self.scope.series is not None else self.page
        frame_key: FrameKey = (page, view)
        if not at_once and cache.stamp(frame_key) == self._have:
            return
        self._sending = True
        try:
            if self.page == ALL and self.scope.series is not None:
                stamp, frame = (
                    cache.stamp(frame_key),
                    await cache.call(lambda: self._allowed_series(view)),
                )
            else:
                stamp, frame = await cache.frame(frame_key)
            self._requested, self._have = None, stamp
            await self.write_message(frame, binary=True)
        except WebSocketClosedError:
            self.dashboard.open.discard(self)
        finally:
            self._sending = False

    def _allowed_series(self, view: View) -> bytes:
        snapshot = self.dashboard.cache.snapshot
        if snapshot is None:
            return pack_frame({"waiting": "Waiting for the run to start."}, {})
        return pack_frame(series_list(snapshot, view.find, None, self.scope.allows), {})


def _has_rows(cache: FrameCache, key: str) -> bool:
    return cache.snapshot is not None and cache.snapshot.has(key)


def _table(cache: FrameCache, key: str, left: float, right: float) -> str | None:
    """Return rows as CSV, downsampled if there are too many."""
    snapshot = cache.snapshot
    if snapshot is None or not snapshot.has(key):
        return None
    schema, axis = snapshot.schema(key), changes_of(snapshot, key).axis
    start, stop = visible_rows(
        snapshot, View(key, left=min(left, right), right=max(left, right)), axis
    )
    rows = snapshot.downsample(
        key, schema.channel_names, points=_ROWS_OF_A_FILE, start=start, stop=stop
    )
    complete = len(rows.rows) >= stop - start
    suffixes = ("",) if complete else (" minimum", " mean", " maximum")
    tables = (rows.mean,) if complete else (rows.minimum, rows.mean, rows.maximum)
    text = io.StringIO()
    writer = csv.writer(text)
    names = [_csv_safe(name + kind) for name in schema.channel_names for kind in suffixes]
    writer.writerow([schema.row_label, f"time ({schema.time_unit})", *names])
    for i, (row, time) in enumerate(zip(rows.rows, rows.times, strict=True)):
        cells = [table[i, c] for c in range(schema.n_channels) for table in tables]
        writer.writerow([schema.source_row(int(row)), int(time), *(repr(float(v)) for v in cells)])
    return text.getvalue()


def _csv_safe(name: str) -> str:
    """Return a name that no spreadsheet interprets as a formula."""
    return f"'{name}" if name[:1] in "=+-@\t\r" else name


def _policy(nonce: str, host: str) -> str:
    """Return the content security policy of a page: its own scripts, its own server.

    Bokeh compiles hover texts and tick labels, hence unsafe-eval, and sets styles, hence
    unsafe-inline. A script in the data has no nonce, and all data are escaped.
    """
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; "
        "style-src 'unsafe-inline'; img-src 'self' data: blob:; font-src data:; "
        f"connect-src 'self' ws://{host} wss://{host}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
