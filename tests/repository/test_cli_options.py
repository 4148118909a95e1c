"""Every option of the command line is passed by a test of its command."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from streamlyt.cli import app
from tests._public_api import ROOT

OF_TYPER = {"--install-completion", "--show-completion"}  # typer's own; they write shell files


def options(path: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Yield each command with each of its options: all spellings of one together."""
    for parameter in command.params:
        names = {*parameter.opts, *parameter.secondary_opts}
        if parameter.param_type_name == "option" and not names & OF_TYPER:
            yield path, names
    for name, subcommand in getattr(command, "commands", {}).items():
        yield from options((*path, *name.split()), subcommand)


def words_of_tests() -> list[frozenset[str]]:
    """Return the words in the texts of each test module: options are typed as such."""
    return [
        _words(path)
        for path in (ROOT / "tests").rglob("*.py")
        if "repository" not in path.relative_to(ROOT).parts
    ]


def _words(path: Path) -> frozenset[str]:
    texts = [
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return frozenset(word.partition("=")[0] for text in texts for word in (text, *text.split()))


def test_every_option_is_passed_by_a_test_of_its_command() -> None:
    words = words_of_tests()
    known = list(options((), get_command(app)))
    assert len(known) > 100
    missing = [
        f"{' '.join(path)} {' '.join(sorted(names))}"
        for path, names in known
        if not any(each.issuperset(path) and each & names for each in words)
    ]
    assert missing == [], "add a test to tests/cli/ that sees the effect of each"
