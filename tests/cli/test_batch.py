"""Many recordings at once: what comes of each is what comes of it alone, in one table."""

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
    """What the verb finds in each table, under the name that it has among many."""
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


def test_one_that_cannot_be_read_stops_none_of_the_others(tables, alone):
    done = cli("detect", tables / "run[0-9].csv", "--format", "csv")
    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 1 + sum(map(len, alone.values()))
    assert f"{tables / 'run9.csv'}: 'b' must be a number in every row" in done.stderr
    assert done.stderr.endswith("30,000 rows, 1 could not be read\n")


def test_the_runs_are_kept_and_gone_on_with(tables, tmp_path):
    words = "detect", tables / "run[0-3].csv", "--run", tmp_path / "runs", "--format", "jsonl"
    first = cli(*words, "--fail-on-change")
    assert first.exit_code == 3
    kept = sorted((tmp_path / "runs").iterdir())
    assert [path.name for path in kept] == [f"run{i}.csv.streamlyt" for i in range(4)]
    with RunFile.open(kept[1]) as run:
        assert len(run.events()) == 1
    refused(cli(*words), 2, "--run must name a new folder", "--resume")
    kept[2].unlink()
    again = cli(*words, "--resume")
    assert again.exit_code == 0
    assert again.stdout == first.stdout


def test_a_scheduler_that_is_there_is_used(tables, alone, tmp_path):
    files = [tables / "run0.csv", tables / "run1.csv"]
    place = tmp_path / "scheduler.json"
    with LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as cluster:
        with Client(cluster) as client:
            client.write_scheduler_file(place)
        for scheduler in (cluster.scheduler_address, place):
            done = cli("detect", *files, "--scheduler", scheduler, "--format", "jsonl")
            assert done.exit_code == 0, done.stderr
            assert events(done) == alone[files[1]]


@pytest.mark.parametrize("scheduler", ["tcp://127.0.0.1:1", "nowhere.json"])
def test_a_scheduler_that_does_not_answer_is_told_of(tables, scheduler, monkeypatch):
    monkeypatch.setattr("streamlyt.engines.dask._REACHED_S", 1.0)
    done = cli("detect", tables / "run0.csv", "--scheduler", scheduler)
    refused(done, 1, "a Dask scheduler must answer", repr(scheduler))


def test_trajectories_are_recordings_of_their_own_with_the_topology_beside_them(tmp_path):
    places = [tmp_path / name for name in ("first", "second")]
    for place in places:
        place.mkdir()
        (place / "top.pdb").symlink_to(ALA2[0])
        (place / "traj.xtc").symlink_to(ALA2[1])
    done = cli("md", "top.pdb", tmp_path / "*" / "traj.xtc", "--each", "--format", "jsonl")
    assert done.exit_code == 0, done.stderr
    one = events(cli("md", *ALA2, "--format", "jsonl"))
    assert len(one) == 2
    names = [str(place / "traj.xtc") for place in places]
    assert events(done) == [event | {"key": name} for name in names for event in one]
    assert "4 changes in 2 of 2 recordings, 28,000 frames" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["detect", "nothing*.csv"], "got none for 'nothing*.csv'"),
        (["detect", "a.csv", "-"], "standard input must be the only recording"),
        (["detect", "a.csv", "b.csv", "--report", "r.html"], "--report must go with one recording"),
        (["detect", "a.csv", "b.csv", "--resume"], "--run FOLDER"),
        (["detect", "a.csv", "--workers", "0"], "workers must be at least 1"),
        (["detect", "a.csv", "--workers", "1", "--scheduler", "x"], "has workers of its own"),
        (["md", "top.pdb", "a.xtc", "--workers", "2"], "must go with --each"),
    ],
)
def test_what_contradicts_itself_is_refused(words, said):
    refused(cli(*words), 2, said)


def test_without_dask_they_are_taken_one_after_another(tables, alone, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    files = [tables / "run0.csv", tables / "run1.csv"]
    done = cli("detect", *files, "--format", "jsonl")
    assert events(done) == alone[files[1]]
    assert "pip install 'streamlyt[dask]'" in done.stderr
    refused(cli("detect", *files, "--workers", 2), 1, "streamlyt[dask]")


def test_ctrl_c_tells_what_was_found_and_a_resumed_run_all_of_it(tables, alone, tmp_path):
    n = 200  # so many that none is through when the second has begun
    for i in range(n):
        (tmp_path / f"{i:03}.csv").symlink_to(tables / "run1.csv")
    words = "detect", tmp_path / "*.csv", "--run", tmp_path / "runs", "--workers", 1
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
    assert f"of {n} done; the same command with --resume goes on" in said
    assert "Traceback" not in said
    done = len(found.splitlines()) - 1
    assert done < n * len(alone[tables / "run1.csv"])
    words = "detect", tmp_path / "00*.csv", *words[2:]  # ten of them: done, half done, not begun
    again = cli(*words, "--resume", "--format", "jsonl")
    assert len(events(again)) == 10 * len(alone[tables / "run1.csv"])
