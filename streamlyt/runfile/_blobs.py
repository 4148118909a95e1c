"""Large states as immutable files next to the run file, each named after its hash."""

import os
from collections.abc import Collection
from pathlib import Path

from streamlyt.core.errors import StateError
from streamlyt.core.state import state_digest

__all__ = ["BlobFolder", "DamagedError", "checked", "sync"]

_ENDINGS = (".state", ".npz", ".new")  # .npz: as version 1 of the states wrote them


class DamagedError(StateError):
    """A saved state is missing or corrupt."""


class BlobFolder:
    """The folder ``<run>.streamlyt.d``; it exists only while it contains files.

    Parameters
    ----------
    run
        Path of the run file.
    """

    def __init__(self, run: Path) -> None:
        self.path = run.with_name(run.name + ".d")

    def put(self, blob: bytes, name: str) -> None:
        """Write a file unless it exists; on return it is complete and durable."""
        target = self.path / f"{name}.state"
        if target.exists():
            return
        self.path.mkdir(exist_ok=True)
        unfinished = target.with_suffix(".new")
        unfinished.write_bytes(blob)
        sync(unfinished)
        unfinished.replace(target)
        sync(self.path)

    def get(self, name: str) -> bytes:
        """Read a file.

        Raises
        ------
        DamagedError
            If the file is missing.
        """
        version_1 = self.path / f"{name}.npz"
        try:
            return (version_1 if version_1.exists() else self.path / f"{name}.state").read_bytes()
        except OSError as error:
            raise DamagedError(
                f"a saved state is missing: {error}; keep {self.path} next to its run file"
            ) from error

    def keep(self, names: Collection[str]) -> None:
        """Remove all other state files, and the folder if it is empty then."""
        if not self.path.is_dir():
            return
        for file in [each for end in _ENDINGS for each in self.path.glob(f"*{end}")]:
            if file.suffix == ".new" or file.stem not in names:
                file.unlink(missing_ok=True)
        if not any(self.path.iterdir()):
            self.path.rmdir()


def checked(blob: bytes, name: str, whose: str) -> bytes:
    """Return the bytes if they have the expected hash.

    Raises
    ------
    DamagedError
        If the hash differs.
    """
    if state_digest(blob) != name:
        raise DamagedError(
            f"the saved state of {whose} does not have the hash it was saved with: the file is "
            f"damaged; start the run again"
        )
    return blob


def sync(path: Path) -> None:
    """Make a file, or the entries of a folder, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
