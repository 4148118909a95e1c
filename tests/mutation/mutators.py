"""Mutants of one source file: each is a small fault, written as an edit of one expression."""

import ast
import copy
from collections.abc import Collection, Iterator
from dataclasses import dataclass

__all__ = ["Mutant", "mutants_of"]

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt},
    **{ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is},
    **{ast.In: ast.NotIn, ast.NotIn: ast.In},
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult},
    **{ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv},
}
_LARGE = 20  # integers above change by 10 %: one more or less is often within a tolerance
# Texts, types and examples: a fault in them is no wrong number.
_NO_CODE = (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom, ast.Assert)
_NO_NAMES = {"__repr__", "_check_example", "__all__"}
_ANY_ORDER = {"max", "min", "isinstance"}  # a swap changes nothing, or fails at once
_TURNED = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)


@dataclass(frozen=True)
class Mutant:
    """One mutant.

    Attributes
    ----------
    path
        The file, relative to the root of the repository.
    line
        Line of the edit, from 1.
    kind
        What was done, such as ``comparison``.
    before, after
        Source text of the edited expression and of what replaces it.
    text
        Source text of the whole mutated file.
    """

    path: str
    line: int
    kind: str
    before: str
    after: str
    text: str


def mutants_of(path: str, source: str, lines: Collection[int] | None = None) -> list[Mutant]:
    """Return all mutants of a file in the order of their lines; of some lines if given."""
    tree = ast.parse(source)
    original = ast.dump(tree)
    encoded = source.encode()
    starts = [0]
    for line in encoded.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = {}
    for kind, node, new in _edits(tree):
        if lines is not None and lines.isdisjoint(range(node.lineno, _end(node) + 1)):
            continue
        first = starts[node.lineno - 1] + node.col_offset
        last = starts[_end(node) - 1] + (node.end_col_offset or 0)
        after = ast.unparse(new)
        bare = isinstance(new, (ast.Constant, ast.Pass, ast.Call))
        edit = after if bare else f"({after})"
        text = (encoded[:first] + edit.encode() + encoded[last:]).decode()
        try:
            changed = ast.dump(ast.parse(text)) != original
        except SyntaxError:
            continue  # for example parentheses around the target of an assignment
        if changed:
            before = " ".join(encoded[first:last].decode().split())
            found[text] = Mutant(path, node.lineno, kind, before, after, text)
    return sorted(found.values(), key=lambda mutant: mutant.line)


def _end(node: ast.AST) -> int:
    end: int = node.end_lineno  # type: ignore[attr-defined] # every edited node has one
    return end


def _edits(tree: ast.Module) -> Iterator[tuple[str, ast.expr | ast.stmt, ast.AST]]:
    """Yield (kind, node, what replaces it)."""
    for node, in_index, in_function in _code(tree, in_index=False, in_function=False):
        if isinstance(node, ast.expr):
            yield from _edits_of_expression(node, in_index)
        if isinstance(node, (ast.If, ast.While, ast.IfExp, ast.comprehension)):
            tests = node.ifs if isinstance(node, ast.comprehension) else [node.test]
            for test in tests:
                if not _is_turned_elsewhere(test):
                    yield "condition", test, ast.UnaryOp(ast.Not(), test)
        elif in_function and isinstance(node, ast.stmt) and _may_be_dropped(node):
            yield "statement dropped", node, ast.Pass()


def _edits_of_expression(
    node: ast.expr, in_index: bool
) -> Iterator[tuple[str, ast.expr, ast.expr]]:
    new = copy.copy(node)
    if isinstance(new, ast.Compare):
        for at, operator in enumerate(new.ops):
            one = copy.copy(new)
            one.ops = [*new.ops[:at], _COMPARISONS[type(operator)](), *new.ops[at + 1 :]]
            yield "comparison", node, one
    elif isinstance(new, ast.BinOp) and type(new.op) in _OPERATORS:
        new.op = _OPERATORS[type(new.op)]()
        yield "arithmetic", node, new
    elif isinstance(new, ast.BoolOp):
        new.op = ast.Or() if isinstance(new.op, ast.And) else ast.And()
        yield "and/or", node, new
    elif isinstance(new, ast.UnaryOp) and isinstance(new.op, (ast.USub, ast.Not)):
        yield "sign", node, new.operand
    elif isinstance(new, ast.Constant):
        value = new.value
        if isinstance(value, bool):
            new.value = not value
            yield "constant", node, new
        elif isinstance(value, int) and abs(value) <= _LARGE:
            # Not 0 -> -1 in an index: many arrays of the states have one entry.
            for step in (1, -1) if in_index and value else (1,):
                yield "index" if in_index else "constant", node, ast.Constant(value + step)
        elif isinstance(value, (int, float)):
            yield "constant", node, ast.Constant(type(value)(value * 1.1) if value else 0.1)
    elif isinstance(new, ast.Call) and getattr(new.func, "id", "") not in _ANY_ORDER:
        for at in range(len(new.args) - 1):
            first, second = new.args[at : at + 2]
            if not isinstance(first, ast.Starred) and not isinstance(second, ast.Starred):
                one = copy.copy(new)
                one.args = [*new.args[:at], second, first, *new.args[at + 2 :]]
                yield "arguments swapped", node, one


def _is_turned_elsewhere(test: ast.expr) -> bool:
    """Return whether another edit, of the comparison or of a ``not``, turns the condition."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return isinstance(test.ops[0], _TURNED)
    return isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)


def _may_be_dropped(node: ast.stmt) -> bool:
    """Return whether a statement has an effect, and its absence is no undefined name."""
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, (ast.Yield, ast.YieldFrom, ast.Constant))
    if isinstance(node, ast.Assign):
        targets = [each for target in node.targets for each in ast.walk(target)]
        return not any(
            isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store) for each in targets
        )
    return isinstance(node, (ast.AugAssign, ast.Continue, ast.Break, ast.Delete))


def _code(
    node: ast.AST, *, in_index: bool, in_function: bool
) -> Iterator[tuple[ast.AST, bool, bool]]:
    """Yield the nodes of code, without docstrings, annotations, decorators and messages."""
    yield node, in_index, in_function
    in_function = in_function or isinstance(node, ast.FunctionDef)
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        inside = in_index or field == "slice"
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_no_code(child):
                yield from _code(child, in_index=inside, in_function=in_function)


def _is_no_code(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        return any(isinstance(t, ast.Name) and t.id in _NO_NAMES for t in node.targets)
    if isinstance(node, ast.FunctionDef):
        return node.name in _NO_NAMES
    if isinstance(node, ast.If):
        return getattr(node.test, "id", "") == "TYPE_CHECKING"
    return isinstance(node, _NO_CODE)
