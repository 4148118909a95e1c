"""Decorator of compiled loops: numba, nogil, with a cache of machine code across processes."""

import hashlib
import inspect
import os
import pickle
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import llvmlite
import llvmlite.binding as llvm
import numba
import numpy as np
from numba import njit
from numba.core import config, event
from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    IndexDataCacheFile,
    UserProvidedCacheLocator,
)
from numba.core.serialize import dumps
from platformdirs import user_cache_path

from .kernel_cache import CacheFolder, discard
from .kernel_sources import Sources

__all__ = ["compiling_notice", "jit", "kernel_cache_dir", "notify_on_compile"]

F = TypeVar("F", bound=Callable[..., Any])

# numba settings that change the machine code; numba's own index records only the processor.
_SETTINGS = (
    *("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "ENABLE_AVX", "USING_SVML", "BOUNDSCHECK"),
    *("DEBUGINFO_DEFAULT", "CPU_NAME", "CPU_FEATURES"),
)
_DIGEST = hashlib.sha256().digest_size


def jit(**flags: Any) -> Callable[[F], F]:
    """Compile a loop on its first call and cache the machine code across processes.

    Parameters
    ----------
    **flags
        Passed to :func:`numba.njit` in addition to ``nogil``, for example ``fastmath``.

    Notes
    -----
    Machine code is stored in :func:`kernel_cache_dir`. The name of the folder contains a hash of
    all kernels, of their imports, of the versions of numba, llvmlite, NumPy and Python, and of the
    processor: code of other sources is never read. A damaged entry is removed and recompiled.
    Without a usable folder (a read-only home, a folder that other users can write), each process
    compiles for itself.
    """

    def decorate(function: F) -> F:
        result: F = njit(nogil=True, **flags)(function)
        sources = None if config.DISABLE_JIT else _sources()
        # The hash does not cover functions of other modules: they are compiled in each process.
        if sources is not None and function.__module__ in sources.modules:
            folder = _folder(_base())
            if folder is not None and folder.refusal() is None:
                result._cache = _KernelCache(function, folder, sources)  # type: ignore[attr-defined] # numba's own
        return result

    return decorate


def kernel_cache_dir() -> str:
    """Return the folder of compiled kernels, below ``NUMBA_CACHE_DIR`` or the user's cache."""
    folder = _folder(_base())
    return str(_base() if folder is None else folder.path)


def compiling_notice() -> str:
    """Return the notice shown while kernels are compiled, with the folder of the cache."""
    folder = _folder(_base())
    refusal = "their sources cannot be read" if folder is None else folder.refusal()
    if refusal is None:
        return f"Compiling numba kernels (first run only, up to 60 s); cache: {kernel_cache_dir()}"
    return (
        f"Compiling numba kernels for this run only (up to 60 s), as {refusal}; set "
        "NUMBA_CACHE_DIR to a folder of your own"
    )


def _base() -> Path:
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    return Path(chosen).absolute() if chosen else user_cache_path("streamlyt") / "kernels"


@cache
def _sources() -> Sources | None:
    """Read the sources once per process; None if they are not files, as in a zip archive."""
    try:
        sources = Sources(Path(__file__).parents[2])
    except OSError:
        return None
    return sources if sources.modules else None


@cache
def _folder(base: Path) -> CacheFolder | None:
    sources = _sources()
    if sources is None:
        return None
    combined = hashlib.sha256(sources.digest())
    combined.update(repr(_environment()).encode())
    return CacheFolder(base, "streamlyt", combined.hexdigest()[:20])


def _environment() -> list[Any]:
    """Return everything except the source that the machine code depends on."""
    processor: list[Any] = [llvm.get_process_triple()]
    if config.CPU_NAME is None:
        processor.append(llvm.get_host_cpu_name())
    if config.CPU_FEATURES is None:
        try:
            processor.append(llvm.get_host_cpu_features().flatten())
        except RuntimeError:  # LLVM does not know the processor
            processor.append(None)
    versions = numba.__version__, llvmlite.__version__, np.__version__, platform.python_version()
    settings = [(name, getattr(config, name, None)) for name in _SETTINGS]
    return [versions, platform.python_implementation(), processor, settings]


class _KernelCache(FunctionCache):
    """numba's cache of one function, in our own folder; damaged files are never an error."""

    def __init__(self, function: Callable[..., Any], folder: CacheFolder, sources: Sources) -> None:
        self._name, self._py_func = repr(function), function
        self._impl = _KernelImpl(function, folder)
        self._cache_path = str(folder.path)
        self._folder, self._sources = folder, sources
        self._cache_file: _Entries = _Entries(
            self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp()
        )
        self.enable()

    def _load_overload(self, sig: Any, target_context: Any) -> Any:
        if self._folder.refusal() is not None:
            return None
        try:
            return super()._load_overload(sig, target_context)
        except Exception:  # of any type: unpickling raises whatever the file contains
            self._cache_file.discard(self._index_key(sig, target_context.codegen()))
            return None

    def _save_overload(self, sig: Any, data: Any) -> None:
        try:
            self._folder.restore()
            # If a source was edited since the start, the code may be of the old or the new version.
            if self._folder.refusal() is None and self._sources.unchanged():
                super()._save_overload(sig, data)
        except OSError:  # for example a full disk: the next process compiles again
            return


class _KernelImpl(CompileResultCacheImpl):
    def __init__(self, function: Callable[..., Any], folder: CacheFolder) -> None:
        self._lineno = function.__code__.co_firstlineno
        self._locator = _Locator(function, folder)
        name = f"{function.__module__}.{function.__qualname__}".replace("<", "").replace(">", "")
        self._filename_base = f"{name}-{self._locator.get_disambiguator()}"


class _Locator(UserProvidedCacheLocator):
    def __init__(self, function: Callable[..., Any], folder: CacheFolder) -> None:
        self._py_file = inspect.getfile(function)
        self._lineno = function.__code__.co_firstlineno
        self._folder = folder

    def get_cache_path(self) -> str:
        return str(self._folder.path)

    def ensure_cache_path(self) -> None:
        """Do nothing: the folder is restored before each save."""


class _Entries(IndexDataCacheFile):
    """numba's cache files, each prefixed with a SHA-256 that is checked before unpickling.

    The name of a data file is derived from its key. numba would number the files, and two processes
    that save different signatures at the same time could use the same number.
    """

    def discard(self, key: Any) -> None:
        discard(Path(self._data_path(self._name_of(key))))
        discard(Path(self._index_path))

    def save(self, key: Any, data: Any) -> None:
        name = self._name_of(key)
        self._save_data(name, (key, data))
        self._save_index({**self._load_index(), key: name})

    def load(self, key: Any) -> Any:
        name = self._load_index().get(key)
        stored = None if name is None else self._load_data(name)
        return stored[1] if stored is not None and stored[0] == key else None

    def _load_index(self) -> dict[Any, str]:
        content = self._read(self._index_path)
        stamp, names = (None, {}) if content is None else content
        return names if stamp == self._source_stamp else {}

    def _load_data(self, name: str) -> Any:
        return self._read(self._data_path(name))

    def _dump(self, content: Any) -> bytes:
        body: bytes = dumps(content)
        return hashlib.sha256(body).digest() + body

    def _save_index(self, names: dict[Any, str]) -> None:
        with self._open_for_write(self._index_path) as file:
            file.write(self._dump((self._source_stamp, names)))

    def _name_of(self, key: Any) -> str:
        # numba's pattern contains a field for its number.
        digest = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
        return self._data_name_pattern.replace("{number:d}", digest)

    def _read(self, path: str) -> Any:
        """Return the content of a file; None, and remove the file, if its hash does not match."""
        try:
            with open(path, "rb") as file:
                digest, body = file.read(_DIGEST), file.read()
            if hashlib.sha256(body).digest() == digest:
                return pickle.loads(body)
        except FileNotFoundError:
            return None
        except OSError:
            pass  # not a file, or not readable
        discard(Path(path))
        return None


@contextmanager
def notify_on_compile(callback: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Call ``callback`` when the first loop is compiled rather than read from the cache.

    Yields a function that returns whether that has happened.
    """
    once = _Once(callback)
    with event.install_listener("numba:compile", once):
        yield lambda: once.done


class _Once(event.Listener):
    def __init__(self, callback: Callable[[], None]) -> None:
        self.done = False
        self._callback = callback

    def on_start(self, event: Any) -> None:
        if not self.done:
            self.done = True
            self._callback()

    def on_end(self, event: Any) -> None:
        """Nothing is said at the end."""
