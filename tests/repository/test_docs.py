"""Every public name stands in the pages, and the pages tell of nothing that is not there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from streamlyt.cli import app
from streamlyt.operator_checks import check_example, check_operator
from tests._public_api import ROOT, components, documented, faces, homes, load

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
MAKEFILE = (ROOT / "Makefile").read_text()


def shown() -> set[str]:
    """Return what the reference shows: modules, and single names of private ones."""
    return {
        name
        for page in PAGES
        for name in re.findall(r"^::: (\S+)$", page.read_text(), re.MULTILINE)
    }


def public_names() -> set[str]:
    """Return the full name of all that a user may import, from where it is defined."""
    listed = {
        f"{name}.{public}"
        for name in documented()
        if not name.startswith("streamlyt.cli.")
        for public in load(name).__all__
    }
    handed_on = {
        f"{face}.{home}.{public}"
        for face in faces()
        for public, home in homes(load(face)).items()
        if f"{face}.{home}" not in faces()
    }
    return listed | handed_on


def help_of(*verb: str) -> str:
    command = [sys.executable, "-c", "from streamlyt.cli import main; main()", *verb, "--help"]
    wide = os.environ | {"COLUMNS": "200", "TERM": "dumb"}  # so that no option is cut short
    done = subprocess.run(command, cwd=ROOT, env=wide, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"streamlyt {' '.join(verb)} is no command\n{done.stderr}"
    return done.stdout


def options(command: Any) -> Iterator[str]:
    """Yield the options of a command and of all below it."""
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    yield from command.get_help_option_names(command.make_context("", [], resilient_parsing=True))
    for below in getattr(command, "commands", {}).values():
        yield from options(below)


def test_reference_shows_every_public_name() -> None:
    whole = shown()
    missing = {name for name in public_names() - whole if name.rpartition(".")[0] not in whole}
    lines = "\n".join(sorted({f"::: {name.rpartition('.')[0]}" for name in missing}))
    assert not missing, f"add to the page of its room in docs/api/:\n{lines}"


def test_reference_shows_nothing_that_is_gone() -> None:
    names = public_names()
    every = {f"{name}.{public}" for name in components() for public in load(name).__all__}
    known = names | {name.rpartition(".")[0] for name in names | every}
    assert shown() <= known


def test_each_page_of_the_reference_is_in_the_navigation() -> None:
    listed = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text()))
    assert listed == {str(page.relative_to(DOCS)) for page in PAGES}


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_make_goals_named_in_a_text_exist(text) -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", text.read_text(), re.M))
    assert named <= set(re.findall(r"^([a-z]+):", MAKEFILE, re.M))


def test_commands_named_in_the_texts_exist() -> None:
    told = "\n".join(text.read_text() for text in TEXTS)
    code = re.findall(r"```console\n(.*?)```", told, re.DOTALL) + re.findall(r"`([^`\n]+)`", told)
    verbs = set(re.findall(r"^streamlyt ([a-z]+)", "\n".join(code), re.MULTILINE))
    assert {"demo", "md", "detect"} <= verbs
    assert all(help_of(verb) for verb in verbs)


@pytest.mark.parametrize("page", ["README.md", "docs/cli.md"])
def test_options_named_in_a_page_exist(page: str) -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", (ROOT / page).read_text()))
    assert named <= set(options(get_command(app)))


@pytest.mark.parametrize("verb", ["md", "detect", "forecast", "forecast tune", "fit"])
def test_command_line_page_tells_every_option(verb: str) -> None:
    told = set(re.findall(r"--[a-z][a-z-]+", (DOCS / "cli.md").read_text()))
    assert set(re.findall(r"--[a-z][a-z-]+", help_of(*verb.split()))) - {"--help"} <= told


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_links_between_files_lead_somewhere(text) -> None:
    targets = re.findall(r"\]\(([^)#]+)", text.read_text())
    here = [target for target in targets if "://" not in target]
    assert [target for target in here if not (text.parent / target).exists()] == []


def test_detector_of_the_readme_keeps_every_promise() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "level"}
    exec(compile(code, "README.md", "exec"), names)
    check_operator(*check_example(names["Level"]))
