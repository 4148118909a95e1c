"""Create river objects from a list of plain entries from an untrusted source.

Each entry is checked before its object is created: names by the allow-list, numbers and array types
by bounds, depth by the depth that the writer itself can reach.
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
_MAX_DEPTH = 400  # nested objects; the writer reaches the recursion limit of Python first
_MAX_NUMBER = 10**7  # for integers passed to compiled code, which allocates this much memory
_DTYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f(2|4|8|16))")
# Attributes that a class defines, not its instances.
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
    """Creates the objects of a list of entries.

    Parameters
    ----------
    entries
        One list per object: its kind, and the data of that kind.
    """

    def __init__(self, entries: list[Any]) -> None:
        self.entries = entries
        self.created: dict[int, Any] = {}
        self.heights: dict[int, int] = {}
        self.path = [0]  # heights of the objects under construction, the innermost last

    def value(self, ref: Any) -> Any:
        """Return a plain value, or the object that a reference points to.

        Raises
        ------
        StateError
            If the object is not allowed.
        """
        if not isinstance(ref, list):
            return ref
        (index,) = ref
        if index not in self.created:
            self.path.append(0)
            if len(self.path) > _MAX_DEPTH:
                raise _error(f"be at most {_MAX_DEPTH} objects deep", "more")
            self.make(index, self.entries[index])
            self.heights[index] = self.path.pop() + 1
        # An object under construction (a cycle) has no height yet.
        self.path[-1] = max(self.path[-1], self.heights.get(index, 0))
        if self.path[-1] > _MAX_DEPTH:
            raise _error(f"be at most {_MAX_DEPTH} objects deep", "more")
        return self.created[index]

    def values(self, refs: list[Any]) -> list[Any]:
        """Return several values."""
        return [self.value(ref) for ref in refs]

    def keys(self, refs: list[Any]) -> list[Any]:
        """Return hashable values: plain ones, and tuples of these.

        A tuple in a tuple in a tuple can take longer to hash than anybody lives.
        """
        result = self.values(refs)
        for each in result:
            parts = each if type(each) in (tuple, frozenset) else (each,)
            if not all(type(part) in _PLAIN or isinstance(part, np.generic) for part in parts):
                raise _error("have plain keys", type(each).__name__)
        return result

    def make(self, index: int, entry: list[Any]) -> None:
        """Create the object of an entry."""
        kind, *parts = entry
        if kind == "class":
            self.created[index] = _class(parts[0])
        elif kind == "list":
            held: list[Any] = []
            self.created[index] = held
            held += self.values(parts[0])
        elif kind == "tuple":
            self.created[index] = tuple(self.values(parts[0]))
        elif kind in ("set", "frozenset"):
            self.created[index] = BUILT[kind](self.keys(parts[0]))
        elif kind == "deque":
            queue: deque[Any] = deque(maxlen=parts[0])
            self.created[index] = queue
            queue.extend(self.values(parts[1]))
        elif kind in MAPS or kind == "defaultdict":
            mapping = MAPS[kind]() if kind in MAPS else defaultdict(self.called(parts[0]))
            self.created[index] = mapping
            keys, values = parts[-2:]
            for key, each in zip(self.keys(keys), values, strict=True):
                mapping[key] = self.value(each)
        elif kind == "bytes":
            self.created[index] = bytes.fromhex(parts[0])
        elif kind == "partial":
            function, given, keys, values = parts
            named = dict(zip(keys, self.values(values), strict=True))
            fixed = self.values(given)
            _hold_to_bounds([*fixed, *(each for name, each in named.items() if name != "seed")])
            self.created[index] = partial(self.called(function), *fixed, **named)
        elif kind == "method":
            self.created[index] = _listed(bound, self.value(parts[0]), parts[1])
        elif kind == "function":
            self.created[index] = _listed(function_of_state, parts[0])
        elif kind == "random":
            self.created[index] = _random(self.value(parts[0]))
        elif kind == "array":
            self.created[index] = _array(*parts)
        elif kind in ("new", "cython", "call"):
            self.instance(index, kind, *parts)
        else:
            raise _error("be of known kinds", repr(kind))

    def called(self, ref: Any) -> Any:
        """Return a callable: a class, a function, a method, a partial, a component."""
        result = self.value(ref)
        if result is not None and not callable(result):
            raise _error("call only callables", type(result).__name__)
        return result

    def instance(self, index: int, kind: str, name: str, arguments: list[Any], *parts: Any) -> None:
        """Create an object of a class and set its state."""
        rest = list(parts)
        if name in BUILT and (name, kind) != ("NormalDist", "new"):
            raise _error("have only objects of river classes", repr(name))
        cls, given = _class(name), self.values(arguments)
        if kind == "cython":
            made = _cython(cls, rest.pop(0), given)
        else:
            if not issubclass(cls, tuple):
                _hold_to_bounds(given)
            if kind == "call" and cls.__reduce__ is object.__reduce__:
                raise _error("call only classes that are saved as a call", repr(name))
            made = cls(*given) if kind == "call" else cls.__new__(cls, *given)
        self.created[index] = made
        state, listed, items = self.value(rest[0]), rest[1], rest[2]
        if state is not None:
            _give(made, state)
        if listed is not None:
            if not isinstance(made, list | deque):
                raise _error("append to lists only", repr(name))
            made.extend(self.values(listed))
        if items is not None:
            raise _error("hold mappings as such", repr(name))


def _error(condition: str, got: str) -> StateError:
    return StateError(f"a saved model must {condition}, got {got}; restart the run")


def _listed(find: Callable[..., Any], *given: Any) -> Any:
    """Look up a name in the allow-list."""
    try:
        return find(*given)
    except LookupError as error:
        raise StateError(
            f"a saved model must have allowed names: {error.args[0]}; restart the run"
        ) from error


def _class(name: str) -> Any:
    return BUILT[name] if name in BUILT else _listed(class_of_state, name)


def _hold_to_bounds(given: Iterable[Any]) -> None:
    for each in given:
        if isinstance(each, int) and abs(each) > _MAX_NUMBER:
            raise _error(f"have integers up to {_MAX_NUMBER}", str(each)[:40])


def _array(dtype: str, scalar: bool, order: str, numbers: Any) -> Any:
    """Return an array or a NumPy scalar; a type like U1000000000 would take gigabytes."""
    if not _DTYPE.fullmatch(dtype):
        raise _error("hold arrays of numbers", f"dtype {dtype[:40]!r}")
    array = np.array(numbers, dtype=np.dtype(dtype), order="F" if order == "F" else "C")
    return array[()] if scalar else array


def _random(state: Any) -> random.Random:
    version, words, left = state
    if type(left) not in (float, type(None)):
        raise _error("hold generators of random numbers", type(left).__name__)
    generator = random.Random()
    generator.setstate((version, words, left))
    return generator


def _cython(cls: Any, function: str, given: list[Any]) -> Any:
    """Return an empty Cython object, by its reconstruction function."""
    if function != f"{CYTHON}{cls.__name__}":
        raise _error("name no function", repr(function))
    empty = vars(sys.modules[cls.__module__])[function]
    checksum, state = given
    made = empty(cls, checksum, None)
    if state is not None:
        _give(made, state)
    return made


def _give(made: Any, state: Any) -> None:
    """Set the state of an object."""
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
            raise _error(f"hold attributes of {cls.__name__}", repr(name)[:40])


@lru_cache(maxsize=4096)
def _is_attribute(cls: type, name: str) -> bool:
    """Return whether a name is an instance attribute, no special name and no method."""
    return not name.startswith("__") and not isinstance(getattr_static(cls, name, None), _DEFINED)


def _refuse_other_shape(made: Any, state: tuple[Any, ...]) -> None:
    """Check the state of compiled objects by its own form, as the code may not check it."""
    cls = type(made)
    if not hasattr(sys.modules[cls.__module__], f"{CYTHON}{cls.__name__}"):
        return
    _, given, *rest = made.__reduce__()  # the state is the last argument, or follows
    if len(state) != len(rest[0] if rest else given[-1]):
        raise _error(f"have the parts of {cls.__name__}", f"{len(state)} parts")
    if isinstance(state[-1], dict) and hasattr(made, "__dict__"):
        _refuse_names(cls, state[-1])
    if cls.__name__ == "Bucket":  # river's ADWIN reads its arrays unchecked
        at, size, *arrays = state
        shapes = [getattr(each, "shape", None) for each in arrays]
        if not 0 <= at <= size or any(shape != (size + 1,) for shape in shapes):
            raise _error("have complete buckets", f"{at} of {size} in {shapes}")
