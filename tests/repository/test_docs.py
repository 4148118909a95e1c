"""The documentation names every public name, and nothing that does not exist."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import pytest
from typer.main import get_command

from streamlyt.cli import app
from streamlyt.operator_checks import check_example, check_operator
from tests._public_api import ROOT, components, documented, exports, load, packages

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
MAKEFILE = (ROOT / "Makefile").read_text()


def listed_in_reference() -> set[str]:
    """Return what the reference lists: modules, and single names of private ones."""
    return {
        name
        for page in PAGES
        for name in re.findall(r"^::: (\S+)$", page.read_text(), re.MULTILINE)
    }


def public_names() -> set[str]:
    """Return the full name of all that a user may import, by the module that defines it."""
    listed = {
        f"{name}.{public}"
        for name in documented()
        if not name.startswith("streamlyt.cli.")
        for public in load(name).__all__
    }
    exported = {
        f"{package}.{module}.{public}"
        for package in packages()
        for public, module in exports(load(package)).items()
        if f"{package}.{module}" not in packages()
    }
    return listed | exported


def help_of(*command: str) -> str:
    call = [sys.executable, "-c", "from streamlyt.cli import main; main()", *command, "--help"]
    wide = os.environ | {"COLUMNS": "200", "TERM": "dumb"}  # no option is truncated
    done = subprocess.run(call, cwd=ROOT, env=wide, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"streamlyt {' '.join(command)} is no command\n{done.stderr}"
    return done.stdout


def options(command: Any) -> Iterator[str]:
    """Yield the options of a command and of its subcommands."""
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    yield from command.get_help_option_names(command.make_context("", [], resilient_parsing=True))
    for subcommand in getattr(command, "commands", {}).values():
        yield from options(subcommand)


def test_reference_lists_every_public_name() -> None:
    listed = listed_in_reference()
    missing = {name for name in public_names() - listed if name.rpartition(".")[0] not in listed}
    lines = "\n".join(sorted({f"::: {name.rpartition('.')[0]}" for name in missing}))
    assert not missing, f"add to the page of its package in docs/api/:\n{lines}"


def test_reference_lists_only_what_exists() -> None:
    names = public_names()
    every = {f"{name}.{public}" for name in components() for public in load(name).__all__}
    known = names | {name.rpartition(".")[0] for name in names | every}
    assert listed_in_reference() <= known


def test_each_page_of_the_reference_is_in_the_navigation() -> None:
    listed = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text()))
    assert listed == {str(page.relative_to(DOCS)) for page in PAGES}


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_make_goals_named_in_a_text_exist(text) -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", text.read_text(), re.M))
    assert named <= set(re.findall(r"^([a-z]+):", MAKEFILE, re.M))


def test_commands_named_in_the_texts_exist() -> None:
    text = "\n".join(path.read_text() for path in TEXTS)
    code = re.findall(r"```console\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text)
    commands = set(re.findall(r"^streamlyt ([a-z-]+)", "\n".join(code), re.MULTILINE))
    assert {"demo", "md", "detect"} <= commands
    assert all(help_of(command) for command in commands)


@pytest.mark.parametrize("page", ["README.md", "docs/cli.md"])
def test_options_named_in_a_page_exist(page: str) -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", (ROOT / page).read_text()))
    assert named <= set(options(get_command(app)))


@pytest.mark.parametrize("command", ["md", "detect", "forecast", "forecast tune", "fit"])
def test_command_line_page_documents_every_option(command: str) -> None:
    listed = set(re.findall(r"--[a-z][a-z-]+", (DOCS / "cli.md").read_text()))
    assert set(re.findall(r"--[a-z][a-z-]+", help_of(*command.split()))) - {"--help"} <= listed


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_links_between_files_are_not_broken(text) -> None:
    targets = re.findall(r"\]\(([^)#]+)", text.read_text())
    here = [target for target in targets if "://" not in target]
    assert [target for target in here if not (text.parent / target).exists()] == []


def test_detector_of_the_guide_passes_the_operator_checks() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (code,) = (c for c in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "class Level" in c)
    names: dict[str, Any] = {"__name__": "level"}
    exec(compile(dedent(code), "CONTRIBUTING.md", "exec"), names)
    check_operator(*check_example(names["Level"]))
