"""An object of a library from its text: calls of its classes by name, and nothing else."""

import ast
from collections.abc import Callable
from importlib import import_module
from typing import Any

from streamlyt.errors import ParameterError

from ._saving import CLOSED

__all__ = ["made"]


def made(text: str, library: str) -> Any:
    """Return what a text like ``"scale.Scaler() | linear.Model(l2=0.1)"`` makes.

    Names are classes below ``library``; arguments are plain values or such calls. Nothing else of
    Python is understood, so that a text from outside can do no more than make such objects.

    Raises
    ------
    ParameterError
        If the text is anything else, or the class refuses its arguments.
    """
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise ParameterError(f"model must be like {library}'s own code, got {text!r}") from error
    return _value(tree, library, text)


def _value(node: ast.expr, library: str, text: str) -> Any:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.Add | ast.Mult):
        left, right = (_value(side, library, text) for side in (node.left, node.right))
        if isinstance(node.op, ast.BitOr):
            return left | right
        return left + right if isinstance(node.op, ast.Add) else left * right
    if isinstance(node, ast.Call):
        cls = _class(node.func, library, text)
        given = [_value(each, library, text) for each in node.args]
        named = {each.arg: _value(each.value, library, text) for each in node.keywords if each.arg}
        try:
            return cls(*given, **named)
        except (TypeError, ValueError) as error:
            raise ParameterError(f"model {ast.unparse(node)} cannot be made: {error}") from error
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError) as error:
        raise ParameterError(
            f"model must be made of calls and plain values, got {ast.unparse(node)!r} in {text!r}"
        ) from error


def _class(node: ast.expr, library: str, text: str) -> Callable[..., Any]:
    module, _, name = ast.unparse(node).removeprefix(f"{library}.").rpartition(".")
    parts = [*module.split("."), name]
    if (
        parts[0] in CLOSED
        or not module
        or not all(each.isidentifier() and each[0] != "_" for each in parts)
    ):
        raise ParameterError(
            f"model must name classes like linear_model.LinearRegression, got {text!r}"
        )
    try:
        found = getattr(import_module(f"{library}.{module}"), name)
    except (ImportError, AttributeError) as error:
        raise ParameterError(
            f"{library}.{module} has no {name!r}, asked for in {text!r}"
        ) from error
    if not isinstance(found, type) or not found.__module__.startswith(f"{library}."):
        raise ParameterError(f"{module}.{name} must be a class of {library}, got {found!r}")
    return found
