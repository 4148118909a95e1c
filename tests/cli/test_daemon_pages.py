"""A page never takes the place of what a user already has."""

from pathlib import Path

import pytest

from streamlyt.cli._detection.run import RunOptions
from streamlyt.cli.commands.report import report
from streamlyt.core.errors import ParameterError


def test_report_over_a_file_that_is_no_page_is_refused_and_the_file_kept(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("a\n1\n")
    with pytest.raises(ParameterError, match="holds something else"):
        RunOptions(report=table).check()
    assert table.read_text() == "a\n1\n"


def test_report_over_its_own_run_file_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "a.streamlyt"
    run.write_bytes(b"kept")
    with pytest.raises(ParameterError, match="holds something else"):
        report(run, run)
    assert run.read_bytes() == b"kept"
    new = tmp_path / "new.html"
    with pytest.raises(ParameterError, match="holds something else"):
        RunOptions(report=new, run=new).check()


def test_a_page_may_be_drawn_again(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("old")
    RunOptions(report=page).check()
