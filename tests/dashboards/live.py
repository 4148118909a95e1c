"""Live pages of a run that a test writes, served from a thread of this process."""

import asyncio
import json
import threading
import urllib.error
import urllib.request

import numpy as np
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from streamlyt.core import Batch
from streamlyt.dashboards import DashboardApp
from streamlyt.dashboards._server.auth import AccessControl
from streamlyt.dashboards._server.frame_cache import FrameCache
from streamlyt.dashboards._server.run_feed import LiveRunFeed
from streamlyt.runfile import RunFile
from tests._waiting import HAPPENS_S, joined, scaled


def unpacked(message):
    """Return header and columns of a frame."""
    size = int.from_bytes(message[:4], "little")
    header, body = json.loads(message[4 : 4 + size]), message[4 + size :]
    sources = {}
    for name, columns in header.pop("sources").items():
        sources[name] = {}
        for column, spec in columns.items():
            if len(spec) == 3 and isinstance(spec[1], list):
                kind, shape, start = spec
                count = int(np.prod(shape))
                sources[name][column] = np.frombuffer(body, kind, count, start).reshape(shape)
            else:
                sources[name][column] = spec
    return header, sources


class Writer:
    """Writer of a synthetic run in parts."""

    def __init__(self, path, made):
        self.path, self.made = path, made
        self.at = dict.fromkeys(made.series, 0)
        self.left = list(made.events)
        self.run = RunFile.create(path, pipeline="")

    def to(self, stop):
        """Write the rows of all series up to one, with the events until then."""
        for key, (schema, times, values) in self.made.series.items():
            rows = slice(self.at[key], stop)
            self.run.write_rows(Batch(key, times[rows], values[rows], schema))
            self.at[key] = stop
        for found in [e for e in self.left if e.alarm_index < stop]:
            self.run.write_event(found)
            self.left.remove(found)
        self.run.checkpoint({}, {})

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.run.close()


class Serving:
    """Server of the pages of a feed."""

    def __init__(self, feed, access=None, port=0):
        self.feed = LiveRunFeed(feed) if not hasattr(feed, "poll") else feed
        self.access = access or AccessControl()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(port)))
        self._thread.start()
        assert self._ready.wait(scaled(HAPPENS_S)), "the server did not start"

    async def _serve(self, port):
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self.cache = FrameCache(self.feed)
        dashboard = DashboardApp(self.cache, self.access)
        server = HTTPServer(Application(dashboard.routes(), log_function=lambda request: None))
        sockets = bind_sockets(port, "127.0.0.1", reuse_port=False)
        server.add_sockets(sockets)
        self.port = sockets[0].getsockname()[1]
        dashboard.start()
        self._ready.set()
        await self._ended.wait()
        dashboard.stop()
        server.stop()
        await server.close_all_connections()

    def address(self, where=""):
        return f"http://127.0.0.1:{self.port}/{where}"

    def get(self, where, **headers):
        """Return status, headers and text; redirections are not followed."""
        request = urllib.request.Request(self.address(where), headers=headers)
        try:
            with _OPENER.open(request, timeout=scaled(20)) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    def end(self):
        self._loop.call_soon_threadsafe(self._ended.set)
        joined(self._thread, "the server ends")

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if self._thread.is_alive():
            self.end()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


_OPENER = urllib.request.build_opener(_Stay)
