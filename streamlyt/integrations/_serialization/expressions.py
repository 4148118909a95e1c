"""Parse river expressions: calls of allowed classes by name, and nothing else."""

import ast
from collections import UserList
from collections.abc import Mapping
from inspect import signature
from typing import Any

from streamlyt.core.errors import ParameterError

from .allowed import class_of_model

__all__ = ["parse_expression"]

_MAX_CHARACTERS = 20_000  # characters
_MAX_DEPTH = 60  # nested calls, chained steps
_MAX_NUMBER = 10**7  # for integers except seeds: compiled code allocates this much memory
_MAX_PARTS = 10**6  # nested models, by the counts in the text
_SEEDS = ("seed", "random_state")
_COUNTS = ("n_models", "n_trees", "n_estimators")


def parse_expression(text: str, library: str) -> Any:
    """Create the object of a text like ``"scale.Scaler() | linear.Model(l2=0.1)"``.

    Names are components below ``library`` on the allow-list; arguments are plain values, lists,
    tuples and mappings of these, or such calls. No other Python is accepted. The length, depth and
    size of the text are checked before anything is created.

    Raises
    ------
    ParameterError
        If the text has any other form, or the class rejects its arguments.
    """
    if len(text) > _MAX_CHARACTERS:
        raise ParameterError(
            f"model must have at most {_MAX_CHARACTERS} characters, got {len(text)}"
        )
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ParameterError(
            f"model must be an expression of {library} components, got {_short(text)}"
        ) from error
    _check_depth(tree, text)
    _Builder(text, checking=True).value(tree)
    return _Builder(text, checking=False).value(tree)


class _Placeholder:
    """Placeholder of a component while a text is checked."""


class _Builder:
    """Creates the objects of one text, or only checks its bounds."""

    def __init__(self, text: str, checking: bool) -> None:
        self.text = text
        self.checking = checking
        self.parts = 1.0

    def value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.BinOp):
            return self.joined(node)
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.List | ast.Tuple):
            kind = list if isinstance(node, ast.List) else tuple
            return kind(self.value(each) for each in node.elts)
        if isinstance(node, ast.Set):
            return set(map(self.plain, node.elts))
        if isinstance(node, ast.Dict):
            return {
                self.plain(key): self.value(each)
                for key, each in zip(node.keys, node.values, strict=True)
            }
        return self.plain(node)

    def plain(self, node: ast.expr | None) -> Any:
        """Return a number, a text or None."""
        inside, sign = node, 0
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inside, sign = node.operand, -1 if isinstance(node.op, ast.USub) else 1
        if isinstance(inside, ast.Constant):
            constant = inside.value
            if not sign and (constant is None or isinstance(constant, bool | int | float | str)):
                return constant
            if sign and isinstance(constant, int | float) and not isinstance(constant, bool):
                return sign * constant
        source = "**" if node is None else ast.unparse(node)
        raise ParameterError(
            f"model must be made of calls and plain values, got {_short(source)} in "
            f"{_short(self.text)}"
        )

    def joined(self, node: ast.BinOp) -> Any:
        """Return two parts joined by ``|``, ``+`` or ``*``, of which one is a component."""
        from river.base import Base

        left, right = self.value(node.left), self.value(node.right)
        both = left, right
        if not any(isinstance(each, Base | _Placeholder) for each in both):
            raise self._error(node, "no operand is a component")
        if isinstance(node.op, ast.Mult) and any(
            isinstance(each, int | float | UserList) for each in both
        ):
            raise self._error(node, "a component is multiplied by another, or by names")
        if self.checking:
            return _Placeholder()
        try:
            if isinstance(node.op, ast.BitOr):
                return left | right
            if isinstance(node.op, ast.Add):
                return left + right
            if isinstance(node.op, ast.Mult):
                return left * right
        except Exception as error:  # any error of river for incompatible parts
            raise self._error(node, str(error)) from error
        raise self._error(node, "the operator must be |, + or *")

    def call(self, node: ast.Call) -> Any:
        """Return the component that a call creates."""
        starred = any(isinstance(each, ast.Starred) for each in node.args)
        if starred or any(each.arg is None for each in node.keywords):
            raise ParameterError(
                f"model must not unpack arguments, got * or ** in "
                f"{_short(ast.unparse(node))}; write them out"
            )
        try:
            cls: Any = class_of_model(ast.unparse(node.func))
        except LookupError as error:
            raise ParameterError(
                f"model must name components like linear_model.LinearRegression, got "
                f"{_short(self.text)}: {error.args[0]}"
            ) from error
        given = [self.value(each) for each in node.args]
        named = {str(each.arg): self.value(each.value) for each in node.keywords}
        try:
            known = signature(cls).bind(*given, **named)
        except (TypeError, ValueError) as error:
            raise self._error(node, str(error)) from error
        if self.checking:
            known.apply_defaults()
            self.measure(node, known.arguments)
            return _Placeholder()
        try:
            return cls(*given, **named)
        except Exception as error:  # any error of the class for its arguments
            raise self._error(node, str(error) or type(error).__name__) from error

    def measure(self, node: ast.Call, arguments: Mapping[str, Any]) -> None:
        """Raise for sizes that would exhaust memory."""
        for name, value in arguments.items():
            for number in _numbers(value):
                if name not in _SEEDS and abs(number) > _MAX_NUMBER:
                    raise self._error(node, f"{name} must be at most {_MAX_NUMBER}, got {number}")
            if name in _COUNTS and isinstance(value, int):
                self.parts *= max(1, value)
            if name == "height" and isinstance(value, int):
                self.parts *= 2.0 ** max(0, min(value, 1000))
        if self.parts > _MAX_PARTS:
            raise self._error(node, f"the text must create at most {_MAX_PARTS} parts, got more")

    def _error(self, node: ast.expr, reason: str) -> ParameterError:
        return ParameterError(f"model {_short(ast.unparse(node))} is invalid: {reason[:300]}")


def _numbers(value: Any) -> list[int]:
    """Return the integers in a plain value, including lists and mappings."""
    if isinstance(value, int):
        return [value]
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if type(value) in (list, tuple, set):
        return [number for each in value for number in _numbers(each)]
    return []


def _check_depth(tree: ast.expr, text: str) -> None:
    """Raise for too deeply nested texts, before any recursion."""
    level: list[ast.AST] = [tree]
    for _ in range(2 * _MAX_DEPTH):  # a call counts twice: itself and its keyword
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise ParameterError(
        f"model must be at most {_MAX_DEPTH} parts deep, got {_short(text)}; use fewer levels"
    )


def _short(text: str) -> str:
    return repr(text if len(text) <= 200 else f"{text[:200]}...")
