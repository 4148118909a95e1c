"""The source files of compiled loops, and a hash of their content.

Machine code depends on the file of the loop, and on those of the loops it calls and the constants
it reads. All of them are found by following imports.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Sources"]

# A regular expression, since a parser takes ten times as long: 70 ms instead of 7 at each start.
# Text that only looks like an import, as in a docstring, adds a file and does no harm.
_IMPORT = re.compile(
    rb"(?:^|[;:])[ \t]*(?:"
    rb"from[ \t]*(\.*)[ \t]*([\w.]*)[ \t]+import\b[ \t]*(\((?:#[^\n]*|[^)#])*\)|[^\n;]*)"
    rb"|import[ \t]+([^\n;]*))",
    re.MULTILINE,
)
_COMMENT = re.compile(rb"#[^\n]*")
_NAME = re.compile(rb"[\w.]+")

_Module = tuple[str, ...]


class Sources:
    """The kernels of a package and, transitively, the modules of the package that they import.

    A kernel is a file with ``_kernels`` in its name or in the name of one of its folders.

    Parameters
    ----------
    root
        Folder of the package. Links in it are followed.

    Attributes
    ----------
    modules : dict of str to bytes
        Each module by its dotted name, and the SHA-256 of its file.

    Examples
    --------
    >>> sources = Sources(Path(__file__).parents[2])
    >>> "streamlyt.core.numerics.counter_rng" in sources.modules  # constants that a kernel imports
    True
    >>> sources.unchanged()
    True
    """

    def __init__(self, root: Path) -> None:
        self._root, self._package = str(root), root.name
        self.modules: dict[str, bytes] = {}
        self._stamps: dict[str, tuple[int, int]] = {}
        waiting = sorted(self._kernels())
        while waiting:
            module = waiting.pop()
            name, path = ".".join(module), self._file(module)
            if path is None or name in self.modules:
                continue
            with open(path, "rb") as file:
                # Before reading, so that an edit during the read is detected later.
                self._stamps[path] = _stamp(os.fstat(file.fileno()))
                text = file.read()
            self.modules[name] = hashlib.sha256(text).digest()
            within = module if path.endswith("__init__.py") else module[:-1]
            waiting += _imports(text, within)

    def digest(self) -> bytes:
        """Return a SHA-256 of names and contents, independent of the location of the package."""
        combined = hashlib.sha256()
        for name, content in sorted(self.modules.items()):
            combined.update(name.encode() + b"\0" + content)
        return combined.digest()

    def unchanged(self) -> bool:
        """Return whether all files have the size and modification time they were read with."""
        try:
            return all(_stamp(os.stat(path)) == was for path, was in self._stamps.items())
        except OSError:
            return False

    def _kernels(self) -> Iterator[_Module]:
        for folder, folders, files in os.walk(self._root, followlinks=True):
            folders[:] = [name for name in folders if name != "__pycache__"]
            below = os.path.relpath(folder, self._root)
            parts = () if below == os.curdir else tuple(below.split(os.sep))
            within = any("_kernels" in part for part in parts)
            for file in files:
                stem, suffix = os.path.splitext(file)
                if suffix == ".py" and (within or "_kernels" in stem):
                    tail = () if stem == "__init__" else (stem,)
                    yield (self._package, *parts, *tail)

    def _file(self, module: _Module) -> str | None:
        if module[:1] != (self._package,):
            return None
        path = os.path.join(self._root, *module[1:])
        candidates = path + ".py", os.path.join(path, "__init__.py")
        return next((file for file in candidates if os.path.isfile(file)), None)


def _imports(text: bytes, within: _Module) -> Iterator[_Module]:
    """Yield each module that a file may import; may include names that are no modules."""
    text = text.replace(b"\r\n", b"\n").replace(b"\\\n", b" ")
    for dots, origin, names, plain in _IMPORT.findall(text):
        if plain:
            yield from map(_parts, _NAME.findall(plain))
            continue
        above = within[: len(within) - len(dots) + 1] if dots else ()
        base = (*above, *_parts(origin))
        yield base
        yield from ((*base, name.decode()) for name in _NAME.findall(_COMMENT.sub(b"", names)))


def _parts(dotted: bytes) -> _Module:
    return tuple(dotted.decode().split(".")) if dotted else ()


def _stamp(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_mtime_ns, stat.st_size
