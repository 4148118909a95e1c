"""The layout of the repository: exports, docstrings, imports, sizes and words."""

import inspect
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import is_dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from tests._import_graph import find_cycles, import_graph, private_imports
from tests._public_api import ROOT, components, exports, load, modules, packages, public_objects

OUTSIDE = {"MDAnalysis", "bokeh", "distributed", "kafka", "numba", "quixstreams", "river", "scipy"}
LONGEST_FILE = 400  # lines: a longer file has more than one subject
SOURCE_FOLDERS = ("streamlyt", "connectors", "detectors", "dashboards")
MAX_ENTRIES = 16  # files and folders of a source folder, ``__init__.py`` included
MAX_ENTRIES_OF = {
    "streamlyt": 24,  # the packages of the architecture
    "streamlyt/core": 18,  # one file for each type of the vocabulary
    "streamlyt/cli/commands": 17,  # one file for each of the 16 commands
}
NO_SOURCE = {"_data", "results"}  # folders of data: their number of files grows with it
# Words for which the field has other terms. Those of the first list are banned everywhere in the
# source folders, docs/ and the README; those of the second in the paths below. Move a word or add a
# path once it is clean.
BANNED_WORDS = ("contender", "contenders", "deed", "hitherto", "knob", "peer", "peers", "rivals")
DIALECT_WORDS = (
    *("anew", "aside", "as it came", "as they came", "at hand", "beside", "catalog", "door"),
    *("face", "faces", "finding", "findings", "gone on", "goes on", "go on", "hang on", "hole"),
    *("holes", "holds up", "house", "knobs", "law", "laws", "let go", "mend", "mended", "quiet"),
    *("rival", "room", "rooms", "strange", "strangeness", "stranger", "tells", "told", "wanted"),
    *("whoever", "wing", "wings"),
)
CLEAN_PATHS = (
    "docs/run-file.md",
    "streamlyt/__init__.py",
    "streamlyt/codecs/",
    "streamlyt/config/",
    "streamlyt/core/",
    "streamlyt/operator_checks.py",
    "streamlyt/pipeline.py",
    "streamlyt/registry.py",
    "streamlyt/runfile/",
)
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
# Paths of a particular machine: home folders, mounts and build folders.
MACHINE = re.compile(r"(?<![\w.*/)-])/(?:home|root|Users|mnt|work|build|workspace)/[\w.]")


def tracked() -> list[Path]:
    """Return the paths that a commit of the working tree would hold, links included."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [
        ROOT / name for name in done.stdout.split("\0") if name and os.path.lexists(ROOT / name)
    ]


def files(*suffixes: str) -> list[Path]:
    return [p for p in tracked() if p.is_file() and not p.is_symlink() and p.suffix in suffixes]


def source_files() -> list[Path]:
    return [path for path in files(".py") if path.relative_to(ROOT).parts[0] in SOURCE_FOLDERS]


def module_name(path: Path) -> str:
    """Return the import name of a source file: ``streamlyt.connectors`` for ``connectors``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "streamlyt" else ("streamlyt", *parts)
    return ".".join(parts).removesuffix(".__init__")


def source_graph() -> dict[str, set[str]]:
    return import_graph({module_name(path): path for path in source_files()})


def imported_by(work: str, *arguments: str) -> set[str]:
    """Return the outside libraries that a fresh interpreter has imported after running code."""
    code = f"import json, sys\n{work}\nprint(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1])) & OUTSIDE


def test_package_exports_names_from_the_module_that_defines_them() -> None:
    for name in packages():
        package = load(name)
        for public, module in exports(package).items():
            defining = load(f"{name}.{module}")
            assert public in defining.__all__, f"{name}.{module} does not list {public}"
            assert getattr(package, public) is getattr(defining, public)
        if exports(package):
            assert set(package.__all__) - {"__version__"} == set(exports(package))


@pytest.mark.parametrize(
    "category", ["connectors", "detectors", "dashboards", "features", "models", "reservoirs"]
)
def test_category_exports_every_public_component(category: str) -> None:
    package = f"streamlyt.{category}"
    missing = {
        f"    from .{name.removeprefix(f'{package}.')} import {public} as {public}"
        for name in components()
        if name.startswith(f"{package}.") and "." not in name.removeprefix(f"{package}.")
        for public in load(name).__all__
        if public not in load(package).__all__
    }
    lines = "\n".join(sorted(missing))
    assert not missing, f"add under TYPE_CHECKING in {category}/__init__.py:\n{lines}"


def test_names_in_all_exist() -> None:
    for name in modules():
        module = load(name)
        missing = [each for each in getattr(module, "__all__", ()) if not hasattr(module, each)]
        assert missing == [], name


def test_public_module_has_a_docstring_and_all() -> None:
    for name in components():
        assert inspect.getdoc(load(name)), name
        assert load(name).__all__, name


def test_docstrings_are_numpydoc() -> None:
    for module in components():
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


def test_class_docstrings_name_every_parameter() -> None:
    for module in components():
        for name, value in public_objects(module):
            has_init = inspect.isclass(value) and ("__init__" in vars(value) or is_dataclass(value))
            if not has_init or inspect.isabstract(value) or getattr(value, "_is_protocol", False):
                continue
            doc = inspect.cleandoc(value.__doc__ or "")
            if "Make one with :meth:" in doc:
                continue  # its constructor is not for users
            section = re.search(r"^Parameters\n-+\n(.*?)(?=^[^\n]+\n---|\Z)", doc, re.M | re.S)
            documented = {
                parameter.strip().lstrip("*")
                for line in (section[1] if section else "").splitlines()
                if line and not line.startswith(" ")
                for parameter in line.split(",")
            }
            assert set(inspect.signature(value).parameters) == documented, name


@pytest.mark.parametrize(
    "work", ["import streamlyt", "import streamlyt.cli", "import streamlyt.connectors"]
)
def test_importing_streamlyt_imports_no_outside_library(work: str) -> None:
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


def test_no_file_is_longer_than_400_lines() -> None:
    lines = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in files(".py")}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def test_repository_contains_no_path_of_a_machine() -> None:
    texts = files(".py", ".md", ".toml", ".yml", ".yaml", ".txt", ".jsonl", ".json", ".html", "")
    found = [str(p.relative_to(ROOT)) for p in texts if MACHINE.search(p.read_text())]
    assert found == []


def test_no_source_folder_has_too_many_entries() -> None:
    entries: dict[str, set[str]] = defaultdict(set)
    for path in tracked():
        parts = path.relative_to(ROOT).parts
        if parts[0] in SOURCE_FOLDERS:
            for depth in range(1, len(parts)):
                entries["/".join(parts[:depth])].add(parts[depth])
    assert len(entries) > 30
    too_many = {
        folder: len(names)
        for folder, names in entries.items()
        if len(names) > MAX_ENTRIES_OF.get(folder, MAX_ENTRIES)
        and not NO_SOURCE.intersection(folder.split("/"))
    }
    assert too_many == {}


def test_import_graph_finds_cycles_and_private_imports(tmp_path: Path) -> None:
    sources = {
        "p": "from . import a\n",
        "p.a": "import p.b\n",
        "p.b": "def late():\n    from .q.c import name\n",
        "p.q.c": "if TYPE_CHECKING:\n    from p.d import x\nelse:\n    from .. import a\n",
        "p.d": "from p.q._e import name\nfrom p.q.c import x\n",
        "p.q._e": "from p.q import _f\n",
        "p.q._f": "",
    }
    paths = {}
    for name, text in sources.items():
        path = tmp_path.joinpath(*name.split("."))
        paths[name] = path.with_suffix(".py") if name != "p" else path / "__init__.py"
        paths[name].parent.mkdir(parents=True, exist_ok=True)
        paths[name].write_text(text)
    graph = import_graph(paths)
    assert graph["p"] == {"p.a"}
    assert find_cycles(graph) == [("p.a", "p.b", "p.q.c")]
    assert private_imports(graph) == [("p.d", "p.q._e")]


def test_no_modules_import_each_other() -> None:
    graph = source_graph()
    assert sum(map(len, graph.values())) > 500
    assert find_cycles(graph) == []


def test_private_modules_are_imported_in_their_package_only() -> None:
    assert private_imports(source_graph()) == []


@pytest.mark.parametrize(
    ("words", "paths"), [(BANNED_WORDS, ("",)), (DIALECT_WORDS, CLEAN_PATHS)], ids=["all", "clean"]
)
def test_no_banned_word_is_in_code_or_docs(words: Sequence[str], paths: tuple[str, ...]) -> None:
    banned = re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)
    documents = [p for p in files(".md") if p.relative_to(ROOT).parts[0] in ("docs", "README.md")]
    texts = {str(path.relative_to(ROOT)): path for path in [*source_files(), *documents]}
    former = "streamlyt/core/former_names.py"  # lists former names
    checked = {n: path for n, path in texts.items() if n.startswith(paths) and n != former}
    assert all(any(name.startswith(path) for name in checked) for path in paths)
    found = [
        f"{name}:{number}: {match[0]}"
        for name, path in checked.items()
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        for match in banned.finditer(line)
    ]
    assert found == []
