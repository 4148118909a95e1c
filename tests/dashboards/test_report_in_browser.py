"""Report in a real browser: charts, themes, shared axes, no requests."""

import pytest

from streamlyt.core import Channel, Event, Schema
from streamlyt.dashboards import write_report
from streamlyt.dashboards._plotting.palette import DARK, LIGHT
from tests.dashboards import runs
from tests.dashboards.chromium import rest
from tests.dashboards.faults import faults

pytestmark = pytest.mark.browser

DRAWN = "() => window.Bokeh && Bokeh.documents.length && Bokeh.documents.every(d => d.is_idle)"
STATISTIC = """() => {
  for (const held of Bokeh.documents) for (const model of held.all_models)
    for (const tag of model.tags)
      if (tag.paint && tag.paint.line_color === "statistic") return model.line_color.value;
}"""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    with runs.dipeptide(6_000, (2_000, 4_000)).record(folder / "a.streamlyt") as run:
        return write_report(run, folder / "report.html")


def opened(browser, path, requested=None, **options):
    page = browser.new_context(**options).new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: said.type == "error" and problems.append(said.text))
    if requested is not None:
        page.on("request", lambda request: requested.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_function(DRAWN)
    rest(page, 0.1)
    assert problems == []
    return page


def test_it_requests_nothing_but_itself(browser, page_file):
    requested = []
    opened(browser, page_file, requested).context.close()
    assert [url for url in requested if not url.startswith(("data:", "blob:"))] == [
        page_file.as_uri()
    ]


def test_it_draws_every_chart_with_alt_text(browser, page_file):
    page = opened(browser, page_file)
    assert page.get_by_role("heading", level=1).inner_text() == "Changes in ala2_300K"
    for role in ("main", "banner", "contentinfo"):
        assert page.get_by_role(role).count() == 1
    assert page.get_by_role("region").count() >= 4
    assert page.get_by_role("row").count() >= 3
    pictures = page.locator(".picture")
    assert pictures.count() == 6
    for picture in pictures.all():
        assert picture.get_attribute("aria-label")
        assert picture.locator("canvas").first.bounding_box()["width"] > 300
    page.context.close()


def test_the_theme_follows_the_system_and_the_switch(browser, page_file):
    page = opened(browser, page_file, color_scheme="dark")
    paper = (
        "() => getComputedStyle(document.documentElement).getPropertyValue('--background').trim()"
    )
    assert page.evaluate(paper) == DARK["background"]
    assert page.evaluate(STATISTIC) == DARK["statistic"]
    page.get_by_role("button", name="Switch to light theme").click()
    assert page.evaluate(paper) == LIGHT["background"]
    assert page.evaluate(STATISTIC) == LIGHT["statistic"]
    assert page.get_by_role("button", name="Switch to dark theme").count() == 1
    page.context.close()


def test_it_fits_a_narrow_window(browser, page_file):
    page = opened(browser, page_file, viewport={"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.context.close()


def test_the_charts_of_a_series_share_their_time_axis(browser, page_file):
    page = opened(browser, page_file)
    ranges = page.evaluate(
        "() => new Set([...Bokeh.documents[0].all_models].filter(m => m.type === 'Figure')"
        ".map(m => m.x_range.id)).size"
    )
    assert ranges == 1
    page.context.close()


def test_names_from_data_neither_run_nor_load(browser, tmp_path):
    harmful = "<img src=x onerror='window.harmed=1'>"
    schema = Schema((Channel(harmful), Channel("$$\\alpha$$"), *runs.DETECTED))
    made = runs.no_change(400)
    _, times, values = made.series["ala2_300K"]
    found = Event(harmful, harmful, 120, 120, 100, 100, 3.0, 2.0, (harmful,), (0.9,))
    some = runs.Made({harmful: (schema, times, values[:, [0, 1, 4, 5, 6]])}, [found], harmful)
    with some.record(tmp_path / "a.streamlyt") as run:
        path = write_report(run, tmp_path / "report.html")
    requested = []
    page = opened(browser, path, requested)
    for picture in page.locator(".picture").all():
        box = picture.bounding_box()
        picture.scroll_into_view_if_needed()
        picture.hover(position={"x": box["width"] / 2, "y": box["height"] / 2.5})
        rest(page, 0.08)
    assert page.evaluate("window.harmed") is None
    assert len(requested) == 1
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_in_it(browser, page_file, scheme):
    page = opened(browser, page_file, color_scheme=scheme)
    assert faults(page) == []
    page.context.close()
