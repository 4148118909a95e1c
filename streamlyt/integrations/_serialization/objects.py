"""Convert river objects to plain JSON and back; the text names allowed classes, no code.

Every object becomes an entry of a list, and refers to others by index. ``loading`` reads the text.
``allowed`` lists the classes, functions and methods that a text may name; other objects raise here,
before anything is saved.
"""

import json
import random
from collections import defaultdict, deque
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from streamlyt.core.errors import StateError

from .allowed import may_be_saved
from .loading import BUILT, CYTHON, MAPS, Loader

__all__ = ["from_text", "to_text"]

_PLAIN = (bool, int, float, str, type(None))


def to_text(value: Any, library: str) -> str:
    """Serialize an object to text.

    Raises
    ------
    StateError
        If it has parts other than plain values, containers and objects of the library.
    """
    return json.dumps(_Writer(library).all_of(value), separators=(",", ":"))


def from_text(text: str, library: str) -> Any:
    """Return the object that :func:`to_text` serialized.

    Raises
    ------
    StateError
        If the text is invalid, or names other classes.
    """
    try:
        return Loader(json.loads(text)).value([0])
    except (StateError, KeyboardInterrupt, SystemExit):
        raise
    # A manipulated text can cause any error: a panic of river's Rust code is no Exception.
    except BaseException as error:
        reason = str(error) or type(error).__name__
        raise StateError(f"a saved model of {library} cannot be read: {reason}") from error


class _Writer:
    def __init__(self, library: str) -> None:
        self.library = library
        self.entries: list[Any] = []
        self.indices: dict[int, int] = {}
        self.references: list[Any] = []  # references, so that no id is reused

    def all_of(self, value: Any) -> list[Any]:
        self.ref(value)
        return self.entries

    def ref(self, value: Any) -> Any:
        """Return a plain value, or a reference to any other."""
        if type(value) in _PLAIN:
            return value
        if id(value) not in self.indices:
            self.indices[id(value)] = len(self.entries)
            self.references.append(value)
            self.entries.append(None)
            place = self.indices[id(value)]
            self.entries[place] = self.entry(value)
        return [self.indices[id(value)]]

    def refs(self, values: Any) -> list[Any]:
        return [self.ref(each) for each in values]

    def entry(self, value: Any) -> list[Any]:
        kind = type(value)
        if isinstance(value, type):
            return ["class", self.name(value)]
        if kind in (list, tuple, set, frozenset):
            return [kind.__name__, self.refs(value)]
        if kind is deque:
            return ["deque", value.maxlen, self.refs(value)]
        if kind in MAPS.values():
            return [kind.__name__, self.refs(value.keys()), self.refs(value.values())]
        if kind is defaultdict:
            return ["defaultdict", self.ref(value.default_factory), *self.items(value)]
        if kind is bytes:
            return ["bytes", value.hex()]
        if kind is partial:
            keys, values = self.items(value.keywords)
            return ["partial", self.ref(value.func), self.refs(value.args), keys, values]
        if isinstance(value, MethodType) or (
            isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, random.Random)
        ):
            self.refuse_unlisted(value)
            return ["method", self.ref(value.__self__), value.__name__]
        if isinstance(value, FunctionType | BuiltinFunctionType):
            return ["function", self.name(value)]
        if kind is random.Random:
            return ["random", self.ref(value.getstate())]
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf":
            # Keep the memory order: sums over columns and rows differ in their last bits.
            order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
            scalar = isinstance(value, np.generic)
            return ["array", value.dtype.str, scalar, order, value.tolist()]
        self.name(kind)  # raises if not allowed
        made: list[Any] = [*value.__reduce_ex__(2), None, None, None]
        function: Any = made[0]
        arguments, state, *rest = made[1:5]
        if function.__name__ == "__newobj__":
            head = ["new", self.name(arguments[0]), self.refs(arguments[1:])]
        elif function.__name__.startswith(CYTHON):
            head = ["cython", self.name(arguments[0]), self.refs(arguments[1:]), function.__name__]
        elif isinstance(function, type):
            head = ["call", self.name(function), self.refs(arguments)]
        else:
            raise StateError(f"a saved model must have plain parts, got {function!r}")
        items = [None if each is None else self.refs(map(tuple, each)) for each in rest[1:2]]
        listed = None if rest[0] is None else self.refs(rest[0])
        return [*head, self.ref(state), listed, *items]

    def items(self, value: dict[Any, Any]) -> tuple[list[Any], list[Any]]:
        return self.refs(value.keys()), self.refs(value.values())

    def name(self, named: Any) -> str:
        short: str = named.__name__
        if BUILT.get(short) is named:
            return short
        self.refuse_unlisted(named)
        return f"{named.__module__}:{named.__qualname__}"

    def refuse_unlisted(self, named: Any) -> None:
        if not may_be_saved(named):
            raise StateError(
                f"a saved model must have only objects of {self.library} and plain values, "
                f"got {named.__module__}.{named.__qualname__}; run without --run-file"
            )
