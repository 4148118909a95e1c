"""Report of a run: one self-contained page, written atomically."""

import re
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest

from streamlyt.core import Channel, Event, Schema
from streamlyt.core.errors import SinkError
from streamlyt.dashboards import write_report
from streamlyt.dashboards._plotting.palette import DARK, LIGHT
from tests.dashboards import runs

MOST = 3_000_000


class Outline(HTMLParser):
    """Collects what a screen reader finds."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.headings, self.ids, self.named, self.outside = [], [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if "id" in attrs:
            self.ids.append(attrs["id"])
        self.named += (attrs.get("aria-labelledby") or "").split()
        for name in ("src", "href", "action", "data"):
            if attrs.get(name) and not attrs[name].startswith(("#", "data:")):
                self.outside.append(attrs[name])


def written(made, folder, title=None):
    with made.record(folder / "run.streamlyt") as run:
        return write_report(run, folder / "report.html", title).read_text()


def body(html):
    return html[html.index("<body>") : html.index("<script", html.index("</footer>"))]


MADE = {
    "dipeptide": lambda: runs.dipeptide(6_000, (2_000, 4_000)),
    "protein": lambda: runs.protein(3_000, 70, (1_000, 2_000)),
    "sensors": lambda: runs.sensors(1_500, 26),
    "short": runs.short,
    "no_change": runs.no_change,
}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return the page of a made-up run by its name; a page is drawn once."""
    return cache(lambda name: written(MADE[name](), tmp_path_factory.mktemp(name)))


@pytest.mark.parametrize("name", MADE)
def test_every_page_is_small_and_has_headings_landmarks_and_no_address_outside(page, name):
    html = page(name)
    assert len(html.encode()) <= MOST
    seen = Outline(html)
    assert seen.outside == []
    assert seen.headings[0] == 1
    assert seen.headings.count(1) == 1
    assert all(below - above <= 1 for above, below in zip(seen.headings, seen.headings[1:]))  # noqa: B905 - one shorter on purpose
    assert {"main", "header", "footer", "section", "table"} <= set(seen.tags)
    assert len(set(seen.ids)) == len(seen.ids)
    assert set(seen.named) <= set(seen.ids)
    assert html.count('class="picture"') <= html.count('role="group"')
    assert "default-src 'none'" in html


def test_the_result_is_one_sentence(page):
    html = body(page("dipeptide"))
    assert "2 changes detected in 6,000 frames (5.999 ns), from 2.000 ns to 4.000 ns." in html
    assert "+31 frames" in html


def test_a_run_without_change_reports_it_and_is_drawn(page):
    html = body(page("no_change"))
    assert "No change detected in 3,000 frames" in html
    assert html.count('class="picture"') == 6


def test_a_run_that_ends_in_the_warm_up_reports_it(page):
    html = body(page("short"))
    assert "during the warm-up" in html
    assert "best offline split" in html
    assert "two-sample test of the complete run" in html


def test_an_unfinished_run_is_marked(tmp_path):
    made = runs.no_change(1_500)
    made.complete = False
    assert "<b>unfinished</b> run" in written(made, tmp_path)


def test_series_with_changes_come_first_and_the_table_lists_all(page):
    html = body(page("sensors"))
    order = re.findall(r'<h2 id="series-\d+">(pump-\d+)', html)
    assert len(order) == 20
    assert order[:9] == [f"pump-{k:02d}" for k in range(0, 26, 3)]
    assert all(f"pump-{k:02d}" in html for k in range(26))
    assert "9 changes detected, in 9 of 26 series." in html


def test_text_from_data_stays_text(tmp_path):
    harmful = "<script>alert(1)</script>"
    schema = Schema(
        (Channel(harmful, "<b>", "</script><i>"), Channel("$$x$$"), *runs.DETECTED), "step"
    )
    values = np.random.default_rng(0).normal(size=(200, 5))
    found = Event(harmful, "<u>", 120, 120, 100, 100, 3.0, 2.0, (harmful,), (0.9,))
    made = runs.Made({harmful: (schema, np.arange(200), values)}, [found], pipeline="<hr>")
    html = written(made, tmp_path, title="<title>")
    for text in (harmful, "<b>,", "</script><i>", "<u>", "<hr>", "<title></h1>"):
        assert text not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_thousands_of_changes_fit_on_the_page(tmp_path):
    made = runs.no_change(20_000)
    times = made.series["ala2_300K"][1]
    named = [(name, 0.25) for name in made.series["ala2_300K"][0].channel_names[:4]]
    made.events = [runs.event("ala2_300K", i, i + 2, times, named) for i in range(0, 20_000, 4)]
    html = written(made, tmp_path)
    assert len(html.encode()) <= MOST
    assert "4,800 more in the run file" in html


def test_a_series_without_rows_detector_or_groups_has_a_page(tmp_path):
    schema = Schema.of("x")
    values = np.random.default_rng(0).normal(size=(3, 1))
    html = written(runs.Made({"": (schema, np.arange(3), values)}), tmp_path)
    assert "3 rows; no detector in this pipeline." in html
    one = runs.Made({"a": (schema, np.arange(1), np.full((1, 1), np.nan))})
    with one.record(tmp_path / "one.streamlyt") as run:
        assert (
            "1 row; no detector in this pipeline"
            in write_report(run, tmp_path / "one.html").read_text()
        )
    with runs.Made({}).record(tmp_path / "none.streamlyt") as run:
        assert "has no series" in write_report(run, tmp_path / "none.html").read_text()


def test_a_page_that_cannot_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    with runs.no_change(1_500).record(tmp_path / "run.streamlyt") as run:
        with pytest.raises(
            SinkError, match=r"path of the report must be writable.* choose another path"
        ):
            write_report(run, tmp_path / "missing" / "report.html")
        goal = tmp_path / "pages" / "report.html"
        goal.parent.mkdir()
        goal.write_text("before")
        monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "disk full")))
        with pytest.raises(SinkError, match="disk full"):
            write_report(run, goal)
    assert [p.name for p in goal.parent.iterdir()] == ["report.html"]
    assert goal.read_text() == "before"


def luminance(color):
    parts = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_lines_have_enough_contrast(palette):
    def contrast(a, b):
        high, low = sorted((luminance(palette[a]), luminance(palette[b])), reverse=True)
        return (high + 0.05) / (low + 0.05)

    for paper in ("background", "card"):
        assert contrast("text", paper) >= 7
        assert contrast("muted", paper) >= 4.5  # WCAG AA, text
    for line in ("statistic", "threshold", "change"):
        assert contrast(line, "card") >= 3  # WCAG AA, graphics
    steps = [luminance(color) for color in palette["heat"]]
    assert (np.diff(steps) <= 1e-9).all() or (np.diff(steps) >= -1e-3).all()  # one direction
