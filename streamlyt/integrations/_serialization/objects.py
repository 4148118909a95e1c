"""Objects of river as plain JSON and back: what is read can name listed classes, no code.

Every object becomes one entry of a list, and refers to others by their places. Reading is the work
of ``_loading``; which classes, functions and methods a text may name is listed in ``_allowed``, and
what the list does not know is refused here already, before anything is saved.
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
    """Return an object as text.

    Raises
    ------
    StateError
        If it holds anything but plain values, containers and objects of the library.
    """
    return json.dumps(_Writer(library).all_of(value), separators=(",", ":"))


def from_text(text: str, library: str) -> Any:
    """Return the object that :func:`written` wrote.

    Raises
    ------
    StateError
        If the text is no such object, or names a class of anything else.
    """
    try:
        return Loader(json.loads(text)).value([0])
    except (StateError, KeyboardInterrupt, SystemExit):
        raise
    # Whatever a text that nobody wrote may lead to: a panic of river's Rust is no Exception.
    except BaseException as error:
        reason = str(error) or type(error).__name__
        raise StateError(f"a saved model of {library} cannot be read: {reason}") from error


class _Writer:
    def __init__(self, library: str) -> None:
        self.library = library
        self.entries: list[Any] = []
        self.places: dict[int, int] = {}
        self.held: list[Any] = []  # so that no other object gets the same id meanwhile

    def all_of(self, value: Any) -> list[Any]:
        self.ref(value)
        return self.entries

    def ref(self, value: Any) -> Any:
        """Return a plain value as it is, and the place of any other."""
        if type(value) in _PLAIN:
            return value
        if id(value) not in self.places:
            self.places[id(value)] = len(self.entries)
            self.held.append(value)
            self.entries.append(None)
            place = self.places[id(value)]
            self.entries[place] = self.entry(value)
        return [self.places[id(value)]]

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
            # Sums over columns have other last bits than those over rows.
            order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
            scalar = isinstance(value, np.generic)
            return ["array", value.dtype.str, scalar, order, value.tolist()]
        self.name(kind)  # or it is refused
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
            raise StateError(f"a model must hold plain parts to be kept, got {function!r}")
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
                f"a model must hold objects of {self.library} and plain values to be kept in a "
                f"run file, got {named.__module__}.{named.__qualname__}; run without --run"
            )
