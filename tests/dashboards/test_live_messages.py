"""Messages of live pages: warm-up, complete runs and wrong keys."""

import numpy as np
import pytest

from streamlyt.connectors import MemorySource
from streamlyt.core import Batch, Schema
from streamlyt.dashboards import Attribution
from streamlyt.dashboards._data.deviations import deviations
from streamlyt.dashboards._data.snapshot import RunSnapshot
from streamlyt.dashboards._page.series_list import series_list
from streamlyt.dashboards._server.frame_cache import FrameCache
from streamlyt.dashboards._server.frames import build_frame
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


def frame_of(run):
    return unpacked(build_frame(RunSnapshot(run), View(KEY), process_status={}))[0]


def run_in_warmup(path, n, **meta):
    """Return a run whose detector is in warm-up after ``n`` rows."""
    values = np.column_stack([np.arange(n), np.zeros(n), np.full(n, np.inf), np.zeros(n)])
    run = RunFile.create(path, pipeline="")
    schema = Schema.of("x", "statistic", "threshold", "alarm", row_label="frame")
    run.write_rows(Batch(KEY, np.arange(n), values, schema))
    run.checkpoint({}, {}, **meta)
    return run


@pytest.mark.parametrize(
    ("meta", "lead"),
    [
        ({}, "Detector warm-up: no alarms yet. Rows so far: 300 frames"),
        ({"learning": 1000}, "no alarms before frame 1,000. Rows so far: 300 frames"),
        (
            {"complete": True},
            "No change could be detected in 300 frames: the run ended during warm-up",
        ),
    ],
)
def test_a_detector_in_warm_up_is_not_reported_as_no_change(tmp_path, meta, lead):
    with run_in_warmup(tmp_path / "a.streamlyt", 300, **meta) as run:
        frame = frame_of(run)
        assert lead in frame["texts"]["lead"]
        listed = series_list(RunSnapshot(run))["texts"]["series"]
        assert ("warm-up" in listed) == ("learning" in meta)
        none_yet = "None yet: detector warm-up." in frame["texts"]["series-0-list"]
        assert none_yet == (not meta.get("complete"))


def test_after_the_warm_up_no_change_is_reported(tmp_path):
    with Writer(tmp_path / "a.streamlyt", runs.no_change(3_000)) as writer:
        writer.to(1_500)
        assert frame_of(writer.run)["texts"]["lead"].startswith(
            "No change detected in 1,500 frames"
        )


def test_the_engine_stores_the_length_of_the_warm_up(tmp_path):
    detector = NEWMA()
    with RunFile.create(tmp_path / "a.streamlyt", pipeline="") as run:
        source = MemorySource(np.random.default_rng(0).normal(size=(60, 2)))
        LocalEngine(source, Pipeline([detector]), runfile=run).run()
        assert run.meta["learning"] == detector.warmup_rows > 0


def test_a_complete_run_is_not_reported_as_live(tmp_path):
    with runs.no_change(400).record(tmp_path / "a.streamlyt") as run:
        assert frame_of(run)["over"]
    going = runs.no_change(400)
    going.complete = False
    with going.record(tmp_path / "b.streamlyt") as run:
        assert not frame_of(run)["over"]


def test_a_wrong_key_is_an_error_and_a_run_without_rows_waits(tmp_path):
    with Serving(tmp_path / "a.streamlyt") as server:
        assert server.get("series?key=nosuch")[0] == 200  # the run may start with this series
        with Writer(tmp_path / "a.streamlyt", runs.no_change(400)) as writer:
            writer.to(300)
            status, _, page = server.get("series?key=no<such")
            assert status == 404
            assert "There is no series &#x27;no&lt;such&#x27; in this run." in page
            assert "starts later" in page
            assert server.get(f"series?key={KEY}")[0] == 200
            writer.run.checkpoint({}, {}, complete=True)
            assert "starts later" not in server.get("series?key=nosuch")[2]


def test_a_page_is_drawn_once_and_updated_by_its_first_frame(tmp_path):
    with Writer(tmp_path / "a.streamlyt", runs.dipeptide(6_000, (2_000, 9_000))) as writer:
        cache = FrameCache(LiveRunFeed(writer.path))
        seen = ("series", View(KEY))
        pages = []
        for stop in (1_500, 2_000):
            writer.to(stop)
            cache._refresh()
            pages.append(series_page(cache, seen, "nonce", True))
        assert len(cache._drawings) == 1
        script = [page.partition("<script nonce")[2].partition("</script>")[0] for page in pages]
        assert script[0] == script[1]
        assert "2,000" in pages[1]  # the texts are current
        cache.close()


def test_the_deviation_of_a_mean_of_fewer_rows_is_scaled_down():
    means = np.random.default_rng(0).normal(size=(50, 3))
    rows = np.full(50, 64)
    rows[-1] = 4
    far, usual = deviations(means, rows), deviations(means)
    np.testing.assert_allclose(far[-1], usual[-1] / 4)
    np.testing.assert_array_equal(far[:-1], usual[:-1])


def test_the_last_bucket_of_a_run_without_change_is_not_highlighted(tmp_path):
    rng, ends, others = np.random.default_rng(5), [], []
    schema = Schema.of("a", "b", "statistic", "threshold", "alarm")
    with RunFile.create(tmp_path / "a.streamlyt", pipeline="") as run:
        for part in range(12):  # the last bucket has few rows, a different number each time
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
