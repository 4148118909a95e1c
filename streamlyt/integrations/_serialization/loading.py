"""Objects of river made from a list of plain entries that anybody may have written.

What an entry asks for is measured before it is made: names against the allow-list, numbers and
types of arrays against bounds, depth against the depth that the writer itself can reach.
"""

import random
import re
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from inspect import getattr_static
from statistics import NormalDist
from types import (
    BuiltinFunctionType,
    FunctionType,
    MethodDescriptorType,
    WrapperDescriptorType,
)
from typing import Any

import numpy as np

from streamlyt.core.errors import StateError

from .allowed import bound, class_of_state, function_of_state

__all__ = ["BUILT", "CYTHON", "MAPS", "Loader"]

_CLASSES = (list, tuple, set, frozenset, dict, int, float, str, bool)
_ALSO = (defaultdict, deque, Counter, OrderedDict, NormalDist)
BUILT: dict[str, Any] = {cls.__name__: cls for cls in (*_CLASSES, *_ALSO)}
MAPS: dict[str, Any] = {"dict": dict, "Counter": Counter, "OrderedDict": OrderedDict}
CYTHON = "__pyx_unpickle_"

_PLAIN = (bool, int, float, str, bytes, type(None))
_DEEPEST = 400  # objects in objects; the writer reaches the recursion limit of Python before
_MOST = 10**7  # whole numbers handed to compiled code, which sets aside so much memory
_DTYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f(2|4|8|16))")
# What a class defines and its objects do not hold.
_DEFINED = (
    FunctionType,
    BuiltinFunctionType,
    MethodDescriptorType,
    WrapperDescriptorType,
    classmethod,
    staticmethod,
    property,
)


class Loader:
    """Makes the objects of a list of entries.

    Parameters
    ----------
    entries
        One list for each object: its kind, and what the kind needs.
    """

    def __init__(self, entries: list[Any]) -> None:
        self.entries = entries
        self.made: dict[int, Any] = {}
        self.heights: dict[int, int] = {}
        self.path = [0]  # heights of the objects that are being made, the innermost last

    def value(self, ref: Any) -> Any:
        """Return a plain value as it is, and the object that stands at a place.

        Raises
        ------
        StateError
            If it is not one that may be made.
        """
        if not isinstance(ref, list):
            return ref
        (place,) = ref
        if place not in self.made:
            self.path.append(0)
            if len(self.path) > _DEEPEST:
                raise _refused(f"be at most {_DEEPEST} objects deep", "more")
            self.make(place, self.entries[place])
            self.heights[place] = self.path.pop() + 1
        # An object that is still being made (a circle) has no height yet.
        self.path[-1] = max(self.path[-1], self.heights.get(place, 0))
        if self.path[-1] > _DEEPEST:
            raise _refused(f"be at most {_DEEPEST} objects deep", "more")
        return self.made[place]

    def values(self, refs: list[Any]) -> list[Any]:
        """Return several values."""
        return [self.value(ref) for ref in refs]

    def keys(self, refs: list[Any]) -> list[Any]:
        """Return values that are hashed: plain ones, and tuples of these.

        A tuple in a tuple in a tuple can take longer to hash than anybody lives.
        """
        found = self.values(refs)
        for each in found:
            parts = each if type(each) in (tuple, frozenset) else (each,)
            if not all(type(part) in _PLAIN or isinstance(part, np.generic) for part in parts):
                raise _refused("have plain keys", type(each).__name__)
        return found

    def make(self, place: int, entry: list[Any]) -> None:
        """Make the object of an entry."""
        kind, *parts = entry
        if kind == "class":
            self.made[place] = _class(parts[0])
        elif kind == "list":
            held: list[Any] = []
            self.made[place] = held
            held += self.values(parts[0])
        elif kind == "tuple":
            self.made[place] = tuple(self.values(parts[0]))
        elif kind in ("set", "frozenset"):
            self.made[place] = BUILT[kind](self.keys(parts[0]))
        elif kind == "deque":
            queue: deque[Any] = deque(maxlen=parts[0])
            self.made[place] = queue
            queue.extend(self.values(parts[1]))
        elif kind in MAPS or kind == "defaultdict":
            mapping = MAPS[kind]() if kind in MAPS else defaultdict(self.called(parts[0]))
            self.made[place] = mapping
            keys, values = parts[-2:]
            for key, each in zip(self.keys(keys), values, strict=True):
                mapping[key] = self.value(each)
        elif kind == "bytes":
            self.made[place] = bytes.fromhex(parts[0])
        elif kind == "partial":
            function, given, keys, values = parts
            named = dict(zip(keys, self.values(values), strict=True))
            fixed = self.values(given)
            _hold_to_bounds([*fixed, *(each for name, each in named.items() if name != "seed")])
            self.made[place] = partial(self.called(function), *fixed, **named)
        elif kind == "method":
            self.made[place] = _listed(bound, self.value(parts[0]), parts[1])
        elif kind == "function":
            self.made[place] = _listed(function_of_state, parts[0])
        elif kind == "random":
            self.made[place] = _random(self.value(parts[0]))
        elif kind == "array":
            self.made[place] = _array(*parts)
        elif kind in ("new", "cython", "call"):
            self.instance(place, kind, *parts)
        else:
            raise _refused("be of known kinds", repr(kind))

    def called(self, ref: Any) -> Any:
        """Return what is called later: a class, a function, a method, a partial, a component."""
        found = self.value(ref)
        if found is not None and not callable(found):
            raise _refused("call only what can be called", type(found).__name__)
        return found

    def instance(self, place: int, kind: str, name: str, arguments: list[Any], *parts: Any) -> None:
        """Make an object of a class, and give it what it holds."""
        rest = list(parts)
        if name in BUILT and (name, kind) != ("NormalDist", "new"):
            raise _refused("make objects of classes of river", repr(name))
        cls, given = _class(name), self.values(arguments)
        if kind == "cython":
            made = _cython(cls, rest.pop(0), given)
        else:
            if not issubclass(cls, tuple):
                _hold_to_bounds(given)
            if kind == "call" and cls.__reduce__ is object.__reduce__:
                raise _refused("call only classes that are saved as a call", repr(name))
            made = cls(*given) if kind == "call" else cls.__new__(cls, *given)
        self.made[place] = made
        state, listed, items = self.value(rest[0]), rest[1], rest[2]
        if state is not None:
            _give(made, state)
        if listed is not None:
            if not isinstance(made, list | deque):
                raise _refused("append to lists only", repr(name))
            made.extend(self.values(listed))
        if items is not None:
            raise _refused("hold mappings as such", repr(name))


def _refused(condition: str, got: str) -> StateError:
    return StateError(f"a saved model must {condition}, got {got}; start the run again")


def _listed(find: Callable[..., Any], *given: Any) -> Any:
    """Look up in the allow-list."""
    try:
        return find(*given)
    except LookupError as error:
        raise StateError(
            f"a saved model must name what its list allows: {error.args[0]}; start the run again"
        ) from error


def _class(name: str) -> Any:
    return BUILT[name] if name in BUILT else _listed(class_of_state, name)


def _hold_to_bounds(given: Iterable[Any]) -> None:
    for each in given:
        if isinstance(each, int) and abs(each) > _MOST:
            raise _refused(f"be made with whole numbers up to {_MOST}", str(each)[:40])


def _array(dtype: str, scalar: bool, order: str, numbers: Any) -> Any:
    """Return an array, or a number of NumPy; a type like U1000000000 asks for gigabytes."""
    if not _DTYPE.fullmatch(dtype):
        raise _refused("hold arrays of numbers", f"dtype {dtype[:40]!r}")
    array = np.array(numbers, dtype=np.dtype(dtype), order="F" if order == "F" else "C")
    return array[()] if scalar else array


def _random(state: Any) -> random.Random:
    version, words, left = state
    if type(left) not in (float, type(None)):
        raise _refused("hold generators of random numbers", type(left).__name__)
    generator = random.Random()
    generator.setstate((version, words, left))
    return generator


def _cython(cls: Any, function: str, given: list[Any]) -> Any:
    """Return an empty object as Cython makes it, by the one function that is there for it."""
    if function != f"{CYTHON}{cls.__name__}":
        raise _refused("name no function", repr(function))
    empty = vars(sys.modules[cls.__module__])[function]
    checksum, state = given
    made = empty(cls, checksum, None)
    if state is not None:
        _give(made, state)
    return made


def _give(made: Any, state: Any) -> None:
    """Give an object what it holds."""
    cls = type(made)
    if isinstance(state, dict):
        _refuse_names(cls, state)
    taken = getattr(cls, "__setstate__", None)
    if taken is not None:
        if isinstance(state, tuple):
            _refuse_other_shape(made, state)
        taken(made, state)
        return
    plain, slots = state if isinstance(state, tuple) else (state, None)
    for names in (plain, slots):
        _refuse_names(cls, names or {})
        for attribute, each in (names or {}).items():
            object.__setattr__(made, attribute, each)


def _refuse_names(cls: type, names: dict[Any, Any]) -> None:
    for name in names:
        if not isinstance(name, str) or not _is_attribute(cls, name):
            raise _refused(f"hold attributes of {cls.__name__}", repr(name)[:40])


@lru_cache(maxsize=4096)
def _is_attribute(cls: type, name: str) -> bool:
    """Tell whether a name is one that objects hold, not one of Python's or of a method."""
    return not name.startswith("__") and not isinstance(getattr_static(cls, name, None), _DEFINED)


def _refuse_other_shape(made: Any, state: tuple[Any, ...]) -> None:
    """Hold what compiled code takes to the shape that it gives: it may not look."""
    cls = type(made)
    if not hasattr(sys.modules[cls.__module__], f"{CYTHON}{cls.__name__}"):
        return
    _, given, *rest = made.__reduce__()  # what it holds is the last argument, or follows
    if len(state) != len(rest[0] if rest else given[-1]):
        raise _refused(f"hold what {cls.__name__} is made of", f"{len(state)} parts")
    if isinstance(state[-1], dict) and hasattr(made, "__dict__"):
        _refuse_names(cls, state[-1])
    if cls.__name__ == "Bucket":  # of river's ADWIN, whose arrays are read unchecked
        at, size, *arrays = state
        shapes = [getattr(each, "shape", None) for each in arrays]
        if not 0 <= at <= size or any(shape != (size + 1,) for shape in shapes):
            raise _refused("hold whole buckets", f"{at} of {size} in {shapes}")
