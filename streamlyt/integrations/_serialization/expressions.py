"""An object of river from its text: calls of listed classes by name, and nothing else."""

import ast
from collections import UserList
from collections.abc import Mapping
from inspect import signature
from typing import Any

from streamlyt.core.errors import ParameterError

from .allowed import class_of_model

__all__ = ["parse_expression"]

_LONGEST = 20_000  # characters
_DEEPEST = 60  # calls in calls, steps in a row
_LARGEST = 10**7  # a whole number that is no seed: compiled code sets aside so much memory
_MOST_PARTS = 10**6  # models in models, as the counts of a text say
_SEEDS = ("seed", "random_state")
_COUNTS = ("n_models", "n_trees", "n_estimators")


def parse_expression(text: str, library: str) -> Any:
    """Return what a text like ``"scale.Scaler() | linear.Model(l2=0.1)"`` makes.

    Names are components below ``library``, as an allow-list has them; arguments are plain values,
    lists, tuples and mappings of these, or such calls. Nothing else of Python is understood, and
    how long, deep and large a text is, is measured before anything is made of it.

    Raises
    ------
    ParameterError
        If the text is anything else, or the class refuses its arguments.
    """
    if len(text) > _LONGEST:
        raise ParameterError(f"model must have at most {_LONGEST} characters, got {len(text)}")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ParameterError(
            f"model must be like {library}'s own code, got {_short(text)}"
        ) from error
    _refuse_deep(tree, text)
    _Maker(text, measuring=True).value(tree)
    return _Maker(text, measuring=False).value(tree)


class _Unmade:
    """Stands for a component while a text is measured."""


class _Maker:
    """Makes the objects of one text; or none, and holds it to its bounds."""

    def __init__(self, text: str, measuring: bool) -> None:
        self.text = text
        self.measuring = measuring
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
            found = inside.value
            if not sign and (found is None or isinstance(found, bool | int | float | str)):
                return found
            if sign and isinstance(found, int | float) and not isinstance(found, bool):
                return sign * found
        told = "**" if node is None else ast.unparse(node)
        raise ParameterError(
            f"model must be made of calls and plain values, got {_short(told)} in "
            f"{_short(self.text)}"
        )

    def joined(self, node: ast.BinOp) -> Any:
        """Return two parts joined by ``|``, ``+`` or ``*``, of which one is a component."""
        from river.base import Base

        left, right = self.value(node.left), self.value(node.right)
        both = left, right
        if not any(isinstance(each, Base | _Unmade) for each in both):
            raise self.take_dead_letters(node, "there is no component on either side")
        if isinstance(node.op, ast.Mult) and any(
            isinstance(each, int | float | UserList) for each in both
        ):
            raise self.take_dead_letters(node, "a component is multiplied by another, or by names")
        if self.measuring:
            return _Unmade()
        try:
            if isinstance(node.op, ast.BitOr):
                return left | right
            if isinstance(node.op, ast.Add):
                return left + right
            if isinstance(node.op, ast.Mult):
                return left * right
        except Exception as error:  # whatever river has to say of parts that do not go together
            raise self.take_dead_letters(node, str(error)) from error
        raise self.take_dead_letters(node, "parts are joined by |, + and *")

    def call(self, node: ast.Call) -> Any:
        """Return the component that a call makes."""
        starred = any(isinstance(each, ast.Starred) for each in node.args)
        if starred or any(each.arg is None for each in node.keywords):
            raise ParameterError(
                f"model must name its arguments one by one, got * or ** in "
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
            raise self.take_dead_letters(node, str(error)) from error
        if self.measuring:
            known.apply_defaults()
            self.measure(node, known.arguments)
            return _Unmade()
        try:
            return cls(*given, **named)
        except Exception as error:  # of any kind: a class looks at its arguments in its own way
            raise self.take_dead_letters(node, str(error) or type(error).__name__) from error

    def measure(self, node: ast.Call, arguments: Mapping[str, Any]) -> None:
        """Refuse a size that takes the memory of the machine."""
        for name, value in arguments.items():
            for number in _numbers(value):
                if name not in _SEEDS and abs(number) > _LARGEST:
                    raise self.take_dead_letters(
                        node, f"{name} must be at most {_LARGEST}, got {number}"
                    )
            if name in _COUNTS and isinstance(value, int):
                self.parts *= max(1, value)
            if name == "height" and isinstance(value, int):
                self.parts *= 2.0 ** max(0, min(value, 1000))
        if self.parts > _MOST_PARTS:
            raise self.take_dead_letters(
                node, f"the text must ask for at most {_MOST_PARTS} parts in all, got more"
            )

    def take_dead_letters(self, node: ast.expr, reason: str) -> ParameterError:
        return ParameterError(f"model {_short(ast.unparse(node))} cannot be made: {reason[:300]}")


def _numbers(value: Any) -> list[int]:
    """Return the whole numbers in a plain value, in lists and mappings too."""
    if isinstance(value, int):
        return [value]
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if type(value) in (list, tuple, set):
        return [number for each in value for number in _numbers(each)]
    return []


def _refuse_deep(tree: ast.expr, text: str) -> None:
    """Refuse a text in which too much stands in one another, before anything walks it."""
    level: list[ast.AST] = [tree]
    for _ in range(2 * _DEEPEST):  # each call is two: itself, and a keyword of it
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise ParameterError(
        f"model must be at most {_DEEPEST} parts deep, got {_short(text)}; make it flatter"
    )


def _short(text: str) -> str:
    return repr(text if len(text) <= 200 else f"{text[:200]}...")
