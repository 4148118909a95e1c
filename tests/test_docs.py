"""Every public name stands in the pages, and the pages tell of nothing that is not there."""

import re
import subprocess
import sys

import pytest

from tests._public import ROOT, is_face, load, public_modules

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
MAKEFILE = (ROOT / "Makefile").read_text()


def shown_modules() -> set[str]:
    """Return the modules whose every public name the reference shows."""
    return {
        name
        for page in PAGES
        for name in re.findall(r"^::: (\S+)$", page.read_text(), re.M)
    }  # fmt: skip


def help_of(*verb: str) -> str:
    command = [sys.executable, "-c", "from streamlyt.cli import main; main()", *verb, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"streamlyt {' '.join(verb)} is no command\n{done.stderr}"
    return done.stdout


def test_reference_shows_every_public_module() -> None:
    public = {name for name in public_modules() if not is_face(load(name))}
    public -= {name for name in public if name.startswith("streamlyt.cli.")}
    assert public == shown_modules()


def test_each_page_of_the_reference_is_in_the_navigation() -> None:
    listed = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text()))
    assert listed == {str(page.relative_to(DOCS)) for page in PAGES}


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_make_goals_named_in_a_text_exist(text) -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", text.read_text(), re.M))
    assert named <= set(re.findall(r"^([a-z]+):", MAKEFILE, re.M))


def test_commands_named_in_the_texts_exist() -> None:
    command = re.compile(r"(?:`|^)streamlyt ([a-z]+)", re.M)
    verbs = {verb for text in TEXTS for verb in command.findall(text.read_text())}
    assert {"demo", "md", "detect"} <= verbs
    assert all(help_of(verb) for verb in verbs)


def test_options_named_in_the_readme_exist() -> None:
    named = set(re.findall(r"--[a-z][a-z-]+", (ROOT / "README.md").read_text()))
    assert named <= set(re.findall(r"--[a-z][a-z-]+", help_of("md"))) | {"--help"}


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_links_between_files_lead_somewhere(text) -> None:
    targets = re.findall(r"\]\(([^)#]+)", text.read_text())
    here = [target for target in targets if "://" not in target]
    assert [target for target in here if not (text.parent / target).exists()] == []
