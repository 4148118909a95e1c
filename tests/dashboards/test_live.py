"""Live pages without a browser: frames, feeds and agreement with the report."""

import re

import numpy as np
import pytest

from streamlyt.core import Event, Schema
from streamlyt.core.errors import ParameterError, StreamlytError
from streamlyt.dashboards import Changes, ReplayFeed, write_report
from streamlyt.dashboards._data.downsampling import downsampled
from streamlyt.dashboards._data.snapshot import RunSnapshot
from streamlyt.dashboards._page.panel_selection import live_panels
from streamlyt.dashboards._page.series_list import series_list
from streamlyt.dashboards._server.frames import build_frame, visible_panels
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
    """Return the cells of the table of changes, in order of time."""
    body = re.search(r'<table class="changes">.*?</table>', html, re.DOTALL)[0]
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", body, re.DOTALL)
    frame = [re.sub(r"<[^>]+>", " ", row).split() for row in rows]
    return sorted(frame, key=lambda row: int(row[0]))


def test_live_replay_and_report_show_the_same_changes(tmp_path, molecule):
    made, run = molecule
    report = changes_in(write_report(run, tmp_path / "report.html").read_text())
    live = []
    with Writer(tmp_path / "grown.streamlyt", made) as writer:
        feed, snapshot = LiveRunFeed(writer.path), None
        for stop in (1_000, 4_020, 4_040, 9_000, 12_000):
            writer.to(stop)
            snapshot = RunSnapshot(feed.poll()[0], snapshot)
            frame, sources = unpacked(
                build_frame(snapshot, View(KEY, last=None), process_status={})
            )
            live.append(changes_in(frame["texts"]["series-0-list"]) if frame["changes"] else [])
        assert sources["statistic.changes"]["x"].tolist() == [4.0, 8.0]
        feed.close()
    now = [0.0]
    replay = ReplayFeed(run, "plant", duration=12.0, clock=lambda: now[0])
    played = []
    for now[0] in (1.0, 4.02, 4.04, 9.0, 12.0):
        frame, _ = unpacked(
            build_frame(RunSnapshot(replay.poll()[0]), View(KEY), process_status={})
        )
        played.append(changes_in(frame["texts"]["series-0-list"]) if frame["changes"] else [])
    assert [len(changes) for changes in live] == [0, 0, 1, 2, 2]
    assert played == live
    assert live[-1] == report
    assert len(report) == 2


def test_a_frame_has_the_minimum_and_maximum_of_every_column_of_pixels(molecule):
    made, run = molecule
    schema, _, values = made.series[KEY]
    statistic = values[:, schema.channel_names.index("statistic")]
    frame, sources = unpacked(
        build_frame(RunSnapshot(run), View(KEY, last=6_000, width=400), process_status={})
    )
    curve = sources["statistic.curve"]
    assert 350 <= len(curve["x"]) <= 401
    assert curve["highest"].max() == np.float32(statistic[6_000:].max())
    assert np.all(np.diff(curve["row"]) <= 16)
    for i in range(1, len(curve["row"]) - 1):
        rows = slice(curve["row"][i], curve["row"][i + 1])
        assert curve["highest"][i] == np.float32(statistic[rows].max())
        assert curve["lowest"][i] == np.float32(statistic[rows].min())
    assert (frame["left"], frame["right"]) == (6.0, 11.999)


def test_buckets_stay_fixed_while_the_range_moves(molecule):
    _, run = molecule
    seen = [downsampled(run, KEY, ["statistic"], 300, (a, a + 6_000)) for a in (3_000, 3_007)]
    inner = [dict(zip(s.rows[1:-1].tolist(), s.maximum[1:-1, 0], strict=True)) for s in seen]
    shared = inner[0].keys() & inner[1].keys()
    assert len(shared) >= 295
    assert all(inner[0][row] == inner[1][row] for row in shared)


def test_the_search_for_a_time_agrees_with_a_full_scan(tmp_path):
    made = runs.sensors(5_000, 4)
    with made.record(tmp_path / "s.streamlyt") as run:
        for key in ("pump-00", "pump-03"):  # the second has a gap of one day
            times = made.series[key][1]
            for place in (-10.0, 0.0, 1.0, 2_499.5, 2_500.0, 4_000.0, 4_999.0, 9_000.0):
                time = times[0] + place * 60e9
                assert row_at(run, key, 5_000, time) == int((times <= time).sum())


def test_a_file_may_be_created_later_and_replaced(tmp_path):
    path = tmp_path / "plant.streamlyt"
    feed = LiveRunFeed(path)
    assert feed.poll() == (None, 1)
    assert feed.poll() == (None, 1)
    with Writer(path, runs.no_change(400)) as writer:
        run, first = feed.poll()
        assert (run.keys(), first) == ([], 2)
        writer.to(100)
        run, second = feed.poll()
        assert run.n_rows(KEY) == 100
        assert feed.poll()[1] == second > first
    path.unlink()
    with Writer(path, runs.no_change(300)) as writer:
        writer.to(300)
        run, third = feed.poll()
        assert run.n_rows(KEY) == 300
        assert third > second
    feed.close()


def test_a_snapshot_reads_events_once_and_rereads_them_after_a_new_writer(tmp_path):
    with Writer(tmp_path / "a.streamlyt", runs.dipeptide(3_000, (1_000, 2_000))) as writer:
        writer.to(1_500)
        with RunFile.open(writer.path) as run:
            first = RunSnapshot(run)
            writer.to(3_000)
            second = RunSnapshot(run, first)
            assert second.events() == run.events()
            assert len(first.events()) == 1
            assert second.events()[0] is first.events()[0]
            with RunFile.open(writer.path, write=True, take_over=True):
                third = RunSnapshot(run, second)
            assert third.events() == second.events()
            assert third.events()[0] is not second.events()[0]


def test_a_replay_follows_the_times_of_the_rows(tmp_path):
    made = runs.sensors(2_400, 4)
    with made.record(tmp_path / "s.streamlyt") as run:
        now = [0.0]
        replay = ReplayFeed(run, "s", speed=60.0, clock=lambda: now[0])
        shown = []
        for now[0] in (0.0, 100.0, 1_199.0, 1_201.0, 1e9):
            seen, _ = replay.poll()
            shown.append([seen.n_rows(key) for key in ("pump-00", "pump-03")])
            assert seen.meta["rows"] == sum(
                map(seen.n_rows, run.keys())
            )  # the rate is computed from it
        assert shown == [[1, 1], [101, 101], [1_200, 1_200], [1_202, 1_200], [2_400, 2_400]]
        assert seen.events() == run.events()
        assert seen.meta["complete"]
        with pytest.raises(ParameterError, match="speed and within must be positive"):
            ReplayFeed(run, "s", speed=0.0)
    without_duration = runs.no_change(200).record(tmp_path / "q.streamlyt")
    with without_duration, pytest.raises(ParameterError, match="duration of run 'q' must be known"):
        ReplayFeed(without_duration, "q")


def test_panels_of_a_growing_series_keep_their_channels_until_an_event(tmp_path):
    with Writer(tmp_path / "p.streamlyt", runs.protein(1_024, 60, (600, 800))) as writer:
        seen = []
        for stop in (100, 500, 1_024):
            writer.to(stop)
            with RunFile.open(writer.path) as run:
                panels = live_panels(run, "adk", 300, 100)
            seen.append(panels[1].chosen)
    assert seen[0] == seen[1]
    assert len(set(seen)) == 2


ODD = {
    "one row": lambda rng: rng.normal(size=(1, 4)),
    "two rows": lambda rng: rng.normal(size=(2, 4)),
    "missing only": lambda rng: np.full((300, 4), np.nan),
    "constant": lambda rng: np.ones((300, 4)),
    "huge": lambda rng: rng.normal(size=(300, 4)) * 1e300,
    "infinite": lambda rng: np.full((300, 4), np.inf),
    "negative": lambda rng: -np.abs(rng.normal(size=(300, 4))),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("unit", ["fs", "ns", "step"])
def test_unusual_values_are_drawn(tmp_path, odd, unit):
    values = ODD[odd](np.random.default_rng(0))
    schema = Schema.of("x", "statistic", "threshold", "alarm", time_unit=unit)
    times = np.zeros(len(values), np.int64) if odd == "constant" else np.arange(len(values))
    some = runs.Made({"a": (schema, times, values)})
    with np.errstate(all="raise", under="ignore"), some.record(tmp_path / "a.streamlyt") as run:
        ends = {"left": 0.5, "right": 1.5} if odd != "one row" else {"left": -3.0, "right": -2.0}
        for view in (View("a"), View("a", last=None), View("a", last=1), View("a", **ends)):
            frame, sources = unpacked(build_frame(RunSnapshot(run), view, process_status={}))
            assert frame["left"] < frame["right"]
            assert len(sources["statistic.curve"]["x"]) >= 1
        assert visible_panels(run, View("a", tables=True))
        assert unpacked(build_frame(RunSnapshot(run), View("a", tables=True), process_status={}))


@pytest.mark.parametrize(
    "message",
    [
        "", "[]", "{", '{"last": 0}', '{"left": 1}', '{"left": 2, "right": 1}', '{"width": "x"}',
        '{"left": NaN, "right": 1}', '{"left": 1, "right": Infinity}', '{"last": 1e999}',
        "x" * 5000,
    ],
)  # fmt: skip
def test_an_invalid_view_is_rejected(message):
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
        frame = series_list(RunSnapshot(run))
        names = re.findall(r">(pump-\d+)</a>", frame["texts"]["series"])
        assert names[:3] == ["pump-07", "pump-11", "pump-00"]
        assert len(names) == 30
        found = series_list(RunSnapshot(run), "PUMP-2")["texts"]
        assert re.findall(r">(pump-\d+)</a>", found["series"]) == [f"pump-2{i}" for i in range(10)]
        assert "10 series" in found["found"]
        one = series_list(RunSnapshot(run), only=lambda key: key == "pump-03")
        assert re.findall(r">(pump-\d+)</a>", one["texts"]["series"]) == ["pump-03"]
        assert (one["changes"], one["rows"]) == (0, 300)


def test_errors_of_a_run_are_shown_and_not_raised(tmp_path):
    path = tmp_path / "broken.streamlyt"
    path.write_bytes(b"no database at all" * 100)
    with Serving(path) as server:
        status, _, page = server.get("series?key=a")
        assert status == 200
        assert "is not a run file" in page
    with pytest.raises(StreamlytError):
        LiveRunFeed(path).poll()


def test_the_table_of_changes_shows_the_newest_of_many(tmp_path):
    made = runs.no_change(400)
    times = made.series[KEY][1]
    made.events = [runs.event(KEY, i, i + 1, times, [("x", 1.0)]) for i in range(30)]
    with made.record(tmp_path / "a.streamlyt") as run:
        newest = Changes(run, KEY, 5, newest=True)
        assert [row[0] for row in newest.table().rows] == ["30", "29", "28", "27", "26"]
        assert [row[0] for row in Changes(run, KEY, 5).table().rows] == ["1", "2", "3", "4", "5"]
