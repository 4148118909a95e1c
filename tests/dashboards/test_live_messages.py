"""What the live pages say: of a detector that learns, of a run that is over, of a wrong name."""

import numpy as np
import pytest

from streamlyt.connectors import MemorySource
from streamlyt.core import Batch, Schema
from streamlyt.dashboards import Attribution
from streamlyt.dashboards._data.deviations import deviations
from streamlyt.dashboards._data.snapshot import RunSnapshot
from streamlyt.dashboards._page.series_list import list_of
from streamlyt.dashboards._server.frame_cache import FrameCache
from streamlyt.dashboards._server.frames import frame_of
from streamlyt.dashboards._server.pages import series_page
from streamlyt.dashboards._server.run_feed import LiveRunFeed
from streamlyt.dashboards._server.view import View
from streamlyt.detectors import NEWMA
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from tests.dashboards import runs
from tests.dashboards.live import Serving, Writer, unpacked

KEY = "ala2_300K"


def told(run):
    return unpacked(frame_of(RunSnapshot(run), View(KEY), pulse={}))[0]


def learning(path, n, **meta):
    """Return a run whose detector has learnt from ``n`` rows so far."""
    values = np.column_stack([np.arange(n), np.zeros(n), np.full(n, np.inf), np.zeros(n)])
    run = RunFile.create(path, pipeline="")
    schema = Schema.of("x", "statistic", "threshold", "alarm", row_label="frame")
    run.write_rows(Batch(KEY, np.arange(n), values, schema))
    run.checkpoint({}, {}, **meta)
    return run


@pytest.mark.parametrize(
    ("meta", "lead"),
    [
        ({}, "still learns what is usual: no alarm is possible yet. So far 300 frames"),
        ({"learning": 1000}, "no alarm is possible before frame 1,000. So far 300 frames"),
        ({"complete": True}, "No change could be found in 300 frames: the detector was still"),
    ],
)
def test_a_detector_that_learns_is_not_said_to_have_found_nothing(tmp_path, meta, lead):
    with learning(tmp_path / "a.streamlyt", 300, **meta) as run:
        said = told(run)
        assert lead in said["texts"]["lead"]
        listed = list_of(RunSnapshot(run))["texts"]["series"]
        assert ("learning" in listed) == ("learning" in meta)
        none_yet = "None yet: the detector still learns." in said["texts"]["series-0-list"]
        assert none_yet == (not meta.get("complete"))


def test_once_it_has_learnt_nothing_found_is_said_so(tmp_path):
    with Writer(tmp_path / "a.streamlyt", runs.quiet(3_000)) as writer:
        writer.to(1_500)
        assert told(writer.run)["texts"]["lead"].startswith("No change found in 1,500 frames")


def test_the_engine_tells_until_when_no_alarm_is_possible(tmp_path):
    detector = NEWMA()
    with RunFile.create(tmp_path / "a.streamlyt", pipeline="") as run:
        source = MemorySource(np.random.default_rng(0).normal(size=(60, 2)))
        LocalEngine(source, Pipeline([detector]), runfile=run).run()
        assert run.meta["learning"] == detector.warmup_rows > 0


def test_a_run_that_is_over_is_not_said_to_be_live(tmp_path):
    with runs.quiet(400).record(tmp_path / "a.streamlyt") as run:
        assert told(run)["over"]
    going = runs.quiet(400)
    going.complete = False
    with going.record(tmp_path / "b.streamlyt") as run:
        assert not told(run)["over"]


def test_a_wrong_name_is_told_at_once_and_a_run_without_rows_waits(tmp_path):
    with Serving(tmp_path / "a.streamlyt") as server:
        assert server.get("series?key=nosuch")[0] == 200  # the run may begin with it
        with Writer(tmp_path / "a.streamlyt", runs.quiet(400)) as writer:
            writer.to(300)
            status, _, page = server.get("series?key=no<such")
            assert status == 404
            assert "There is no series &#x27;no&lt;such&#x27; in this run." in page
            assert "yet to begin" in page
            assert server.get(f"series?key={KEY}")[0] == 200
            writer.run.checkpoint({}, {}, complete=True)
            assert "yet to begin" not in server.get("series?key=nosuch")[2]


def test_a_page_is_drawn_once_and_brought_up_to_date_by_its_first_frame(tmp_path):
    with Writer(tmp_path / "a.streamlyt", runs.dipeptide(6_000, (2_000, 9_000))) as writer:
        desk = FrameCache(LiveRunFeed(writer.path))
        seen = ("series", View(KEY))
        pages = []
        for stop in (1_500, 2_000):
            writer.to(stop)
            desk._turn()
            pages.append(series_page(desk, seen, "nonce", True))
        assert len(desk._drawings) == 1
        script = [page.partition("<script nonce")[2].partition("</script>")[0] for page in pages]
        assert script[0] == script[1]
        assert "2,000" in pages[1]  # its words are those of now
        desk.close()


def test_the_mean_of_fewer_rows_is_taken_for_as_much_nearer():
    means = np.random.default_rng(0).normal(size=(50, 3))
    rows = np.full(50, 64)
    rows[-1] = 4
    far, usual = deviations(means, rows), deviations(means)
    np.testing.assert_allclose(far[-1], usual[-1] / 4)
    np.testing.assert_array_equal(far[:-1], usual[:-1])


def test_the_last_stretch_of_a_quiet_run_does_not_shine(tmp_path):
    rng, ends, others = np.random.default_rng(5), [], []
    schema = Schema.of("a", "b", "statistic", "threshold", "alarm")
    with RunFile.create(tmp_path / "a.streamlyt", pipeline="") as run:
        for part in range(12):  # the last stretch has few rows, another number each time
            n = 6_400 + 37 if not part else 331
            values = np.column_stack([rng.normal(size=(n, 2)), np.ones((n, 2)), np.zeros(n)])
            run.write_rows(Batch("a", np.arange(n) + run_length(run), values, schema))
            run.checkpoint({}, {})
            grid = Attribution(run, "a", points=40).for_rows(run_length(run) - 5_000, None)
            grid = grid.data()["grid"]
            ends.append(grid[:, -1])
            others.append(np.nanmean(grid[:, :-1]))
    assert np.mean(ends) < 1.5 * np.mean(others)


def run_length(run):
    return run.row_counts().get("a", (0, 0))[0]
