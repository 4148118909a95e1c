"""The live pages without a browser: what they are sent, who may have it, and that all agree."""

import re

import numpy as np
import pytest

from streamlyt.core import Event, Schema
from streamlyt.core.errors import ParameterError, StreamlytError
from streamlyt.dashboards import Changes, ReplayFeed, write_report
from streamlyt.dashboards._data.downsampling import overview_of
from streamlyt.dashboards._data.snapshot import RunSnapshot
from streamlyt.dashboards._page.panel_selection import steady_panels_of
from streamlyt.dashboards._page.series_list import list_of
from streamlyt.dashboards._server.frames import frame_of, views_of
from streamlyt.dashboards._server.run_feed import LiveRunFeed, row_at
from streamlyt.dashboards._server.view import View
from streamlyt.runfile import RunFile
from tests.dashboards import runs
from tests.dashboards.live import Serving, Writer, unpacked

KEY = "ala2_300K"


@pytest.fixture(scope="module")
def molecule(tmp_path_factory):
    made = runs.dipeptide(12_000, (4_000, 8_000))
    with made.record(tmp_path_factory.mktemp("runs") / "plant.streamlyt") as run:
        yield made, run


def changes_in(html):
    """Return the cells of the changes that a page shows, in order of time."""
    body = re.search(r'<table class="changes">.*?</table>', html, re.DOTALL)[0]
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", body, re.DOTALL)
    told = [re.sub(r"<[^>]+>", " ", row).split() for row in rows]
    return sorted(told, key=lambda row: int(row[0]))


def test_live_replay_and_report_show_the_same_changes(tmp_path, molecule):
    made, run = molecule
    report = changes_in(write_report(run, tmp_path / "report.html").read_text())
    live = []
    with Writer(tmp_path / "grown.streamlyt", made) as writer:
        feed, look = LiveRunFeed(writer.path), None
        for stop in (1_000, 4_020, 4_040, 9_000, 12_000):
            writer.to(stop)
            look = RunSnapshot(feed.poll()[0], look)
            told, sources = unpacked(frame_of(look, View(KEY, last=None), pulse={}))
            live.append(changes_in(told["texts"]["series-0-list"]) if told["changes"] else [])
        assert sources["change_points.changes"]["x"].tolist() == [4.0, 8.0]
        feed.close()
    now = [0.0]
    replay = ReplayFeed(run, "plant", within=12.0, clock=lambda: now[0])
    played = []
    for now[0] in (1.0, 4.02, 4.04, 9.0, 12.0):
        told, _ = unpacked(frame_of(RunSnapshot(replay.poll()[0]), View(KEY), pulse={}))
        played.append(changes_in(told["texts"]["series-0-list"]) if told["changes"] else [])
    assert [len(changes) for changes in live] == [0, 0, 1, 2, 2]
    assert played == live
    assert live[-1] == report
    assert len(report) == 2


def test_a_frame_has_the_highest_and_lowest_row_of_every_column_of_pixels(molecule):
    made, run = molecule
    schema, _, values = made.series[KEY]
    statistic = values[:, schema.channel_names.index("statistic")]
    told, sources = unpacked(frame_of(RunSnapshot(run), View(KEY, last=6_000, width=400), pulse={}))
    curve = sources["change_points.curve"]
    assert 350 <= len(curve["x"]) <= 401
    assert curve["highest"].max() == np.float32(statistic[6_000:].max())
    assert np.all(np.diff(curve["row"]) <= 16)
    for i in range(1, len(curve["row"]) - 1):
        rows = slice(curve["row"][i], curve["row"][i + 1])
        assert curve["highest"][i] == np.float32(statistic[rows].max())
        assert curve["lowest"][i] == np.float32(statistic[rows].min())
    assert (told["left"], told["right"]) == (6.0, 11.999)


def test_buckets_stand_still_while_the_rows_move_on(molecule):
    _, run = molecule
    seen = [overview_of(run, KEY, ["statistic"], 300, (a, a + 6_000)) for a in (3_000, 3_007)]
    inner = [dict(zip(s.rows[1:-1].tolist(), s.maximum[1:-1, 0], strict=True)) for s in seen]
    shared = inner[0].keys() & inner[1].keys()
    assert len(shared) >= 295
    assert all(inner[0][row] == inner[1][row] for row in shared)


def test_a_row_is_found_by_its_time_as_by_looking_at_all(tmp_path):
    made = runs.sensors(5_000, 4)
    with made.record(tmp_path / "s.streamlyt") as run:
        for key in ("pump-00", "pump-03"):  # the second has a hole of a day
            times = made.series[key][1]
            for place in (-10.0, 0.0, 1.0, 2_499.5, 2_500.0, 4_000.0, 4_999.0, 9_000.0):
                time = times[0] + place * 60e9
                assert row_at(run, key, 5_000, time) == int((times <= time).sum())


def test_a_file_may_come_later_and_another_may_take_its_place(tmp_path):
    path = tmp_path / "plant.streamlyt"
    feed = LiveRunFeed(path)
    assert feed.poll() == (None, 1)
    assert feed.poll() == (None, 1)
    with Writer(path, runs.quiet(400)) as writer:
        run, first = feed.poll()
        assert (run.keys(), first) == ([], 2)
        writer.to(100)
        run, second = feed.poll()
        assert run.n_rows(KEY) == 100
        assert feed.poll()[1] == second > first
    path.unlink()
    with Writer(path, runs.quiet(300)) as writer:
        writer.to(300)
        run, third = feed.poll()
        assert run.n_rows(KEY) == 300
        assert third > second
    feed.close()


def test_a_look_reads_findings_once_and_those_of_a_new_writer_anew(tmp_path):
    with Writer(tmp_path / "a.streamlyt", runs.dipeptide(3_000, (1_000, 2_000))) as writer:
        writer.to(1_500)
        with RunFile.open(writer.path) as run:
            first = RunSnapshot(run)
            writer.to(3_000)
            second = RunSnapshot(run, first)
            assert second.events() == run.events()
            assert len(first.events()) == 1
            assert second.events()[0] is first.events()[0]
            with RunFile.open(writer.path, write=True):
                third = RunSnapshot(run, second)
            assert third.events() == second.events()
            assert third.events()[0] is not second.events()[0]


def test_a_replay_goes_by_the_clock_of_the_rows(tmp_path):
    made = runs.sensors(2_400, 4)
    with made.record(tmp_path / "s.streamlyt") as run:
        now = [0.0]
        replay = ReplayFeed(run, "s", speed=60.0, clock=lambda: now[0])
        shown = []
        for now[0] in (0.0, 100.0, 1_199.0, 1_201.0, 1e9):
            seen, _ = replay.poll()
            shown.append([seen.n_rows(key) for key in ("pump-00", "pump-03")])
            assert seen.meta["rows"] == sum(map(seen.n_rows, run.keys()))  # of them is the rate
        assert shown == [[1, 1], [101, 101], [1_200, 1_200], [1_202, 1_200], [2_400, 2_400]]
        assert seen.events() == run.events()
        assert seen.meta["complete"]
        with pytest.raises(ParameterError, match="speed and within must be positive"):
            ReplayFeed(run, "s", speed=0.0)
    untold = runs.quiet(200).record(tmp_path / "q.streamlyt")
    with untold, pytest.raises(ParameterError, match="must tell how long it took"):
        ReplayFeed(untold, "q")


def test_panels_of_a_growing_series_keep_their_channels_until_something_is_found(tmp_path):
    with Writer(tmp_path / "p.streamlyt", runs.protein(1_024, 60, (600, 800))) as writer:
        seen = []
        for stop in (100, 500, 1_024):
            writer.to(stop)
            with RunFile.open(writer.path) as run:
                panels = steady_panels_of(run, "adk", 300, 100)
            seen.append(panels[1].chosen)
    assert seen[0] == seen[1]
    assert len(set(seen)) == 2


ODD = {
    "one row": lambda rng: rng.normal(size=(1, 4)),
    "two rows": lambda rng: rng.normal(size=(2, 4)),
    "holes only": lambda rng: np.full((300, 4), np.nan),
    "constant": lambda rng: np.ones((300, 4)),
    "huge": lambda rng: rng.normal(size=(300, 4)) * 1e300,
    "infinite": lambda rng: np.full((300, 4), np.inf),
    "negative": lambda rng: -np.abs(rng.normal(size=(300, 4))),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("unit", ["fs", "ns", "step"])
def test_odd_rows_are_shown_too(tmp_path, odd, unit):
    values = ODD[odd](np.random.default_rng(0))
    schema = Schema.of("x", "statistic", "threshold", "alarm", time_unit=unit)
    times = np.zeros(len(values), np.int64) if odd == "constant" else np.arange(len(values))
    some = runs.Made({"a": (schema, times, values)})
    with np.errstate(all="raise", under="ignore"), some.record(tmp_path / "a.streamlyt") as run:
        ends = {"left": 0.5, "right": 1.5} if odd != "one row" else {"left": -3.0, "right": -2.0}
        for view in (View("a"), View("a", last=None), View("a", last=1), View("a", **ends)):
            told, sources = unpacked(frame_of(RunSnapshot(run), view, pulse={}))
            assert told["left"] < told["right"]
            assert len(sources["change_points.curve"]["x"]) >= 1
        assert views_of(run, View("a", tables=True))
        assert unpacked(frame_of(RunSnapshot(run), View("a", tables=True), pulse={}))


@pytest.mark.parametrize(
    "message",
    [
        "", "[]", "{", '{"last": 0}', '{"left": 1}', '{"left": 2, "right": 1}', '{"width": "x"}',
        '{"left": NaN, "right": 1}', '{"left": 1, "right": Infinity}', '{"last": 1e999}',
        "x" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_view_is_refused(message):
    with pytest.raises(ParameterError):
        View.from_message("a", message)


def test_a_view_cannot_choose_another_series():
    view = View.from_message("mine", '{"key": "yours", "last": null, "width": 1e9, "find": 7}')
    assert (view.key, view.last, view.width, view.find) == ("mine", None, 2000, "7")


def test_all_series_are_listed_with_those_in_alarm_first(tmp_path):
    made = runs.sensors(300, 30)
    made.events = [runs.event("pump-07", 200, 210, np.arange(300), [("a", 1.0)], unit="ns")]
    old = Event("pump-11", "newma", 5, 5, 1, 1, 2.0, 1.0, ("a",), (1.0,), "ns")
    made.events.append(old)
    with made.record(tmp_path / "s.streamlyt") as run:
        told = list_of(RunSnapshot(run))
        names = re.findall(r">(pump-\d+)</a>", told["texts"]["series"])
        assert names[:3] == ["pump-07", "pump-11", "pump-00"]
        assert len(names) == 30
        found = list_of(RunSnapshot(run), "PUMP-2")["texts"]
        assert re.findall(r">(pump-\d+)</a>", found["series"]) == [f"pump-2{i}" for i in range(10)]
        assert "10 series" in found["found"]
        one = list_of(RunSnapshot(run), only=lambda key: key == "pump-03")
        assert re.findall(r">(pump-\d+)</a>", one["texts"]["series"]) == ["pump-03"]
        assert (one["changes"], one["rows"]) == (0, 300)


def test_errors_of_a_run_are_told_and_not_raised(tmp_path):
    path = tmp_path / "broken.streamlyt"
    path.write_bytes(b"no database at all" * 100)
    with Serving(path) as server:
        status, _, page = server.get("series?key=a")
        assert status == 200
        assert "is not a run file" in page
    with pytest.raises(StreamlytError):
        LiveRunFeed(path).poll()


def test_the_table_of_changes_shows_the_newest_of_many(tmp_path):
    made = runs.quiet(400)
    times = made.series[KEY][1]
    made.events = [runs.event(KEY, i, i + 1, times, [("x", 1.0)]) for i in range(30)]
    with made.record(tmp_path / "a.streamlyt") as run:
        newest = Changes(run, KEY, 5, newest=True)
        assert [row[0] for row in newest.table().rows] == ["30", "29", "28", "27", "26"]
        assert [row[0] for row in Changes(run, KEY, 5).table().rows] == ["1", "2", "3", "4", "5"]
