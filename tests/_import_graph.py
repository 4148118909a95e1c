"""Which module of the package imports which, read from the source: nothing is imported."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["find_cycles", "import_graph", "private_imports"]

Graph = Mapping[str, set[str]]
"""Module -> the modules of the package that it imports, directly and in functions."""


def import_graph(files: Mapping[str, Path]) -> dict[str, set[str]]:
    """Return the import graph of modules given as dotted name -> file.

    Imports under ``if TYPE_CHECKING:`` are left out: at run time there are none.
    """
    return {name: set(_imports(name, path, files)) - {name} for name, path in files.items()}


def _imports(name: str, path: Path, files: Mapping[str, Path]) -> Iterator[str]:
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in _runtime_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in files)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                module = f"{base}.{alias.name}"
                if module in files or base in files:
                    yield module if module in files else base


def _runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    remaining = [tree]
    while remaining:
        node = remaining.pop()
        yield node
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            remaining += node.orelse
        else:
            remaining += ast.iter_child_nodes(node)


def find_cycles(graph: Graph) -> list[tuple[str, ...]]:
    """Return the groups of modules that import each other, each sorted."""
    return sorted({tuple(group) for name in graph if len(group := _cycle_of(graph, name)) > 1})


def _cycle_of(graph: Graph, name: str) -> list[str]:
    reached = _reachable(graph, name)
    return sorted({name, *(other for other in reached if name in _reachable(graph, other))})


def _reachable(graph: Graph, name: str) -> set[str]:
    reached: set[str] = set()
    remaining = [name]
    while remaining:
        new = graph.get(remaining.pop(), set()) - reached
        reached |= new
        remaining += new
    return reached


def private_imports(graph: Graph) -> list[tuple[str, str]]:
    """Return (module, imported module) where a private module is imported by an outsider.

    A path segment with an underscore belongs to the package above it: only modules of that
    package may import it.
    """
    return sorted(
        (name, imported)
        for name, all_imported in graph.items()
        for imported in all_imported
        if any(not _is_inside(name, owner) for owner in _owners(imported))
    )


def _owners(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:i]) for i, part in enumerate(parts) if part.startswith("_")]


def _is_inside(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")
