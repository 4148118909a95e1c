"""Access control of live pages, and the web socket."""

import json
import re
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.testing import AsyncHTTPTestCase
from tornado.web import Application
from tornado.websocket import websocket_connect

from streamlyt.core.errors import ParameterError
from streamlyt.dashboards import DashboardApp, create_token, require_token_if_public
from streamlyt.dashboards._server.auth import AccessControl
from streamlyt.dashboards._server.frame_cache import FrameCache
from streamlyt.dashboards._server.run_feed import LiveRunFeed
from tests._waiting import scaled
from tests.dashboards import runs
from tests.dashboards.live import Serving, Writer, unpacked


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def served(folder):
    with Writer(folder / "s.streamlyt", runs.sensors(300, 3)) as writer:
        writer.to(300)
        with Serving(writer.path) as server:
            yield server


@pytest.fixture(scope="module")
def locked(folder, served):
    file = folder / "tokens"
    tokens = create_token(file), create_token(file, ["pump-01"])
    with Serving(folder / "s.streamlyt", AccessControl(["plant.example.org"], file)) as server:
        yield server, *tokens


def test_pages_link_nowhere_else_and_the_policy_is_strict(served):
    for where in ("", "series?key=pump-01", "process", "series?key=none"):
        status, headers, page = served.get(where)
        assert status == (404 if "none" in where else 200)
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self' 'nonce-" in policy
        assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
        assert headers["Cache-Control"] == "no-store"
        nonce = re.search(r"'nonce-([^']+)'", policy)[1]
        assert page.count("<script") == len(re.findall(f'nonce="{nonce}"|<script src=', page))
        for link in re.findall(r'(?:href|src)="([^"]*)"', page):
            assert not re.match(r"[a-z]+:|/", link) or link == "data:,", link


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example.com"}, 403),
        ({"Host": "127.0.0.1:1; script-src *"}, 400),
        ({"Origin": "http://evil.example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
    ],
)
def test_other_hosts_and_origins_are_rejected(served, headers, status):
    assert served.get("series?key=pump-01", **headers)[0] == status


def test_nothing_can_be_written(served):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        request = urllib.request.Request(served.address(), b"", method=method)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=scaled(5))
        with refused.value as answer:
            assert answer.code == 405


def test_rows_are_sent_as_csv_without_formulas(served):
    status, _, text = served.get("rows.csv?key=pump-01&left=0&right=1e18")
    assert status == 200
    assert len(text.splitlines()) == 301
    assert served.get("rows.csv?key=none&left=0&right=1")[0] == 404
    assert served.get("rows.csv?key=pump-01&left=x&right=1")[0] == 400


def test_a_token_is_required_and_removed_from_the_address(folder, locked):
    server, whole, some = locked
    assert server.get("")[0] == 401
    assert server.get("?token=guessed")[0] == 401
    status, headers, _ = server.get(f"series?token={whole}&key=pump-02")
    assert (status, headers["Location"]) == (302, "series?key=pump-02")
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    with_cookie = {"Cookie": cookie.partition(";")[0]}
    assert server.get("process", **with_cookie)[0] == 200
    assert server.get("", Authorization=f"Bearer {whole}", Host="plant.example.org")[0] == 200
    assert not {whole, some} & set((folder / "tokens").read_text().split('"'))


def test_a_token_of_one_series_shows_no_other(locked):
    server, _, some = locked
    mine = {"Authorization": f"Bearer {some}"}
    assert server.get("series?key=pump-01", **mine)[0] == 200
    assert server.get("rows.csv?key=pump-01&left=0&right=1", **mine)[0] == 200
    for other in ("series?key=pump-02", "rows.csv?key=pump-02&left=0&right=1", "process"):
        assert server.get(other, **mine)[0] == 403
    server.cache.process_run.sample()
    assert "</b> MB" not in server.get("series?key=pump-01", **mine)[2]
    whole = {"Authorization": f"Bearer {locked[1]}"}
    assert "</b> MB" in server.get("series?key=pump-01", **whole)[2]
    listed = server.get("", **mine)[2]
    assert "pump-01" in listed
    assert "pump-02" not in listed
    assert "900" not in re.search(r'id="pills".*?</ul>', listed)[0]  # rows of all three


def test_a_public_host_requires_a_token(tmp_path):
    with pytest.raises(ParameterError, match="tokens must be given for a public host"):
        require_token_if_public("0.0.0.0", None)
    require_token_if_public("localhost", None)
    require_token_if_public("0.0.0.0", tmp_path / "tokens")
    with pytest.raises(ParameterError, match="must be a file made by streamlyt token"):
        AccessControl(tokens=tmp_path / "none")


class TestLiveConnection(AsyncHTTPTestCase):
    """Messages of an open web socket."""

    def get_app(self):
        return Application()

    def setUp(self):
        super().setUp()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        self.writer = Writer(path / "s.streamlyt", runs.sensors(2_000, 3))
        self.writer.to(1_000)
        self.token = create_token(path / "tokens", ["pump-01"])
        access = AccessControl(tokens=path / "tokens")
        self.cache = FrameCache(LiveRunFeed(self.writer.path))
        self.dashboard = DashboardApp(self.cache, access)
        self._app.add_handlers(r".*", self.dashboard.routes())

    def tearDown(self):
        self.dashboard.stop()
        self.writer.run.close()
        self.folder.cleanup()
        super().tearDown()

    async def connected(self, key="pump-01", **headers):
        address = self.get_url(f"/live?page=series&key={quote(key)}").replace("http", "ws")
        given = {"Authorization": f"Bearer {self.token}"} | headers
        return await websocket_connect(HTTPRequest(address, headers=given))

    def test_other_origins_and_other_series_are_rejected(self):
        async def run():
            for key, headers in (
                ("pump-01", {"Origin": "http://evil.example.com"}),
                ("pump-01", {"Authorization": ""}),
            ):
                with pytest.raises(HTTPClientError) as refused:
                    await self.connected(key, **headers)
                assert refused.value.code in (401, 403)
            with pytest.raises(HTTPClientError) as refused:
                await self.connected("pump-02")
            assert refused.value.code == 403

        self.io_loop.run_sync(run)

    def test_a_frame_is_sent_at_once_then_on_news_and_only_on_request(self):
        async def run():
            await self.dashboard.refresh()
            pages = [await self.connected() for _ in range(3)]
            view = json.dumps({"last": 500, "width": 400})
            made, real = [], self.cache._build
            self.cache._build = lambda seen: made.append(seen) or real(seen)
            for page in pages:
                await page.write_message(view)
            first = [await page.read_message() for page in pages]
            assert len(set(first)) == 1
            assert len(made) == 1  # for all three
            assert unpacked(first[0])[0]["rows"] == 1_000
            for page in pages:
                await page.write_message(view)
            for stop in (1_200, 1_500):
                self.writer.to(stop)
                self.cache._throttled_until = 0.0
                await self.dashboard.refresh()
            second = [await page.read_message() for page in pages]
            assert {unpacked(frame)[0]["rows"] for frame in second} <= {1_200, 1_500}
            for page in pages:
                page.close()

        self.io_loop.run_sync(run)
