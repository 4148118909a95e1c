"""Bad input of ``streamlyt md``: one error line with what, where and what to do."""

import os
import resource
import shutil

import numpy as np
import pytest
from MDAnalysis.lib.formats.libdcd import DCDFile
from MDAnalysis.lib.formats.libmdaxdr import XTCFile

from streamlyt.runfile import RunFile
from tests.cli.running import ALA2, SETTINGS, VILLIN, cli, refused, shell


def stored_rows(run):
    with RunFile.open(run) as opened:
        return opened.n_rows("") if opened.keys() else 0


@pytest.mark.parametrize("words", [["detect"], ["forecast"], ["fit", "--target", "b"]])
@pytest.mark.parametrize("header", ["time,b", "a,b"])
def test_a_header_without_rows_is_reported(tmp_path, words, header):
    file = tmp_path / "none.csv"
    file.write_text(f"{header}\n")
    refused(cli(words[0], file, *words[1:]), 1, f"{file} must hold rows, got only a header")


def test_a_missing_file(tmp_path):
    refused(cli("md", tmp_path / "no.pdb", ALA2[1]), 1, "topology must be a file", "no.pdb")
    refused(cli("md", ALA2[0], tmp_path / "no.xtc"), 1, "trajectory must be a file", "no.xtc")


def test_an_unsupported_format(tmp_path):
    odd = shutil.copy(ALA2[1], tmp_path / "a.zzz")
    refused(cli("md", ALA2[0], odd), 2, "of a format that MDAnalysis reads", "rename or convert")
    refused(cli("md", odd, ALA2[1]), 2, "topology must be of a format")


def test_a_file_with_a_wrong_suffix(tmp_path):
    odd = shutil.copy(ALA2[0], tmp_path / "a.xtc")
    refused(cli("md", ALA2[0], odd), 1, "must be a complete XTC file")


def test_the_two_files_in_the_wrong_order():
    refused(cli("md", ALA2[1], ALA2[0]), 2, "give the topology first")


def test_atom_counts_that_differ():
    refused(cli("md", VILLIN[0], ALA2[1]), 1, "got 35 in", "and 22 in", "use the topology")


def test_an_empty_selection_with_near_matches():
    refused(
        cli("md", *ALA2, "--select", "resname AAL"), 2, "unknown name 'AAL'; did you mean 'ALA'"
    )


def test_an_invalid_selection():
    refused(cli("md", *ALA2, "--select", "resname and"), 2, "select must be a selection")


def test_missing_frames():
    refused(cli("md", *ALA2, "--start", 20_000), 2, "must leave a frame of the 14000")
    refused(cli("md", *ALA2, "--step", 0), 2, "step must be at least 1, got 0")


def without_box(frames, path):
    """The first frames of the flips, with a box in the first alone."""
    with XTCFile(str(ALA2[1])) as source, XTCFile(str(path), "w") as target:
        for i in range(frames):
            f = source.read()
            box = np.eye(3, dtype=np.float32) * (0 if i > frames // 2 else 4)
            target.write(f.x, box, f.step, f.time, 1000.0)
    return path


def test_a_missing_box(tmp_path):
    words = ("md", ALA2[0], without_box(600, tmp_path / "a.xtc"))
    refused(cli(*words), 1, "box must have positive lengths", "at time")


def broken(path, frames=9000, bad_frame=8500):
    """Repeated villin frames with a NaN coordinate in one of them."""
    with DCDFile(str(VILLIN[1])) as source, DCDFile(str(path), "w") as target:
        target.write_header("", 35, 0, 1, 1.0, False)
        read = source.readframes(0, 3000).xyz
        for i in range(frames):
            xyz = read[i % 3000].astype(np.float32)
            if i == bad_frame:
                xyz[3, 1] = np.nan
            target.write(xyz, np.zeros(6))
    return path


def test_a_coordinate_that_is_nan(tmp_path):
    run = tmp_path / "a.streamlyt"
    done = cli("md", VILLIN[0], broken(tmp_path / "a.dcd"), "--run-file", run)
    assert done.exit_code == 1
    partial, error = done.stderr.splitlines()[-2:]
    assert "in 8,500 frames before the error" in partial
    assert "2004" in done.stdout  # events before the error are printed
    assert all(words in error for words in ("got nan", "of frame 8500", "--stop 8500"))
    assert stored_rows(run) == 8500


def test_a_truncated_last_frame(tmp_path):
    whole, cut, run = ALA2[1].read_bytes(), tmp_path / "cut.xtc", tmp_path / "a.streamlyt"
    cut.write_bytes(whole[: len(whole) // 10])
    done = cli("md", ALA2[0], cut, "--run-file", run)
    refused(done, 1, "an incomplete frame at the end", "--stop")
    n_complete = int(done.stderr.rpartition("--stop ")[2].partition(")")[0])
    assert stored_rows(run) == n_complete
    again = cli("md", ALA2[0], cut, "--stop", n_complete)
    assert again.exit_code == 0
    page = cli("report", run, "-o", tmp_path / "a.html")
    assert page.exit_code == 0


def test_an_existing_run_file(tmp_path):
    run = tmp_path / "a.streamlyt"
    run.write_text("mine")
    refused(cli("md", *ALA2, "--run-file", run), 2, "--run-file must be a new file", "add --resume")
    assert run.read_text() == "mine"


def test_resume_without_a_run():
    refused(cli("md", *ALA2, "--resume"), 2, "--resume needs --run-file FILE")


def test_resume_with_another_kind_of_file(tmp_path):
    run = tmp_path / "a.streamlyt"
    run.write_text("mine" * 1000)
    refused(cli("md", *ALA2, "--run-file", run, "--resume"), 1, "a.streamlyt")
    assert run.read_text() == "mine" * 1000


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (("--seed", 1), "operators.multiscale_newma.seed"),
        (("--window", 100), "operators.multiscale_newma.window"),
        (("--stop", 900), "source.stop"),
        (("--select", "all"), "source.select"),
        (("--null-model", "adaptive"), "operators"),
        (("--observable", "positions"), "operators"),
    ],
)
def test_resume_with_another_parameter(tmp_path, words, where):
    run = tmp_path / "a.streamlyt"
    same_words = [each for each in ("--stop", 800) if "--stop" not in words]
    assert cli("md", *VILLIN, "--run-file", run, "--stop", 800).exit_code == 0
    done = cli("md", *VILLIN, "--run-file", run, "--resume", *same_words, *words)
    refused(done, 1, where, "as in the run to be resumed", "or begin a new run file")
    assert stored_rows(run) == 800


def test_missing_or_read_only_directories(tmp_path):
    missing = tmp_path / "no" / "a.streamlyt"
    refused(cli("md", *ALA2, "--run-file", missing), 2, "--run-file: directory", "does not exist")
    refused(cli("md", *ALA2, "--report", missing), 2, "--report: directory")
    refused(cli("md", *ALA2, "--report", tmp_path), 2, "--report must be a file, got the directory")
    (tmp_path / "file").write_text("")
    under = tmp_path / "file" / "a.streamlyt"
    refused(cli("md", *ALA2, "--run-file", under), 2, "--run-file: directory")
    refused(cli("md", *VILLIN, "--run-file", "/proc/a.streamlyt"), 1, "cannot be locked", "/proc")
    refused(cli("demo", "--output-dir", tmp_path / "file"), 1, str(tmp_path / "file"))


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory(tmp_path):
    tmp_path.chmod(0o500)
    refused(cli("md", *VILLIN, "--run-file", tmp_path / "a.streamlyt"), 1, "cannot be made")
    done = cli("md", *VILLIN, "--report", tmp_path / "a.html")
    assert (done.exit_code, "can be written" in done.stderr) == (1, True)


def test_events_are_printed_when_the_report_cannot_be_written():
    done = cli("md", *VILLIN, "--report", "/proc/a.html", "--stop", 2500)
    assert done.exit_code == 1
    assert "2004" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("streamlyt: path of the report must be writable")


def test_report_needs_a_run_file(tmp_path):
    refused(cli("report", tmp_path / "no.streamlyt"), 1, "no run file")
    shutil.copy(ALA2[0], tmp_path / "a.streamlyt")
    refused(cli("report", tmp_path / "a.streamlyt"), 1, "a.streamlyt")


def test_a_full_disk_keeps_earlier_checkpoints(tmp_path):
    run = tmp_path / "a.streamlyt"
    words = ("md", *VILLIN, "--run-file", run, "--observable", "positions")
    # No file may grow beyond this: the run of 6,000 frames is four times as large.
    often = """
from functools import partialmethod
from streamlyt.engines.local import LocalEngine
from streamlyt.cli import main
LocalEngine.__init__ = partialmethod(
    LocalEngine.__init__, checkpoint_interval_s=0.0, checkpoint_interval_rows=1
)
main()
"""
    small = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2**17, 2**17))}
    done = shell(*words, code=often, **small)
    refused(done, 1, "cannot be written", "the last checkpoint is safe", "resume the run")
    before = stored_rows(run)
    done = shell(*words, "--resume", "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    assert before < stored_rows(run) == 6000
    assert run.stat().st_size > 2**18


def test_a_full_disk_behind_standard_output():
    with open("/dev/full", "w") as full:
        done = shell("md", *VILLIN, "--stop", 2500, stdout=full)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "streamlyt: No space left on device"


def test_a_closed_pipe_is_no_failure():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        done = shell("list", stdout=gone, env=SETTINGS)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "words",
    [
        ("md", ALA2[0]),
        ("md", *ALA2, "--observable", "colours"),
        ("md", *ALA2, "--format", "parquet"),
        ("md", *ALA2, "--seed", "-1"),
        ("nothing",),
        ("md", *ALA2, "--bogus"),
    ],
)
def test_usage_errors_exit_with_status_2(words):
    done = cli(*words)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "Usage:" in done.stderr
