"""Which tests see a source file: those of its own name first, then those that import it."""

import ast
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from tests._import_graph import import_graph

__all__ = ["Selection"]

_FOLDERS = ("streamlyt", "connectors", "detectors", "dashboards")
_OPERATORS = ("detectors", "transforms", "molecular", "models", "reservoirs")
# Tests over all components, of which only those of the components near a file are run.
_CONTRACTS = (
    "tests/test_operator_checks.py::test_every_registered_operator_satisfies_the_contract",
    "tests/test_parameters.py::test_every_parameter_changes_the_output",
)
_MOST_COMPONENTS = 4
_FARTHEST = 4  # imports between a test and the file


class Selection:
    """The tests of each source file of a tree, nearest first.

    Parameters
    ----------
    root
        Root of the repository.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        sources = {
            _module(path.relative_to(root)): path
            for folder in _FOLDERS
            for path in (root / folder).rglob("*.py")
        }
        tests = {
            ".".join(path.relative_to(root).with_suffix("").parts): path
            for path in (root / "tests").rglob("*.py")
        }
        # Packages export names lazily: the name stands for the module that defines it.
        exported = {
            f"{name}.{public}": module
            for name, path in sources.items()
            if path.name == "__init__.py"
            for public, module in _exports(name, path).items()
        }
        graph = import_graph(
            sources | tests | {name: sources[module] for name, module in exported.items()}
        )
        imports = {
            name: {exported.get(imported, imported) for imported in graph[name]}
            for name in (*sources, *tests)
        }
        self._importers: dict[str, set[str]] = {}
        for name, every in imports.items():
            for imported in every:
                self._importers.setdefault(imported, set()).add(name)
        self._breadth = {
            str(path.relative_to(root)): len(imports[name])
            for name, path in tests.items()
            if path.name.startswith("test_")
        }

    def __call__(self, path: str) -> list[str]:
        """Return arguments for pytest: the doctests of the file, then tests, nearest first."""
        relative = PurePosixPath(path)
        inside = relative.parts[1:] if relative.parts[0] == "streamlyt" else relative.parts
        folders = [PurePosixPath("tests", *inside[:n]) for n in range(len(inside) - 1, -1, -1)]
        stem = relative.stem.strip("_")
        modules = self._distances(_module(Path(path)))
        distances = {
            test: modules.get(test.removesuffix(".py").replace("/", "."), _FARTHEST + 1)
            for test in self._breadth
        }

        def rank(test: str) -> tuple[bool, bool, int, int]:
            file = PurePosixPath(test)
            near = file.parent in folders[:2]
            named = file.stem == f"test_{stem}"
            return not (named and near), not near, distances[test], self._breadth[test]

        tests = [
            test
            for test in sorted(self._breadth, key=rank)
            if distances[test] <= _FARTHEST or not rank(test)[0]
        ]
        doctests = str(PurePosixPath("streamlyt", *inside))
        return [doctests, *tests[:1], *self._contracts(modules), *tests[1:]]

    def _contracts(self, distances: Mapping[str, int]) -> list[str]:
        components = [
            f"{parts[1]}/{parts[2]}"
            for name in sorted(distances, key=lambda name: distances[name])
            if len(parts := name.split(".")) == 3
            and parts[0] == "streamlyt"
            and parts[1] in _OPERATORS
            and not parts[2].startswith("_")
        ]
        return [f"{test}[{name}]" for test in _CONTRACTS for name in components[:_MOST_COMPONENTS]]

    def _distances(self, module: str) -> dict[str, int]:
        """Return each importer of a module with the number of imports between."""
        distances = {module: 0}
        remaining = [module]
        for name in remaining:
            if distances[name] < _FARTHEST:
                for importer in sorted(self._importers.get(name, ())):
                    if importer not in distances:
                        distances[importer] = distances[name] + 1
                        remaining.append(importer)
        return distances


def _module(path: Path) -> str:
    parts = path.with_suffix("").parts
    parts = parts if parts[0] == "streamlyt" else ("streamlyt", *parts)
    return ".".join(parts).removesuffix(".__init__")


def _exports(package: str, path: Path) -> dict[str, str]:
    """Return what a package exports under ``TYPE_CHECKING``: name -> module."""
    return {
        alias.asname or alias.name: f"{package}.{node.module}"
        for block in ast.parse(path.read_text()).body
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module
        for alias in node.names
    }
