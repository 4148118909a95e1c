"""Bad input of ``streamlyt md``: one line says what, where and what to do; nothing kept is lost."""

import os
import resource
import shutil

import numpy as np
import pytest
from MDAnalysis.lib.formats.libdcd import DCDFile
from MDAnalysis.lib.formats.libmdaxdr import XTCFile

from streamlyt.runfile import RunFile
from tests.cli.running import ALA2, SETTINGS, VILLIN, cli, refused, shell


def kept(run):
    with RunFile.open(run) as opened:
        return opened.n_rows("") if opened.keys() else 0


@pytest.mark.parametrize("words", [["detect"], ["forecast"], ["fit", "--target", "b"]])
@pytest.mark.parametrize("header", ["time,b", "a,b"])
def test_a_header_without_rows_is_told_of(tmp_path, words, header):
    file = tmp_path / "none.csv"
    file.write_text(f"{header}\n")
    refused(cli(words[0], file, *words[1:]), 1, f"{file} must hold rows, got a header alone")


def test_a_file_that_is_not_there(tmp_path):
    refused(cli("md", tmp_path / "no.pdb", ALA2[1]), 1, "topology must be a file", "no.pdb")
    refused(cli("md", ALA2[0], tmp_path / "no.xtc"), 1, "trajectory must be a file", "no.xtc")


def test_a_format_that_nobody_reads(tmp_path):
    odd = shutil.copy(ALA2[1], tmp_path / "a.zzz")
    refused(cli("md", ALA2[0], odd), 2, "of a format that MDAnalysis reads", "rename or convert")
    refused(cli("md", odd, ALA2[1]), 2, "topology must be of a format")


def test_a_file_that_is_not_what_its_name_says(tmp_path):
    odd = shutil.copy(ALA2[0], tmp_path / "a.xtc")
    refused(cli("md", ALA2[0], odd), 1, "must be a whole XTC file")


def test_the_two_files_in_the_wrong_order():
    refused(cli("md", ALA2[1], ALA2[0]), 2, "give the topology first")


def test_atom_counts_that_differ():
    refused(cli("md", VILLIN[0], ALA2[1]), 1, "got 35 in", "and 22 in", "use the topology")


def test_an_empty_selection_with_near_matches():
    refused(cli("md", *ALA2, "--select", "resname AAL"), 2, "'AAL' is none here, near it ['ALA']")


def test_a_selection_that_is_none():
    refused(cli("md", *ALA2, "--select", "resname and"), 2, "select must be a selection")


def test_frames_that_are_not_there():
    refused(cli("md", *ALA2, "--start", 20_000), 2, "must leave a frame of the 14000")
    refused(cli("md", *ALA2, "--step", 0), 2, "step must be at least 1, got 0")


def without_box(frames, path):
    """The first frames of the flips, with a box in the first alone."""
    with XTCFile(str(ALA2[1])) as given, XTCFile(str(path), "w") as taken:
        for i in range(frames):
            f = given.read()
            box = np.eye(3, dtype=np.float32) * (0 if i > frames // 2 else 4)
            taken.write(f.x, box, f.step, f.time, 1000.0)
    return path


def test_a_box_that_is_missing_where_it_is_needed(tmp_path):
    words = ("md", ALA2[0], without_box(600, tmp_path / "a.xtc"))
    refused(cli(*words), 1, "box must have positive lengths", "at time")


def broken(path, frames=9000, hole=8500):
    """Villin frames again and again, with a coordinate that is none in one of them."""
    with DCDFile(str(VILLIN[1])) as given, DCDFile(str(path), "w") as taken:
        taken.write_header("", 35, 0, 1, 1.0, False)
        read = given.readframes(0, 3000).xyz
        for i in range(frames):
            xyz = read[i % 3000].astype(np.float32)
            if i == hole:
                xyz[3, 1] = np.nan
            taken.write(xyz, np.zeros(6))
    return path


def test_a_coordinate_that_is_no_number(tmp_path):
    run = tmp_path / "a.streamlyt"
    done = cli("md", VILLIN[0], broken(tmp_path / "a.dcd"), "--run", run)
    assert done.exit_code == 1
    found, said = done.stderr.splitlines()[-2:]
    assert "in 8,500 frames, before it had to stop" in found
    assert "2004" in done.stdout  # what was found before the stop is not lost
    assert all(words in said for words in ("got nan", "of frame 8500", "--stop 8500"))
    assert kept(run) == 8500


def test_a_last_frame_that_is_cut_short(tmp_path):
    whole, cut, run = ALA2[1].read_bytes(), tmp_path / "cut.xtc", tmp_path / "a.streamlyt"
    cut.write_bytes(whole[: len(whole) // 10])
    done = cli("md", ALA2[0], cut, "--run", run)
    refused(done, 1, "an incomplete frame at the end", "--stop")
    sound = int(done.stderr.rpartition("--stop ")[2].partition(")")[0])
    assert kept(run) == sound
    told = cli("md", ALA2[0], cut, "--stop", sound)
    assert told.exit_code == 0
    page = cli("report", run, "-o", tmp_path / "a.html")
    assert page.exit_code == 0


def test_a_run_file_that_is_there_already(tmp_path):
    run = tmp_path / "a.streamlyt"
    run.write_text("mine")
    refused(cli("md", *ALA2, "--run", run), 2, "--run must name a new file", "add --resume")
    assert run.read_text() == "mine"


def test_resume_without_a_run():
    refused(cli("md", *ALA2, "--resume"), 2, "--resume must go with --run FILE")


def test_resume_with_a_file_that_is_no_run(tmp_path):
    run = tmp_path / "a.streamlyt"
    run.write_text("mine" * 1000)
    refused(cli("md", *ALA2, "--run", run, "--resume"), 1, "a.streamlyt")
    assert run.read_text() == "mine" * 1000


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (("--seed", 1), "operators.bank.seed"),
        (("--window", 100), "operators.bank.window"),
        (("--stop", 900), "source.stop"),
        (("--select", "all"), "source.select"),
        (("--null", "adaptive"), "operators"),
        (("--observe", "raw"), "operators"),
    ],
)
def test_resume_with_another_parameter(tmp_path, words, where):
    run = tmp_path / "a.streamlyt"
    kept_words = [each for each in ("--stop", 800) if "--stop" not in words]
    assert cli("md", *VILLIN, "--run", run, "--stop", 800).exit_code == 0
    done = cli("md", *VILLIN, "--run", run, "--resume", *kept_words, *words)
    refused(done, 1, where, "as in the run to be resumed", "or begin a new run file")
    assert kept(run) == 800


def test_folders_that_are_not_there_or_cannot_be_written(tmp_path):
    missing = tmp_path / "no" / "a.streamlyt"
    refused(cli("md", *ALA2, "--run", missing), 2, "--run must be in a folder that is there")
    refused(cli("md", *ALA2, "--report", missing), 2, "--report must be in a folder")
    refused(cli("md", *ALA2, "--report", tmp_path), 2, "--report must be a file, got the folder")
    (tmp_path / "file").write_text("")
    under = tmp_path / "file" / "a.streamlyt"
    refused(cli("md", *ALA2, "--run", under), 2, "--run must be in a folder")
    refused(cli("md", *VILLIN, "--run", "/proc/a.streamlyt"), 1, "cannot be made", "/proc")
    refused(cli("demo", "--output", tmp_path / "file"), 1, str(tmp_path / "file"))


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only(tmp_path):
    tmp_path.chmod(0o500)
    refused(cli("md", *VILLIN, "--run", tmp_path / "a.streamlyt"), 1, "cannot be made")
    done = cli("md", *VILLIN, "--report", tmp_path / "a.html")
    assert (done.exit_code, "can be written" in done.stderr) == (1, True)


def test_a_page_that_cannot_be_written_keeps_no_change_back():
    done = cli("md", *VILLIN, "--report", "/proc/a.html", "--stop", 2500)
    assert done.exit_code == 1
    assert "2004" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("streamlyt: the report must go to a folder")


def test_a_run_file_is_no_table_and_no_report_of_nothing(tmp_path):
    refused(cli("report", tmp_path / "no.streamlyt"), 1, "no run file")
    shutil.copy(ALA2[0], tmp_path / "a.streamlyt")
    refused(cli("report", tmp_path / "a.streamlyt"), 1, "a.streamlyt")


def test_a_full_disk_leaves_what_was_saved_before_it(tmp_path):
    run = tmp_path / "a.streamlyt"
    words = ("md", *VILLIN, "--run", run, "--observe", "raw")
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
    refused(done, 1, "cannot be written", "what was saved before is safe", "resume the run")
    before = kept(run)
    done = shell(*words, "--resume", "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    assert before < kept(run) == 6000
    assert run.stat().st_size > 2**18


def test_a_full_disk_behind_the_standard_output():
    with open("/dev/full", "w") as full:
        done = shell("md", *VILLIN, "--stop", 2500, stdout=full)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "streamlyt: No space left on device"


def test_a_reader_that_has_gone_is_no_failure():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        done = shell("list", stdout=gone, env=SETTINGS)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "words",
    [
        ("md", ALA2[0]),
        ("md", *ALA2, "--observe", "colours"),
        ("md", *ALA2, "--format", "parquet"),
        ("md", *ALA2, "--seed", "-1"),
        ("nothing",),
        ("md", *ALA2, "--bogus"),
    ],
)
def test_usage_is_status_2_on_stderr(words):
    done = cli(*words)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "Usage:" in done.stderr
