"""``streamlyt md`` and ``streamlyt demo``: from files to events, and every option."""

import csv
import io
import json
import shutil

import pytest
from MDAnalysis.lib.formats.libmdaxdr import XTCFile

from streamlyt.config.pipeline_file import load
from streamlyt.core import Event
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from tests.cli.running import ALA2, FLIPS, VILLIN, cli, events, refused
from tests.detectors.naive_multiscale_newma import compiled_only

pytestmark = compiled_only


def change_indices(*words):
    done = cli("md", *words, "--format", "jsonl")
    assert done.exit_code == 0, done.stderr
    return [event["change_index"] for event in events(done)]


def near(changes, truth, frames=60):
    return len(changes) == len(truth) and all(
        abs(change - true) <= frames for change, true in zip(changes, truth, strict=True)
    )


def test_table_shows_changes_times_and_residues():
    done = cli("md", *ALA2)
    assert done.exit_code == 0
    heading, rows = done.stdout.split("─" * 20)[0], done.stdout.splitlines()
    assert "change" in heading
    assert "at frame" in heading
    assert any("5216" in row and "34317 ps" in row and "ALA2" in row for row in rows)
    assert max(map(len, rows)) <= 80  # the default width
    assert "2 changes in 14,000 frames" in done.stderr


def test_json_lines_are_events():
    done = cli("md", *ALA2, "--format", "jsonl")
    lines = [Event.from_dict(record) for record in events(done)]
    assert near([event.change_index for event in lines], FLIPS)
    assert [event.change_time for event in lines] == [
        1000 * (29_101 + event.change_index) for event in lines
    ]
    assert {event.time_unit for event in lines} == {"fs"}


def test_csv_has_a_header_and_one_line_per_change():
    done = cli("md", *VILLIN, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0]) == list(Event("", "", 0, 0, 0, 0, 0.0, 0.0).to_dict())
    assert near([int(row["change_index"]) for row in rows], (2000, 4000))
    assert len(rows[0]["channels"].split()) == len(rows[0]["contributions"].split()) == 5


def test_csv_without_a_change_is_the_header_only():
    done = cli("md", *VILLIN, "--stop", 1500, "--format", "csv")
    assert done.stdout.count("\n") == 1
    assert "no change in 1,500 frames" in done.stderr


def test_fail_on_change_exits_with_status_3():
    assert cli("md", *VILLIN, "--fail-on-change").exit_code == 3
    assert cli("md", *VILLIN, "--fail-on-change", "--stop", 1500).exit_code == 0


def test_start_stop_and_step_count_frames_of_the_file():
    whole = change_indices(*ALA2)
    assert near(change_indices(*ALA2, "--start", 1000, "--stop", 7000), FLIPS[:1])
    assert near(change_indices(*ALA2, "--step", 2), FLIPS)
    odd = change_indices(*ALA2, "--start", 1, "--step", 2)
    assert near(odd, FLIPS)
    assert [index % 2 for index in odd] == [1] * len(FLIPS)
    assert whole == change_indices(*ALA2, "--start", 0)


@pytest.mark.parametrize("observe", ["superposed", "distances", "dihedrals", "positions", "auto"])
def test_every_observable_runs_to_the_end(observe):
    done = cli("md", *VILLIN, "--observable", observe, "--stop", 3000, "--format", "jsonl")
    assert done.exit_code == 0
    if observe in ("dihedrals", "auto"):
        assert near([event["change_index"] for event in events(done)], (2000,))


def test_raw_observable_monitors_coordinates(tmp_path):
    run = tmp_path / "raw.streamlyt"
    cli("md", *VILLIN, "--observable", "positions", "--stop", 500, "--run-file", run)
    with RunFile.open(run) as opened:
        assert opened.schema("").n_channels == 105 + 3


def test_only_selected_atoms_are_read(tmp_path):
    run = tmp_path / "few.streamlyt"
    words = ("--select", "resid 1:10", "--stop", 500, "--run-file", run)
    assert cli("md", *VILLIN, *words).exit_code == 0
    with RunFile.open(run) as opened:
        assert opened.schema("").n_channels == 2 * 7 + 3  # virtual dihedrals of ten beads


def test_a_selection_without_a_chain_has_no_dihedrals():
    done = cli("md", *ALA2, "--select", "name CA", "--observable", "dihedrals")
    refused(done, 2, "observable must be superposed, distances or positions", "got 'dihedrals'")


def test_several_trajectories_are_concatenated(tmp_path):
    parts = tmp_path / "one.xtc", tmp_path / "two.xtc"
    with XTCFile(str(ALA2[1])) as source:
        for part, frames in zip(parts, (range(6000), range(6000, 14_000)), strict=True):
            with XTCFile(str(part), "w") as target:
                for _ in frames:
                    f = source.read()
                    target.write(f.x, f.box, f.step, f.time, 1000.0)
    assert change_indices(ALA2[0], *parts) == change_indices(*ALA2)


def test_detector_options_reach_the_detector(tmp_path):
    def detector(*words):
        run = tmp_path / f"{len(list(tmp_path.iterdir()))}.streamlyt"
        assert cli("md", *VILLIN, "--stop", 200, "--run-file", run, *words).exit_code == 0
        with RunFile.open(run) as opened:
            return list(load(opened.meta["pipeline"]).operators.values())[-1]

    default = detector("--window", 100, "--arl", 1e6, "--seed", 3, "--null-model", "empirical")
    assert (type(default).__name__, default.window, default.arl, default.seed) == (
        "MultiscaleNEWMA",
        100,
        1e6,
        3,
    )
    newma = detector("--null-model", "iid", "--arl", 5000, "--window", 40)
    assert (newma.null_model, newma.arl, newma.window) == ("iid", 5000, 40)
    assert detector("--null-model", "adaptive").null_model == "adaptive"


def test_other_seeds_detect_the_same_changes():
    assert near(change_indices(*ALA2, "--seed", 1), FLIPS)


def test_no_file_is_written_next_to_the_data(tmp_path):
    copies = [shutil.copy(each, tmp_path) for each in ALA2]
    assert cli("md", *copies).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ala2_flips.pdb", "ala2_flips.xtc"]


def test_report_is_self_contained(tmp_path):
    page = tmp_path / "page.html"
    done = cli("md", *ALA2, "--report", page)
    assert f"Report: {page}" in done.stderr
    assert "5216" in done.stdout
    text = page.read_text()
    assert text.startswith("<!DOCTYPE html>")
    assert page.stat().st_size < 3_000_000
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_report_command_draws_a_run_file(tmp_path):
    run, page = tmp_path / "a.streamlyt", tmp_path / "a.html"
    assert cli("md", *ALA2, "--run-file", run).exit_code == 0
    done = cli("report", run, "--output", page)
    assert done.exit_code == 0
    assert page.stat().st_size > 10_000


def test_pipeline_of_a_run_file_reproduces_its_events(tmp_path):
    run = tmp_path / "a.streamlyt"
    done = cli(
        "md",
        *ALA2,
        "--run-file",
        run,
        "--format",
        "jsonl",
        "--observable",
        "superposed",
        "--seed",
        2,
    )
    with RunFile.open(run) as opened:
        spec = load(opened.meta["pipeline"])
        stored = opened.events()
    again = LocalEngine(spec.source, Pipeline(spec.operators)).run()
    assert list(again.events) == stored
    assert [json.loads(json.dumps(event.to_dict())) for event in stored] == events(done)


def test_resume_of_a_complete_run_prints_the_same_events(tmp_path):
    run = tmp_path / "a.streamlyt"
    first = cli("md", *ALA2, "--run-file", run, "--resume", "--format", "jsonl")
    again = cli("md", *ALA2, "--run-file", run, "--resume", "--format", "jsonl")
    assert first.stdout == again.stdout != ""


ADK = {"PSF/DCD": ("PSF", "DCD", 38), "PSF/DCD2": ("PSF", "DCD2", 38)}


@pytest.mark.parametrize("name", ADK)
def test_a_short_recording_is_split_offline(name, tmp_path):
    datafiles = pytest.importorskip("MDAnalysisTests.datafiles")
    topology, trajectory, crossing = ADK[name]
    paths = [shutil.copy(getattr(datafiles, each), tmp_path) for each in (topology, trajectory)]
    run = tmp_path / "adk.streamlyt"
    done = cli("md", *paths, "--format", "jsonl", "--run-file", run)
    assert "too few for online detection (warm-up: " in done.stderr
    [event] = events(done)
    assert event["detector"] == "offline_split"
    assert abs(event["change_index"] - crossing) <= 8
    again = cli("md", *paths, "--format", "jsonl", "--run-file", run, "--resume")
    assert again.stdout == done.stdout
    with RunFile.open(run) as opened:
        assert len(opened.events()) == 1  # printed twice, stored once


def test_one_frame_is_reported_as_too_few(tmp_path):
    done = cli("md", *ALA2, "--stop", 1)
    assert done.exit_code == 0
    assert "1 frame is too few for online detection (warm-up: " in done.stderr
    assert done.stdout == ""


def test_demo_detects_all_changes_and_writes_the_report(tmp_path):
    done = cli("demo", "--output-dir", tmp_path / "new" / "demo", "--format", "jsonl")
    changes = [event["change_index"] for event in events(done)]
    assert near(changes, (2000, 4000, *FLIPS))
    assert (tmp_path / "new" / "demo" / "report.html").stat().st_size < 3_000_000
