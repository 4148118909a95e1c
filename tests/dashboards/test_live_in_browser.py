"""Live pages in a real browser: updates, zoom, pause, reconnection and accessibility."""

import re

import numpy as np
import pytest

from streamlyt.core import Channel, Event, Schema
from streamlyt.dashboards._plotting.palette import DARK, LIGHT
from tests.dashboards import runs
from tests.dashboards.chromium import rest
from tests.dashboards.faults import faults
from tests.dashboards.live import Serving, Writer

pytestmark = pytest.mark.browser

KEY = "ala2_300K"
SERIES = f"series?key={KEY}"
CURVE = "Bokeh.documents[0].get_model_by_name('statistic.curve').data"
ALARMS = "Bokeh.documents[0].get_model_by_name('statistic.alarms').data.x.length"
TIME = "Bokeh.documents[0].get_model_by_name('time')"
ENDS = f"[{TIME}.start, {TIME}.end]"


@pytest.fixture
def writer(tmp_path):
    with Writer(tmp_path / "plant.streamlyt", runs.dipeptide(9_000, (4_000, 6_500))) as one:
        one.to(3_000)
        yield one


def opened(browser, address, **options):
    page = browser.new_context(**options).new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(address)
    page.wait_for_selector("body[data-live]")
    return page


def rows_told(page, n):
    page.wait_for_function(f"document.getElementById('pills').textContent.includes('{n:,}')")


def test_rows_and_an_alarm_appear_on_an_open_page(browser, writer):
    with Serving(writer.path) as server:
        page = opened(browser, server.address(SERIES))
        assert page.locator("#series-0-list").inner_text() == "No change detected."
        assert page.evaluate(ALARMS) == 0
        writer.to(5_000)
        rows_told(page, 5_000)
        assert page.locator("#series-0-list tbody tr").count() == 1
        assert page.evaluate(ALARMS) == 1
        page.wait_for_function("document.getElementById('said').textContent.includes('4.000 ns')")
        assert "sin phi ALA 2" in page.locator("#series-0-channels-0-name").inner_text()
        assert page.evaluate(ENDS) == [0, 4.999]
        writer.to(8_000)
        rows_told(page, 8_000)
        assert page.evaluate(ENDS) == [3.0, 7.999]  # the last 5,000
        assert page.evaluate(f"Math.max(...{CURVE}.row)") >= 7_990
        assert page.problems == []
        page.context.close()


def test_history_has_the_resolution_of_the_view_and_stays_until_live(browser, writer):
    writer.to(9_000)
    with Serving(writer.path) as server:
        page = opened(browser, server.address(SERIES))
        page.evaluate(f"{TIME}.setv({{start: 1.0, end: 1.2}})")
        page.wait_for_function(f"Math.max(...{CURVE}.row) < 1300")
        assert page.locator("#state").inner_text() == "history"
        rows = page.evaluate(f"Array.from({CURVE}.row)")
        assert set(range(1_000, 1_201)) <= set(rows)  # every single row
        page.get_by_role("button", name="Zoom out").press("Enter")
        page.wait_for_function(f"Math.min(...{CURVE}.row) < 910")
        assert page.evaluate(ENDS) == pytest.approx([0.9, 1.3])
        with page.expect_download() as saved:
            page.get_by_role("link", name="Download CSV").click()
        lines = saved.value.path().read_text().splitlines()
        assert lines[0].startswith("frame,time (fs),cos phi ALA 2")
        assert [int(line.split(",")[0]) for line in lines[1:]] == list(range(900, 1_302))
        page.get_by_role("button", name="Back to live").press("Enter")
        page.wait_for_function(f"Math.max(...{CURVE}.row) > 8900")
        assert page.locator("#state").inner_text() == "live"
        page.locator("#last").select_option("all frames")
        page.wait_for_function(f"Math.min(...{CURVE}.row) === 0")
        page.context.close()


def test_a_paused_page_does_not_change(browser, writer):
    with Serving(writer.path) as server:
        page = opened(browser, server.address(SERIES))
        rest(page, 0.6)
        page.get_by_role("button", name="Pause").click()
        rest(page, 0.4)
        writer.to(5_000)
        rest(page, 0.9)
        assert "3,000" in page.locator("#pills").inner_text()
        page.get_by_role("button", name="Resume").click()
        rows_told(page, 5_000)
        page.context.close()


def test_a_page_reconnects_when_its_server_restarts(browser, writer):
    with Serving(writer.path) as server:
        page = opened(browser, server.address(SERIES))
        page.evaluate(f"{TIME}.setv({{start: 1.0, end: 1.5}})")
        page.wait_for_function(f"Math.max(...{CURVE}.row) < 1600")
        server.end()
        page.wait_for_selector("#lost:not([hidden])")
        assert "reconnecting" in page.get_by_role("alert").inner_text()
        assert page.locator("#state").inner_text() == "not connected"
        writer.to(5_000)
        with Serving(writer.path, port=server.port):
            page.wait_for_selector("#lost", state="hidden")
            rows_told(page, 5_000)
            assert page.evaluate(ENDS) == [1.0, 1.5]
            assert page.locator("#series-0-list tbody tr").count() == 1
            page.reload()
            page.wait_for_function(f"window.Bokeh && {TIME} && Math.max(...{CURVE}.row) < 1600")
            assert page.evaluate(ENDS) == [1.0, 1.5]
        page.context.close()


def test_the_chosen_theme_is_kept_and_pages_fit_a_phone(browser, writer):
    with Serving(writer.path) as server:
        phone = {"width": 360, "height": 700}
        page = opened(browser, server.address(SERIES), color_scheme="dark", viewport=phone)
        paper = "getComputedStyle(document.documentElement).getPropertyValue('--background').trim()"
        assert page.evaluate(paper) == DARK["background"]
        page.get_by_role("button", name="Switch to light theme").click()
        assert page.evaluate(paper) == LIGHT["background"]
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.reload()
        assert page.evaluate(paper) == LIGHT["background"]
        for where in ("", "process"):
            page.goto(server.address(where))
            rest(page, 0.3)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.context.close()


def test_axe_finds_no_fault_in_any_page(browser, writer):
    writer.to(5_000)
    pages = ("", "light"), (SERIES, "light"), (SERIES, "dark"), ("process", "dark")
    with Serving(writer.path) as server:
        for where, scheme in (*pages, ("series?key=later", "light")):
            page = opened(browser, server.address(where), color_scheme=scheme)
            assert faults(page) == [], where
            page.context.close()


def test_all_controls_are_reachable_by_keyboard(browser, writer):
    with Serving(writer.path) as server:
        page = opened(browser, server.address(SERIES))
        reached = []
        for _ in range(14):
            page.keyboard.press("Tab")
            reached.append(
                page.evaluate("document.activeElement.id || document.activeElement.className")
            )
        assert reached[0] == "skip"
        assert {"last", "pause", "earlier", "later", "closer", "wider", "rows"} <= set(reached)
        page.context.close()


def test_names_from_data_stay_text(browser, tmp_path):
    harmful = "<script>window.harmed=1</script><img src=x onerror='window.harmed=1'>"
    schema = Schema((Channel(harmful), Channel("$$\\alpha$$"), *runs.DETECTED))
    made = runs.no_change(400)
    _, times, values = made.series[KEY]
    found = Event(harmful, harmful, 120, 120, 100, 100, 3.0, 2.0, (harmful,), (0.9,))
    some = runs.Made({harmful: (schema, times, values[:, [0, 1, 4, 5, 6]])}, [found])
    with Writer(tmp_path / "a.streamlyt", some) as writer, Serving(writer.path) as server:
        writer.to(200)
        page = opened(browser, server.address())
        requested = []
        page.on("request", lambda request: requested.append(request.url))
        page.get_by_role("link", name=re.compile("window.harmed")).click()
        page.wait_for_function("window.Bokeh?.documents.length")
        writer.to(300)
        rows_told(page, 300)
        box = page.locator(".picture canvas").last.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        rest(page, 0.2)
        assert page.evaluate("window.harmed") is None
        assert page.locator("#series-0-list .name").first.inner_text() == harmful
        assert {url.split("/")[2] for url in requested} == {f"127.0.0.1:{server.port}"}
        page.context.close()


def test_the_color_scale_of_a_field_follows_its_values(browser, tmp_path):
    rng, names = np.random.default_rng(0), [f"u{i}" for i in range(8)]
    schema = Schema.of(*names, *(f"{name}.predicted" for name in names))
    times = np.arange(400)
    values = rng.normal(size=(400, 16)) * np.where(times < 200, 1.0, 10.0)[:, None]
    made = runs.Made({KEY: (schema, times, values)}, [])
    highs = """() => ["truth", "forecast", "error"].map((name) => {
      const held = Bokeh.documents[0].get_model_by_name(`field_heatmap.${name}`);
      const colors = [...Bokeh.documents[0]._all_models.values()].filter((m) =>
        m.type === "LinearColorMapper" && m.low < 0);
      return [held.data.high[0], Math.min(...colors.map((m) => m.high)),
        Math.max(...colors.map((m) => m.low))];
    })"""
    with Writer(tmp_path / "a.streamlyt", made) as writer:
        writer.to(200)
        with Serving(writer.path) as server:
            page = opened(browser, server.address(SERIES))
            assert page.get_by_role("heading", name="One-step forecast").count() == 1
            for stop, least in ((200, 2), (400, 15)):
                writer.to(stop)
                rows_told(page, stop)
                for high, upper, lower in page.evaluate(highs):
                    assert high > least
                    assert upper == pytest.approx(high, rel=1e-5)
                    assert lower == pytest.approx(-high, rel=1e-5)
            assert faults(page) == []
            assert page.problems == []
            page.context.close()
