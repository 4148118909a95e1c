"""The live pages in a real browser: they move, zoom, pause, come back, and are fit for everyone."""

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
CURVE = "Bokeh.documents[0].get_model_by_name('change_points.curve').data"
ALARMS = "Bokeh.documents[0].get_model_by_name('change_points.alarms').data.x.length"
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


def test_rows_and_an_alarm_appear_while_it_is_looked_at(browser, writer):
    with Serving(writer.path) as server:
        page = opened(browser, server.address(SERIES))
        assert page.locator("#series-0-list").inner_text() == "No change found."
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


def test_history_is_read_as_finely_as_it_is_looked_at_and_stays_until_live(browser, writer):
    writer.to(9_000)
    with Serving(writer.path) as server:
        page = opened(browser, server.address(SERIES))
        page.evaluate(f"{TIME}.setv({{start: 1.0, end: 1.2}})")
        page.wait_for_function(f"Math.max(...{CURVE}.row) < 1300")
        assert page.locator("#state").inner_text() == "history"
        rows = page.evaluate(f"Array.from({CURVE}.row)")
        assert set(range(1_000, 1_201)) <= set(rows)  # every single row
        page.get_by_role("button", name="Wider").press("Enter")
        page.wait_for_function(f"Math.min(...{CURVE}.row) < 910")
        assert page.evaluate(ENDS) == pytest.approx([0.9, 1.3])
        with page.expect_download() as saved:
            page.get_by_role("link", name="Rows as CSV").click()
        lines = saved.value.path().read_text().splitlines()
        assert lines[0].startswith("frame,time (fs),cos phi ALA 2")
        assert [int(line.split(",")[0]) for line in lines[1:]] == list(range(900, 1_302))
        page.get_by_role("button", name="Back to live").press("Enter")
        page.wait_for_function(f"Math.max(...{CURVE}.row) > 8900")
        assert page.locator("#state").inner_text() == "live"
        page.locator("#last").select_option("all frames")
        page.wait_for_function(f"Math.min(...{CURVE}.row) === 0")
        page.context.close()


def test_a_paused_page_stands_still(browser, writer):
    with Serving(writer.path) as server:
        page = opened(browser, server.address(SERIES))
        rest(page, 0.6)
        page.get_by_role("button", name="Pause").click()
        rest(page, 0.4)
        writer.to(5_000)
        rest(page, 0.9)
        assert "3,000" in page.locator("#pills").inner_text()
        page.get_by_role("button", name="Go on").click()
        rows_told(page, 5_000)
        page.context.close()


def test_a_page_comes_back_by_itself_when_its_server_does(browser, writer):
    with Serving(writer.path) as server:
        page = opened(browser, server.address(SERIES))
        page.evaluate(f"{TIME}.setv({{start: 1.0, end: 1.5}})")
        page.wait_for_function(f"Math.max(...{CURVE}.row) < 1600")
        server.end()
        page.wait_for_selector("#lost:not([hidden])")
        assert "trying again" in page.get_by_role("alert").inner_text()
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


def test_it_is_dark_or_light_as_chosen_and_fits_a_phone(browser, writer):
    with Serving(writer.path) as server:
        phone = {"width": 360, "height": 700}
        page = opened(browser, server.address(SERIES), color_scheme="dark", viewport=phone)
        paper = "getComputedStyle(document.documentElement).getPropertyValue('--paper').trim()"
        assert page.evaluate(paper) == DARK["paper"]
        page.get_by_role("button", name="Switch to light paper").click()
        assert page.evaluate(paper) == LIGHT["paper"]
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.reload()
        assert page.evaluate(paper) == LIGHT["paper"]
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


def test_all_is_reached_by_the_keyboard(browser, writer):
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
    evil = "<script>window.harmed=1</script><img src=x onerror='window.harmed=1'>"
    schema = Schema((Channel(evil), Channel("$$\\alpha$$"), *runs.DETECTED))
    made = runs.quiet(400)
    _, times, values = made.series[KEY]
    found = Event(evil, evil, 120, 120, 100, 100, 3.0, 2.0, (evil,), (0.9,))
    some = runs.Made({evil: (schema, times, values[:, [0, 1, 4, 5, 6]])}, [found])
    with Writer(tmp_path / "a.streamlyt", some) as writer, Serving(writer.path) as server:
        writer.to(200)
        page = opened(browser, server.address())
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.get_by_role("link", name=re.compile("window.harmed")).click()
        page.wait_for_function("window.Bokeh?.documents.length")
        writer.to(300)
        rows_told(page, 300)
        box = page.locator(".picture canvas").last.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        rest(page, 0.2)
        assert page.evaluate("window.harmed") is None
        assert page.locator("#series-0-list .name").first.inner_text() == evil
        assert {url.split("/")[2] for url in asked} == {f"127.0.0.1:{server.port}"}
        page.context.close()


def test_a_field_keeps_its_colours_in_step_with_its_values(browser, tmp_path):
    rng, names = np.random.default_rng(0), [f"u{i}" for i in range(8)]
    schema = Schema.of(*names, *(f"{name}.predicted" for name in names))
    times = np.arange(400)
    values = rng.normal(size=(400, 16)) * np.where(times < 200, 1.0, 10.0)[:, None]
    made = runs.Made({KEY: (schema, times, values)}, [])
    highs = """() => ["truth", "forecast", "error"].map((name) => {
      const held = Bokeh.documents[0].get_model_by_name(`fields.${name}`);
      const colours = [...Bokeh.documents[0]._all_models.values()].filter((m) =>
        m.type === "LinearColorMapper" && m.low < 0);
      return [held.data.high[0], Math.min(...colours.map((m) => m.high)),
        Math.max(...colours.map((m) => m.low))];
    })"""
    with Writer(tmp_path / "a.streamlyt", made) as writer:
        writer.to(200)
        with Serving(writer.path) as server:
            page = opened(browser, server.address(SERIES))
            assert page.get_by_role("heading", name="Forecast a row ahead").count() == 1
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
