"""The live pages over HTTP: read only, on loopback, a screenful at a time."""

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
from streamlyt.dashboards._page.series_list import list_of, rows_of_series
from streamlyt.dashboards._plotting.serialization import pack_frame

from .auth import AccessControl, TokenScope
from .frame_cache import ALL, FrameCache, FrameKey
from .frames import changes_of
from .pages import LIBRARY, library_file, list_page, series_page, waiting_page
from .process_run import PROCESS
from .view import LAST, View, rows_of

__all__ = ["DashboardApp"]

PULL_MS = 250  # measured: below, a browser does little else; above, a page looks asleep
_MOST_PAGES = 128  # open at once
_COOKIE = "streamlyt"
_ROWS_OF_A_FILE = 100_000


class DashboardApp:
    """The live pages of a run, for a server of tornado.

    Parameters
    ----------
    desk
        Makes what is shown.
    guard
        Decides who may look.
    """

    def __init__(self, desk: FrameCache, guard: AccessControl) -> None:
        self.desk, self.guard = desk, guard
        self.open: set[_Live] = set()
        self._clock = PeriodicCallback(self.turn, PULL_MS)

    def routes(self, prefix: str = "") -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
        """Return the handlers of all addresses under ``prefix``."""
        with_me = {"board": self}
        return [
            (rf"{prefix}/", _Page, {**with_me, "page": ALL}),
            (rf"{prefix}/series", _Page, {**with_me, "page": "series"}),
            (rf"{prefix}/process", _Page, {**with_me, "page": "process"}),
            (rf"{prefix}/live", _Live, with_me),
            (rf"{prefix}/rows\.csv", _Rows, with_me),
            (rf"{prefix}/{LIBRARY}", _Library, with_me),
            *([(prefix, _Slash, with_me)] if prefix else []),
        ]

    def start(self) -> None:
        """Begin to look at the run."""
        self._clock.start()

    def stop(self) -> None:
        """End; open pages find out by themselves."""
        self._clock.stop()
        for page in list(self.open):
            page.close()
        self.desk.close()

    async def warm(self) -> None:
        """Draw the page of the series that is looked at first, before anybody asks for it."""
        await self.desk.refresh()
        with suppress(StreamlytError):  # a run that cannot be read tells so on its page
            await self.desk.call(self._draw_first)

    def _draw_first(self) -> None:
        look = self.desk.snapshot
        first = rows_of_series(look.row_counts(), look.by_key())[:1] if look is not None else []
        for key in first:
            if self.desk.snapshot is not None and self.desk.snapshot.has(key):
                series_page(self.desk, ("series", View(key, last=LAST)), "", True)

    async def turn(self) -> None:
        """See whether there is news, and send it to the pages that wait."""
        await self.desk.refresh()
        for page in list(self.open):
            await page.serve(at_once=False)


class _Guarded(RequestHandler):
    """What all pages have in common: who may see them, and what a browser is told."""

    def initialize(self, board: DashboardApp, page: str = "") -> None:
        self.board, self.page = board, page
        self.seen = TokenScope(frozenset())

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
        guard, host = self.board.guard, self.request.host
        if not guard.knows_host(host):
            raise HTTPError(
                403, reason="Unknown host name: start the server with --name to allow it"
            )
        if not guard.knows_origin(self.request.headers.get("Origin"), host):
            raise HTTPError(403, reason="Requests of other sites are refused")
        found = guard.passes(self._token())
        if found is None:
            raise HTTPError(401, reason="A token is needed: open the link that came with it")
        self.seen = found
        return None

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code}: {self._reason}\n")

    def _token(self) -> str | None:
        given = self.get_query_argument("token", None)
        if given is not None:
            return given
        said = self.request.headers.get("Authorization", "")
        if said.startswith("Bearer "):
            return said.removeprefix("Bearer ")
        return self.get_cookie(_COOKIE)

    def key(self) -> str:
        """Return the series that is asked for."""
        if self.page == "process":
            if self.seen.series is not None:
                raise HTTPError(403, reason="This token is for some series only")
            return PROCESS
        key = self.get_query_argument("key", "", strip=False)
        if not self.seen.allows(key):
            raise HTTPError(403, reason="This token is for other series")
        return key


class _Page(_Guarded):
    async def get(self) -> None:
        token = self.get_query_argument("token", None)
        if token is not None and self.board.guard.requires_token:
            # Kept by the browser from now on, and gone from the address and its history.
            self.set_cookie(_COOKIE, token, httponly=True, samesite="Lax", path=self._folder())
            rest = "&".join(part for part in self._query() if not part.startswith("token="))
            where = self.request.path.rpartition("/")[2] or "./"
            self.redirect(where + (f"?{rest}" if rest else ""))
            return
        nonce, desk = secrets.token_urlsafe(12), self.board.desk
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", _policy(nonce, self.request.host))
        await desk.refresh()
        whole = self.seen.series is None
        if self.page == ALL:
            only = None if whole else self.seen.allows
            self.finish(await desk.call(lambda: list_page(desk, nonce, only)))
            return
        key = self.key()
        page = self.page if whole else "one"
        seen: FrameKey = (page, View(key, last=600 if page == "process" else LAST))
        ready = self.page == "process" or await desk.call(lambda: _has_rows(desk, key))
        if not ready:
            if desk.snapshot is not None and desk.snapshot.keys():
                self.set_status(404)  # others have begun: more likely a wrong name than a late one
            self.finish(await desk.call(lambda: waiting_page(desk, key, nonce, whole)))
            return
        self.finish(await desk.call(lambda: series_page(desk, seen, nonce, whole)))

    def _query(self) -> list[str]:
        return [part for part in self.request.query.split("&") if part]

    def _folder(self) -> str:
        return self.request.path.rpartition("/")[0] + "/"


class _Slash(_Guarded):
    def get(self) -> None:
        """Lead to the folder, from which the addresses on the pages count."""
        self.redirect(self.request.path.rpartition("/")[2] + "/")


class _Library(_Guarded):
    def get(self) -> None:
        """Send Bokeh's script: its address has its version, so that browsers keep it."""
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", "private, max-age=31536000, immutable")
        self.finish(library_file())


class _Rows(_Guarded):
    async def get(self) -> None:
        """Send the rows that a page shows as a table."""
        key, desk = self.key(), self.board.desk
        try:
            ends = [float(self.get_query_argument(name)) for name in ("left", "right")]
        except ValueError:
            raise HTTPError(400, reason="left and right must be numbers") from None
        text = await desk.call(lambda: _table(desk, key, *ends))
        if text is None:
            raise HTTPError(404, reason="There is no such series")
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        self.set_header("Content-Disposition", 'attachment; filename="rows.csv"')
        self.finish(text)


class _Live(WebSocketHandler, _Guarded):
    """One open page: it says what it looks at, and is sent a frame when there is a new one.

    It asks for the next frame when it has drawn the last, so that none wait for a slow browser.
    """

    max_message_size = 8192

    @property
    def ping_interval(self) -> float:
        return 10.0

    def check_origin(self, origin: str) -> bool:
        return self.board.guard.knows_origin(origin, self.request.host)

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Begin, if what is asked for may be seen."""
        self.page = self.get_query_argument("page", "series")
        self._series = "" if self.page == ALL else self.key()
        await super().get(*args, **kwargs)

    async def open(self, *args: str, **kwargs: str) -> None:
        self._wanted: View | None = None
        self._have = ""
        self._sending = False
        if len(self.board.open) >= _MOST_PAGES:
            self.close(1013, "too many pages are open")
            return
        self.board.open.add(self)

    async def on_message(self, message: str | bytes) -> None:
        try:
            view = View.from_message(self._series, message)
        except ParameterError as problem:
            self.close(1008, str(problem)[:100])
            return
        moved = view != getattr(self, "_last", None)
        self._wanted = self._last = view
        await self.serve(at_once=moved)

    def on_close(self) -> None:
        self.board.open.discard(self)

    async def serve(self, at_once: bool) -> None:
        """Send a frame, if one is wanted and there is a new one."""
        view, desk = self._wanted, self.board.desk
        if view is None or self._sending:
            return
        page = "one" if self.page == "series" and self.seen.series is not None else self.page
        seen: FrameKey = (page, view)
        if not at_once and desk.stamp(seen) == self._have:
            return
        self._sending = True
        try:
            if self.page == ALL and self.seen.series is not None:
                stamp, frame = desk.stamp(seen), await desk.call(lambda: self._some(view))
            else:
                stamp, frame = await desk.frame(seen)
            self._wanted, self._have = None, stamp
            await self.write_message(frame, binary=True)
        except WebSocketClosedError:
            self.board.open.discard(self)
        finally:
            self._sending = False

    def _some(self, view: View) -> bytes:
        look = self.board.desk.snapshot
        if look is None:
            return pack_frame({"waiting": "Waiting for the run to begin."}, {})
        return pack_frame(list_of(look, view.find, None, self.seen.allows), {})


def _has_rows(desk: FrameCache, key: str) -> bool:
    return desk.snapshot is not None and desk.snapshot.has(key)


def _table(desk: FrameCache, key: str, left: float, right: float) -> str | None:
    """Return rows as they came, or, where they are too many, drawn together."""
    look = desk.snapshot
    if look is None or not look.has(key):
        return None
    schema, axis = look.schema(key), changes_of(look, key).axis
    start, stop = rows_of(look, View(key, left=min(left, right), right=max(left, right)), axis)
    seen = look.downsample(
        key, schema.channel_names, points=_ROWS_OF_A_FILE, start=start, stop=stop
    )
    whole = len(seen.rows) >= stop - start
    kinds = ("",) if whole else (" minimum", " mean", " maximum")
    tables = (seen.mean,) if whole else (seen.minimum, seen.mean, seen.maximum)
    text = io.StringIO()
    writer = csv.writer(text)
    names = [_harmless(name + kind) for name in schema.channel_names for kind in kinds]
    writer.writerow([schema.row_label, f"time ({schema.time_unit})", *names])
    for i, (row, time) in enumerate(zip(seen.rows, seen.times, strict=True)):
        cells = [table[i, c] for c in range(schema.n_channels) for table in tables]
        writer.writerow([schema.source_row(int(row)), int(time), *(repr(float(v)) for v in cells)])
    return text.getvalue()


def _harmless(name: str) -> str:
    """Return a name that no spreadsheet takes for a formula."""
    return f"'{name}" if name[:1] in "=+-@\t\r" else name


def _policy(nonce: str, host: str) -> str:
    """Return what a page may do: run its own scripts, and speak with its own server.

    Bokeh makes functions of the texts of its hovers and tick labels, hence unsafe-eval, and sets
    styles, hence unsafe-inline; a script in the data has neither the nonce nor a way in.
    """
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; "
        "style-src 'unsafe-inline'; img-src 'self' data: blob:; font-src data:; "
        f"connect-src 'self' ws://{host} wss://{host}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
