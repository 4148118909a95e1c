"""Mutation testing itself: its faults, its choice of tests, and a small repository."""

import shutil
import subprocess
import textwrap

import pytest

from tests._public_api import ROOT
from tests.mutation import __main__ as mutation
from tests.mutation.mutators import mutants_of
from tests.mutation.runner import Copy
from tests.mutation.selection import Selection

SOURCE = '''\
"""A text with 1 + 1."""


def count(rows: list[int], limit: int = 30, *, share: float = 0.5) -> int:
    """Return 2 < 3."""
    total = 0
    for row in rows:
        if row < limit and not row == 4:
            total += -row
            continue
        rows.sort()
        total = max(total, rows[0])
    if limit < 0:
        raise ValueError(f"limit must be at least 0, got {limit - 1}")
    return pair(total % 7, share)
'''


def edits(lines=None):
    return [(m.line, m.kind, m.before, m.after) for m in mutants_of("a.py", SOURCE, lines)]


def test_each_kind_of_fault_is_planted_in_code_only():
    found = edits()
    for expected in (
        (4, "constant", "30", "33"),
        (4, "constant", "0.5", "0.55"),
        (8, "comparison", "row < limit", "row <= limit"),
        (8, "and/or", "row < limit and not row == 4", "row < limit or not row == 4"),
        (8, "sign", "not row == 4", "row == 4"),
        (9, "sign", "-row", "row"),
        (9, "statement dropped", "total += -row", "pass"),
        (10, "statement dropped", "continue", "pass"),
        (11, "statement dropped", "rows.sort()", "pass"),
        (12, "index", "0", "1"),
        (13, "condition", "limit < 0", "not limit < 0"),
        (15, "arithmetic", "total % 7", "total // 7"),
        (15, "arguments swapped", "pair(total % 7, share)", "pair(share, total % 7)"),
    ):
        assert expected in found
    assert {line for line, *_ in found} <= {4, 6, 8, 9, 10, 11, 12, 13, 15}


def test_mutants_differ_in_one_place_and_may_be_limited_to_lines():
    for mutant in mutants_of("a.py", SOURCE):
        compile(mutant.text, "a.py", "exec")
        changed = [
            i
            for i, (old, new) in enumerate(
                zip(SOURCE.splitlines(), mutant.text.splitlines(), strict=True), start=1
            )
            if old != new
        ]
        assert changed == [mutant.line]
    assert {line for line, *_ in edits({8, 15})} == {8, 15}
    assert edits(set()) == []


def test_tests_of_a_file_are_its_own_first_and_those_of_its_importers():
    tests_of = Selection(ROOT)
    own = tests_of("detectors/newma.py")
    assert own[:2] == ["streamlyt/detectors/newma.py", "tests/detectors/test_newma.py"]
    assert any(test.endswith("[detectors/newma]") for test in own)
    kernels = tests_of("streamlyt/models/_kernels/square_root_rls.py")
    assert kernels[1] == "tests/models/test_square_root_rls.py"
    assert "tests/models/test_learners.py" in kernels
    assert all((ROOT / test.partition("::")[0]).exists() for test in own + kernels)


TESTS = """\
from streamlyt.level import above


def test_above():
    assert above([1, 5], 3) == [5]
"""


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository of one module, whose last commit adds a function and a weak test."""
    root = tmp_path / "repository"
    for folder in ("streamlyt", "connectors", "detectors", "dashboards", "tests/mutation"):
        (root / folder).mkdir(parents=True)
    (root / "streamlyt/__init__.py").write_text("")
    (root / "streamlyt/level.py").write_text("START = 3\n")
    shutil.copy(ROOT / "tests/mutation/plugin.py", root / "tests/mutation")
    monkeypatch.setattr(mutation, "ROOT", root)

    def git(*words):
        name = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", *name, *words], cwd=root, check=True, capture_output=True)

    def commit(body):
        text = f"START = 3\n\n\ndef above(rows, level):\n{textwrap.indent(body, '    ')}\n"
        (root / "streamlyt/level.py").write_text(text)
        (root / "tests/test_level.py").write_text(TESTS)
        git("add", "-A")
        git("commit", "-m", "next")

    git("init", "-b", "main")
    git("add", "-A")
    git("commit", "-m", "first")
    return commit, root


def test_a_fault_that_no_test_notices_is_named_with_the_tests_that_ran(repository, capsys):
    commit, root = repository
    commit("return [row for row in rows if row > level]")
    before = (root / "streamlyt/level.py").read_text()
    assert mutation.main(["--workers", "1"]) == 1
    out = capsys.readouterr().out
    survivors = out.partition("Survivors")[2]
    assert "streamlyt/level.py:5  comparison: row > level -> row >= level" in survivors
    assert "tests: tests/test_level.py" in survivors
    assert "1 of 2 mutants killed (50.0 %)" in out
    assert "START" not in out  # unchanged lines are left alone
    assert (root / "streamlyt/level.py").read_text() == before


def test_a_planted_fault_that_a_test_notices_is_named(repository, capsys):
    commit, _ = repository
    commit("return [row for row in rows if row < level]")
    assert mutation.main(["--workers", "1"]) == 1
    out = capsys.readouterr().out
    assert "streamlyt/level.py: tests/test_level.py fails without a mutation" in out
    assert "0 of 0 mutants killed" in out


def test_tests_that_never_end_are_killed(repository, tmp_path):
    _, root = repository
    (root / "tests/test_slow.py").write_text(
        "import time\n\n\ndef test_slow():\n    time.sleep(3600)\n"
    )
    copy = Copy(root, tmp_path / "copy")
    assert copy._run(["tests/test_slow.py"], 2.0, {}) == ("timeout", "after 2 s")
    assert copy._run(["tests/test_slow.py", "-k", "no_such"], 60.0, {})[0] == "no tests"


def test_known_equivalents_exist_and_have_a_reason():
    for path, line, _, _ in mutation._equivalent():
        texts = {each.strip() for each in (ROOT / path).read_text().splitlines()}
        assert line in texts, f"{path} has no line {line!r} any more"
    assert all((ROOT / p).is_file() for p in (mutation.HERE / "central.txt").read_text().split())
