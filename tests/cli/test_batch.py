"""Batch processing: each recording gives the events that it gives alone."""

import signal
import subprocess

import numpy as np
import pytest
from distributed import Client, LocalCluster

from streamlyt.runfile import RunFile
from tests._waiting import HAPPENS_S, scaled, wait_for
from tests.cli.running import ALA2, SETTINGS, cli, command, events, refused
from tests.detectors.naive_multiscale_newma import compiled_only

pytestmark = compiled_only


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Six tables, each second of which changes at row 3000, and one that is none."""
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(4)
    for i in range(6):
        rows = rng.normal(size=(5000, 3))
        rows[3000:] += 1.5 * (i % 2)
        np.savetxt(folder / f"run{i}.csv", rows, delimiter=",", header="a,b,c", comments="")
    (folder / "run9.csv").write_text("a,b\n1,2\nx,\n")
    return folder


@pytest.fixture(scope="module")
def alone(tables):
    """Events of each table alone, with the key that it has in a batch."""
    found = {}
    for file in sorted(tables.glob("run[0-5].csv")):
        done = cli("detect", file, "--format", "jsonl")
        found[file] = [event | {"key": str(file)} for event in events(done)]
    assert [len(each) > 0 for each in found.values()] == [False, True] * 3
    return found


def test_many_tables_give_what_each_gives_alone_in_their_order(tables, alone):
    files = [tables / f"run{i}.csv" for i in (5, 0, 1, 2, 3, 4)]
    done = cli("detect", *files, "--workers", 2, "--format", "jsonl")
    assert done.exit_code == 0, done.stderr
    assert events(done) == [event for file in files for event in alone[file]]
    assert f"{files[1]}: no change in 5,000 rows" in done.stderr
    n = sum(map(len, alone.values()))
    assert done.stderr.endswith(f"{n} changes in 3 of 6 recordings, 30,000 rows\n")


def test_an_unreadable_recording_does_not_stop_the_others(tables, alone):
    done = cli("detect", tables / "run[0-9].csv", "--format", "csv")
    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 1 + sum(map(len, alone.values()))
    assert f"{tables / 'run9.csv'}: 'b' must be a number in every row" in done.stderr
    assert done.stderr.endswith("30,000 rows, 1 could not be read\n")


def test_run_files_are_stored_and_resumed(tables, tmp_path):
    words = "detect", tables / "run[0-3].csv", "--run-file", tmp_path / "runs", "--format", "jsonl"
    first = cli(*words, "--fail-on-change")
    assert first.exit_code == 3
    stored = sorted((tmp_path / "runs").iterdir())
    assert [path.name for path in stored] == [f"run{i}.csv.streamlyt" for i in range(4)]
    with RunFile.open(stored[1]) as run:
        assert len(run.events()) == 1
    refused(cli(*words), 2, "--run-file must be a new directory", "--resume")
    stored[2].unlink()
    again = cli(*words, "--resume")
    assert again.exit_code == 0
    assert again.stdout == first.stdout


def test_an_existing_scheduler_is_used(tables, alone, tmp_path):
    files = [tables / "run0.csv", tables / "run1.csv"]
    file = tmp_path / "scheduler.json"
    with LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as cluster:
        with Client(cluster) as client:
            client.write_scheduler_file(file)
        for scheduler in (cluster.scheduler_address, file):
            done = cli("detect", *files, "--scheduler", scheduler, "--format", "jsonl")
            assert done.exit_code == 0, done.stderr
            assert events(done) == alone[files[1]]


@pytest.mark.parametrize("scheduler", ["tcp://127.0.0.1:1", "nowhere.json"])
def test_an_unreachable_scheduler_is_reported(tables, scheduler, monkeypatch):
    monkeypatch.setattr("streamlyt.engines.dask._CONNECT_TIMEOUT_S", 1.0)
    done = cli("detect", tables / "run0.csv", "--scheduler", scheduler)
    refused(done, 1, "a Dask scheduler must answer", repr(scheduler))


def test_independent_trajectories_use_the_topology_of_their_directory(tmp_path):
    places = [tmp_path / name for name in ("first", "second")]
    for place in places:
        place.mkdir()
        (place / "top.pdb").symlink_to(ALA2[0])
        (place / "traj.xtc").symlink_to(ALA2[1])
    done = cli("md", "top.pdb", tmp_path / "*" / "traj.xtc", "--independent", "--format", "jsonl")
    assert done.exit_code == 0, done.stderr
    one = events(cli("md", *ALA2, "--format", "jsonl"))
    assert len(one) == 2
    names = [str(place / "traj.xtc") for place in places]
    assert events(done) == [event | {"key": name} for name in names for event in one]
    assert "4 changes in 2 of 2 recordings, 28,000 frames" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["detect", "nothing*.csv"], "got no match for 'nothing*.csv'"),
        (["detect", "a.csv", "-"], "standard input must be the only recording"),
        (["detect", "a.csv", "b.csv", "--report", "r.html"], "--report takes one recording"),
        (["detect", "a.csv", "b.csv", "--resume"], "--run-file FOLDER"),
        (["detect", "a.csv", "--workers", "0"], "workers must be at least 1"),
        (["detect", "a.csv", "--workers", "1", "--scheduler", "x"], "has workers of its own"),
        (["md", "top.pdb", "a.xtc", "--workers", "2"], "need --independent"),
    ],
)
def test_contradictory_options_are_rejected(words, said):
    refused(cli(*words), 2, said)


def test_without_dask_recordings_run_in_sequence(tables, alone, monkeypatch):
    monkeypatch.setattr("streamlyt.cli._detection.batch.find_spec", lambda name: None)
    files = [tables / "run0.csv", tables / "run1.csv"]
    done = cli("detect", *files, "--format", "jsonl")
    assert events(done) == alone[files[1]]
    assert "pip install 'streamlyt[dask]'" in done.stderr
    refused(cli("detect", *files, "--workers", 2), 1, "streamlyt[dask]")


def test_ctrl_c_prints_partial_results_and_resume_completes_them(tables, alone, tmp_path):
    n = 200  # so many that none is through when the second has begun
    for i in range(n):
        (tmp_path / f"{i:03}.csv").symlink_to(tables / "run1.csv")
    words = "detect", tmp_path / "*.csv", "--run-file", tmp_path / "runs", "--workers", 1
    process = subprocess.Popen(
        command(*words, "--format", "csv"),
        env=SETTINGS,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def begun():
        assert process.poll() is None
        return len(list(tmp_path.glob("runs/*.streamlyt"))) >= 2

    wait_for(begun, HAPPENS_S, "two runs are begun")
    process.send_signal(signal.SIGINT)
    found, said = process.communicate(timeout=scaled(60))
    assert process.returncode == 130, said
    assert "streamlyt: stopped by Ctrl-C;" in said
    assert f"of {n} done; resume with the same command and --resume" in said
    assert "Traceback" not in said
    done = len(found.splitlines()) - 1
    assert done < n * len(alone[tables / "run1.csv"])
    words = "detect", tmp_path / "00*.csv", *words[2:]  # ten of them: done, half done, not begun
    again = cli(*words, "--resume", "--format", "jsonl")
    assert len(events(again)) == 10 * len(alone[tables / "run1.csv"])
