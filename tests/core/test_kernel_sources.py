"""The files that machine code depends on, and their hash."""

import ast
from pathlib import Path

import pytest

import streamlyt
from streamlyt.core.numerics.kernel_sources import Sources

ROOT = Path(streamlyt.__file__).parent
TINY = {
    "__init__.py": "",
    "_kernels_sum.py": "from ._kernels.inner import one\nfrom . import _plain, nothing\n",
    "_kernels/__init__.py": "",
    "_kernels/inner.py": "from tiny.deep.constants import (\n    A,  # (one) or two)\n    B,\n)\n",
    "deep/__init__.py": "from ..far import C\n",
    "deep/constants.py": "A = B = 1\nif A: import tiny.last\n",
    "far.py": "import numpy\n",
    "last.py": "from . \\\n    import wrapped\n",
    "wrapped.py": "",
    "_plain.py": "from tiny.deep import C\n",
    "nowhere.py": "",
    "deep/elsewhere.py": "",
}


@pytest.fixture
def tiny(tmp_path):
    for name, text in TINY.items():
        file = tmp_path / "tiny" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "tiny"


def test_imports_of_kernels_are_followed_transitively(tiny):
    assert sorted(Sources(tiny).modules) == [
        "tiny",
        "tiny._kernels",
        "tiny._kernels.inner",
        "tiny._kernels_sum",
        "tiny._plain",
        "tiny.deep",
        "tiny.deep.constants",
        "tiny.far",
        "tiny.last",
        "tiny.wrapped",
    ]


@pytest.mark.parametrize("name", sorted(set(TINY) - {"nowhere.py", "deep/elsewhere.py"}))
def test_edit_of_a_source_changes_the_hash(tiny, name):
    before = Sources(tiny)
    (tiny / name).write_text(TINY[name] + "D = 4\n")
    assert not before.unchanged()
    assert Sources(tiny).digest() != before.digest()


@pytest.mark.parametrize("name", ["nowhere.py", "deep/elsewhere.py"])
def test_edit_of_another_file_does_not_change_the_hash(tiny, name):
    before = Sources(tiny)
    (tiny / name).write_text("D = 4\n")
    assert before.unchanged()
    assert Sources(tiny).digest() == before.digest()


def test_new_kernel_or_name_changes_the_hash(tiny):
    before = Sources(tiny).digest()
    (tiny / "deep" / "_kernels_new.py").write_text("")
    added = Sources(tiny).digest()
    (tiny / "deep" / "_kernels_new.py").rename(tiny / "deep" / "_kernels_newer.py")
    assert len({before, added, Sources(tiny).digest()}) == 3


def test_hash_is_independent_of_folder_and_links(tiny, tmp_path):
    before = Sources(tiny).digest()
    (tmp_path / "other").mkdir()
    (tiny / "deep").rename(tmp_path / "other" / "deep")
    (tiny / "deep").symlink_to(tmp_path / "other" / "deep")
    moved = tiny.rename(tmp_path / "other" / "tiny")
    assert Sources(moved).digest() == before


def test_missing_file_is_a_change(tiny):
    before = Sources(tiny)
    (tiny / "far.py").unlink()
    assert not before.unchanged()


def test_every_import_that_a_parser_finds_is_followed():
    sources = Sources(ROOT)
    kernels = {name for name in sources.modules if "_kernels" in name}
    assert len(kernels) > 20
    missing = set()
    for name in sources.modules:
        path = ROOT.parent.joinpath(*name.split("."))
        package = name if path.is_dir() else name.rpartition(".")[0]
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for node in ast.walk(ast.parse(file.read_text())):
            missing |= set(_modules(node, package)) - set(sources.modules)
    assert missing == set()


def _modules(node, package):
    """Yield the modules of streamlyt that a statement imports."""
    if isinstance(node, ast.Import):
        found = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join([*(above if node.level else []), *filter(None, [node.module])])
        found = [base, *(f"{base}.{alias.name}" for alias in node.names)]
    else:
        return
    for name in found:
        path = ROOT.parent.joinpath(*name.split("."))
        is_module = path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
        if name.startswith("streamlyt.") and is_module:
            yield name
