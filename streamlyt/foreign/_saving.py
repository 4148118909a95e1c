"""Objects of a library as plain JSON and back: what is read can name classes of it, no code.

Every object becomes one entry of a list, and refers to others by their places. Reading makes
objects of classes of the library and gives them their attributes; no function that the text names
is called, but those by which Cython makes its own empty objects. What reaches beyond the process
(data sets, streams) is closed.
"""

import json
import random
from collections import Counter, OrderedDict, defaultdict, deque
from functools import partial
from importlib import import_module
from statistics import NormalDist
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from streamlyt.errors import StateError

__all__ = ["CLOSED", "read", "written"]

_PLAIN = (bool, int, float, str, type(None))
_CLASSES = (list, tuple, set, frozenset, dict, int, float, str, bool)
_ALSO = (defaultdict, deque, Counter, OrderedDict, NormalDist)
_BUILT: dict[str, Any] = {cls.__name__: cls for cls in (*_CLASSES, *_ALSO)}
_MAPS: dict[str, Any] = {"dict": dict, "Counter": Counter, "OrderedDict": OrderedDict}
_CYTHON = "__pyx_unpickle_"
CLOSED = ("datasets", "stream", "evaluate", "checks")  # modules that reach beyond the process


def written(value: Any, library: str) -> str:
    """Return an object as text.

    Raises
    ------
    StateError
        If it holds anything but plain values, containers and objects of the library.
    """
    return json.dumps(_Writer(library).all_of(value), separators=(",", ":"))


def read(text: str, library: str) -> Any:
    """Return the object that :func:`written` wrote.

    Raises
    ------
    StateError
        If the text is no such object, or names a class of anything else.
    """
    try:
        return _Reader(json.loads(text), library).value([0])
    except StateError:
        raise
    except Exception as error:  # whatever a text that nobody wrote may lead to
        raise StateError(f"a saved model of {library} cannot be read: {error}") from error


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
        if kind in _MAPS.values():
            return [kind.__name__, self.refs(value.keys()), self.refs(value.values())]
        if kind is defaultdict:
            return ["defaultdict", self.ref(value.default_factory), *self.items(value)]
        if kind is bytes:
            return ["bytes", value.hex()]
        if kind is partial:
            keys, values = self.items(value.keywords)
            return ["partial", self.ref(value.func), self.refs(value.args), keys, values]
        if isinstance(value, MethodType):
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
        elif function.__name__.startswith(_CYTHON):
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

    def name(self, cls: Any) -> str:
        short: str = cls.__name__
        if _BUILT.get(short) is cls:
            return short
        if not str(cls.__module__).startswith(f"{self.library}.") or "<" in cls.__qualname__:
            raise StateError(
                f"a model must hold objects of {self.library} and plain values to be kept in a "
                f"run file, got {cls.__module__}.{cls.__qualname__}; run without --run"
            )
        return f"{cls.__module__}:{cls.__qualname__}"


class _Reader:
    def __init__(self, entries: list[Any], library: str) -> None:
        self.entries = entries
        self.library = library
        self.made: dict[int, Any] = {}

    def value(self, ref: Any) -> Any:
        if not isinstance(ref, list):
            return ref
        place = ref[0]
        if place not in self.made:
            self.make(place, self.entries[place])
        return self.made[place]

    def values(self, refs: list[Any]) -> list[Any]:
        return [self.value(ref) for ref in refs]

    def make(self, place: int, entry: list[Any]) -> None:
        kind, *parts = entry
        if kind == "class":
            self.made[place] = self.cls(parts[0])
        elif kind == "list":
            held: list[Any] = []
            self.made[place] = held
            held += self.values(parts[0])
        elif kind in ("tuple", "set", "frozenset"):
            self.made[place] = _BUILT[kind](self.values(parts[0]))
        elif kind == "deque":
            queue: deque[Any] = deque(maxlen=parts[0])
            self.made[place] = queue
            queue.extend(self.values(parts[1]))
        elif kind in _MAPS or kind == "defaultdict":
            mapping = _MAPS[kind]() if kind in _MAPS else defaultdict(self.value(parts[0]))
            self.made[place] = mapping
            keys, values = parts[-2:]
            for key, each in zip(keys, values, strict=True):
                dict.__setitem__(mapping, self.value(key), self.value(each))
        elif kind == "bytes":
            self.made[place] = bytes.fromhex(parts[0])
        elif kind == "partial":
            function, given, keys, values = parts
            named = dict(zip(keys, self.values(values), strict=True))
            self.made[place] = partial(self.value(function), *self.values(given), **named)
        elif kind == "method":
            if parts[1].startswith("_"):
                raise StateError(f"a saved model must name no hidden method, got {parts[1]!r}")
            self.made[place] = getattr(self.value(parts[0]), parts[1])
        elif kind == "function":
            self.made[place] = self.cls(parts[0], FunctionType | BuiltinFunctionType)
        elif kind == "random":
            self.made[place] = generator = random.Random()
            generator.setstate(self.value(parts[0]))
        elif kind == "array":
            dtype, scalar, order, numbers = parts
            array = np.array(numbers, dtype=np.dtype(dtype), order=order)
            self.made[place] = array[()] if scalar else array
        else:
            self.instance(place, kind, *parts)

    def instance(self, place: int, kind: str, name: str, arguments: list[Any], *parts: Any) -> None:
        cls, given = self.cls(name), self.values(arguments)
        rest = list(parts)
        if kind == "new":
            made = cls.__new__(cls, *given)
        elif kind == "cython":
            function = rest.pop(0)
            if not function.startswith(_CYTHON):
                raise StateError(f"a saved model must name no function, got {function!r}")
            made = getattr(import_module(cls.__module__), function)(cls, *given)
        elif kind == "call":
            made = cls(*given)
        else:
            raise StateError(f"a saved model must be of known kinds, got {kind!r}")
        self.made[place] = made
        state, listed, items = (self.value(rest[0]), rest[1], rest[2])
        if hasattr(made, "__setstate__") and state is not None:
            made.__setstate__(state)
        elif state is not None:
            plain, slots = state if isinstance(state, tuple) else (state, None)
            for names in (plain, slots):
                for attribute, each in (names or {}).items():
                    object.__setattr__(made, attribute, each)
        if listed is not None:
            made.extend(self.values(listed))
        for pair in items or ():
            key, each = self.value(pair)
            made[key] = each

    def cls(self, name: str, kind: Any = type) -> Any:
        if name in _BUILT:
            return _BUILT[name]
        module, _, path = name.partition(":")
        below = module.split(".")
        if below[0] != self.library or below[1:2] == [] or below[1] in CLOSED:
            raise StateError(f"a saved model must name classes of {self.library}, got {name!r}")
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
        if not isinstance(found, kind) or found.__module__ != module:
            raise StateError(f"a saved model must name classes of {self.library}, got {name!r}")
        return found
