"""The walls of the house: faces tell the truth, doors are few, files are short."""

import inspect
import json
import re
import subprocess
import sys
from dataclasses import is_dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from tests._public_api import ROOT, components, faces, homes, load, modules, public_objects

OUTSIDE = {"MDAnalysis", "bokeh", "distributed", "kafka", "numba", "quixstreams", "river", "scipy"}
LONGEST_FILE = 400  # lines: a longer file has more than one subject
SECTIONS = [
    "Parameters",
    "Attributes",
    "Returns",
    "Yields",
    "Raises",
    "Warns",
    "See Also",
    "Notes",
    "References",
    "Examples",
]
# Where somebody's machine shows through: home folders, mounts and folders of a build.
MACHINE = re.compile(r"(?<![\w.*/)-])/(?:home|root|Users|mnt|work|build|workspace)/[\w.]")


def files(*endings: str) -> list[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    paths = (ROOT / name for name in done.stdout.split("\0") if name)
    return [p for p in paths if p.is_file() and not p.is_symlink() and p.suffix in endings]


def source_files() -> list[Path]:
    rooms = ("streamlyt", "connectors", "detectors", "dashboards")
    return [path for path in files(".py") if path.relative_to(ROOT).parts[0] in rooms]


def imported_by(work: str, *arguments: str) -> set[str]:
    """Return which outside libraries a fresh interpreter holds after a piece of work."""
    code = f"import json, sys\n{work}\nprint(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1])) & OUTSIDE


@pytest.mark.parametrize("face", faces())
def test_face_hands_on_names_from_where_they_are_defined(face: str) -> None:
    package = load(face)
    for name, home in homes(package).items():
        assert name in load(f"{face}.{home}").__all__, f"{face}.{home} does not offer {name}"
        assert getattr(package, name) is getattr(load(f"{face}.{home}"), name)
    if homes(package):
        assert set(package.__all__) - {"__version__"} == set(homes(package))


@pytest.mark.parametrize(
    "room", ["connectors", "detectors", "dashboards", "features", "models", "reservoirs"]
)
def test_room_offers_every_public_component_on_its_face(room: str) -> None:
    face = f"streamlyt.{room}"
    own = {
        f"    from .{name.removeprefix(f'{face}.')} import {public} as {public}"
        for name in components()
        if name.startswith(f"{face}.") and "." not in name.removeprefix(f"{face}.")
        for public in load(name).__all__
        if public not in load(face).__all__
    }
    lines = "\n".join(sorted(own))
    assert not own, f"add under TYPE_CHECKING in {room}/__init__.py:\n{lines}"


@pytest.mark.parametrize("name", modules())
def test_names_in_all_exist(name: str) -> None:
    module = load(name)
    assert [each for each in getattr(module, "__all__", ()) if not hasattr(module, each)] == []


@pytest.mark.parametrize("name", components())
def test_public_module_says_what_it_is_and_what_it_offers(name: str) -> None:
    assert inspect.getdoc(load(name))
    assert load(name).__all__


@pytest.mark.parametrize("module", components())
def test_docstrings_have_the_shape_of_numpydoc(module: str) -> None:
    for name, value in public_objects(module):
        lines = inspect.cleandoc(value.__doc__ or "").splitlines()
        assert lines, f"{name} has no docstring"
        assert lines[0].endswith((".", ":")), f"{name}: the first line is no sentence"
        assert len(lines) == 1 or not lines[1], f"{name}: the first line must stand alone"
        headings = [(a, b) for a, b in pairwise(lines) if a and re.fullmatch(r"-{3,}", b)]
        assert all(len(title) == len(under) for title, under in headings), name
        titles = [title for title, _ in headings]
        assert set(titles) <= set(SECTIONS), f"{name}: {titles}"
        assert titles == sorted(titles, key=SECTIONS.index), f"{name}: sections out of order"


@pytest.mark.parametrize("module", components())
def test_class_docstrings_name_every_parameter(module: str) -> None:
    for name, value in public_objects(module):
        made = inspect.isclass(value) and ("__init__" in vars(value) or is_dataclass(value))
        if not made or inspect.isabstract(value) or getattr(value, "_is_protocol", False):
            continue
        doc = inspect.cleandoc(value.__doc__ or "")
        if "Make one with :meth:" in doc:
            continue  # its constructor is not for users
        section = re.search(r"^Parameters\n-+\n(.*?)(?=^[^\n]+\n---|\Z)", doc, re.M | re.S)
        told = {
            parameter.strip().lstrip("*")
            for line in (section[1] if section else "").splitlines()
            if line and not line.startswith(" ")
            for parameter in line.split(",")
        }
        assert set(inspect.signature(value).parameters) == told, name


@pytest.mark.parametrize(
    "work", ["import streamlyt", "import streamlyt.cli", "import streamlyt.connectors"]
)
def test_importing_the_house_costs_no_outside_library(work: str) -> None:
    assert imported_by(work) == set()


def test_help_imports_no_outside_library() -> None:
    work = "import streamlyt.cli\ntry: streamlyt.cli.main()\nexcept SystemExit: pass"
    assert imported_by(work, "--help") == set()


def test_numba_is_imported_by_kernels_only() -> None:
    uses = re.compile(r"^\s*(?:import|from) numba\b", re.M)
    found = [path for path in source_files() if uses.search(path.read_text())]
    outside = {path.name for path in found if "_kernels" not in (path.parent.name, path.stem)}
    assert outside == {"jit.py"}


def test_compiled_loops_are_in_kernel_packages_only() -> None:
    decorated = re.compile(r"^@jit", re.M)
    found = [path for path in source_files() if decorated.search(path.read_text())]
    assert len(found) > 20
    outside = {path.name for path in found if "_kernels" not in (path.parent.name, path.stem)}
    assert outside == {"hadamard.py"}  # core/numerics: shared by features, devices and reservoirs


def test_no_file_is_longer_than_one_subject() -> None:
    lines = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in files(".py")}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def test_no_path_of_a_machine_stands_in_the_repository() -> None:
    texts = files(".py", ".md", ".toml", ".yml", ".yaml", ".txt", ".jsonl", ".json", ".html", "")
    found = [str(p.relative_to(ROOT)) for p in texts if MACHINE.search(p.read_text())]
    assert found == []
