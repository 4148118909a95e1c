"""A report never overwrites other files."""

from pathlib import Path

import pytest

from streamlyt.cli._detection.run import RunOptions
from streamlyt.cli.commands.dashboard import report
from streamlyt.core.errors import ParameterError


def test_report_does_not_overwrite_other_files(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("a\n1\n")
    with pytest.raises(ParameterError, match="holds something else"):
        RunOptions(report=table).check()
    assert table.read_text() == "a\n1\n"


def test_report_does_not_overwrite_its_run_file(tmp_path: Path) -> None:
    run = tmp_path / "a.streamlyt"
    run.write_bytes(b"kept")
    with pytest.raises(ParameterError, match="holds something else"):
        report(run, run)
    assert run.read_bytes() == b"kept"
    new = tmp_path / "new.html"
    with pytest.raises(ParameterError, match="holds something else"):
        RunOptions(report=new, run_file=new).check()


def test_report_may_overwrite_a_report(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("old")
    RunOptions(report=page).check()
