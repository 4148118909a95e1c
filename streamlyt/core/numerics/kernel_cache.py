"""A cache folder: private, locked while in use, removed when old.

Machine code from this folder is executed, so no other user may be able to write it.
"""

import fcntl
import os
import re
import shutil
import stat
import time
import uuid
from pathlib import Path

__all__ = ["CacheFolder", "discard"]

KEEP_S = 30 * 86_400.0
KEEP_FOLDERS = 16
RECENT_S = 3600.0  # younger folders stay: a process may not have locked its new folder yet
SWEEP_S = 86_400.0

_STAMP = "last-use"  # locked by each process that uses the folder; its time is the last start
_TRIES = 50


class CacheFolder:
    """One folder of a cache, in use by this process until it exits.

    On creation of a folder, and otherwise once a day, unused sibling folders with the same prefix
    are removed: those last used more than 30 days ago, and all but the 16 youngest.

    Parameters
    ----------
    base
        Folder of the cache; created if missing.
    prefix, digest
        The name of the folder is ``<prefix>-<digest>``, the digest in hexadecimal.

    Attributes
    ----------
    path : Path
        The folder.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as base:
    ...     folder = CacheFolder(Path(base), "kernels", "0123abcd")
    ...     print(folder.path.name, folder.refusal())
    kernels-0123abcd None
    """

    def __init__(self, base: Path, prefix: str, digest: str) -> None:
        self.base, self.path = base, base / f"{prefix}-{digest}"
        self._siblings = re.compile(rf"{re.escape(prefix)}-[0-9a-f]{{{len(digest)}}}")
        self._lock: int | None = None
        self._error: OSError | None = None
        now, last = time.time(), _changed(self.path / _STAMP)
        try:
            self._use()
        except OSError as error:
            self._error = error
            return
        if self.refusal() is None and (last is None or now - last > SWEEP_S):
            self._sweep(now)

    def refusal(self) -> str | None:
        """Return why the folder may not be used; None if it may.

        It must be a folder of this user that no other can write to, in one that neither belongs
        to another user (other than root) nor lets every user replace what is in it.
        """
        try:
            above, own = os.stat(self.base), os.lstat(self.path)
        except OSError as error:
            error = self._error or error
            return f"{self.path} cannot be used ({error.strerror or error})"
        if not stat.S_ISDIR(own.st_mode):
            return f"{self.path} is not a folder"
        if own.st_uid != os.geteuid():
            return f"{self.path} belongs to another user"
        if above.st_uid not in (os.geteuid(), 0):
            return f"{self.base} belongs to another user"
        if own.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return f"{self.path} can be written by other users"
        if above.st_mode & stat.S_IWOTH and not above.st_mode & stat.S_ISVTX:
            return f"{self.base} can be written by every user"
        return None

    def restore(self) -> None:
        """Create the folder again if it was removed.

        Raises
        ------
        OSError
            If it cannot be created.
        """
        if not self.path.is_dir():
            self._make()

    def _make(self) -> None:
        self.base.mkdir(mode=0o700, parents=True, exist_ok=True)
        for last_try in (False, True):
            try:
                self.path.mkdir(mode=0o700)
            except FileExistsError:
                own = os.lstat(self.path)
                if stat.S_ISDIR(own.st_mode):
                    if own.st_uid == os.geteuid() and own.st_mode & 0o700 != 0o700:
                        self.path.chmod(0o700)
                    return
                if last_try:
                    raise
                discard(self.path)  # a file with the name of the folder
            else:
                return

    def _use(self) -> None:
        """Lock the folder against removal until the process exits, if the system supports it."""
        path = self.path / _STAMP
        for _ in range(_TRIES):
            self._make()
            if self.refusal() is not None:
                return
            try:
                lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            except FileNotFoundError:
                continue  # another process has just removed the folder
            except OSError:
                discard(path)  # for example a folder of that name
                if os.path.lexists(path):
                    return  # a read-only file system
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                os.utime(lock)
                if os.path.samestat(os.fstat(lock), os.lstat(path)):
                    self._lock, lock = lock, -1
                    return
            except BlockingIOError:
                time.sleep(0.01)  # another process is about to remove the folder
            except FileNotFoundError:
                continue
            except OSError:
                return  # a file system without locks
            finally:
                if lock >= 0:
                    os.close(lock)

    def _sweep(self, now: float) -> None:
        """Remove unused folders of other sources, and partial files in this folder."""
        try:
            siblings = [
                Path(entry.path) for entry in os.scandir(self.base) if self._is_sibling(entry)
            ]
            own_files = list(self.path.iterdir())
        except OSError:
            return  # without a listing nothing is removed
        used = {}
        for folder in siblings:
            if "." in folder.name:
                shutil.rmtree(folder, ignore_errors=True)  # an interrupted removal
            elif folder != self.path:
                used[folder] = _changed(folder / _STAMP) or _changed(folder) or now
        # This folder is the first of those that stay.
        for rank, folder in enumerate(sorted(used, key=lambda one: -used[one]), start=2):
            age = now - used[folder]
            if age > KEEP_S or (rank > KEEP_FOLDERS and age > RECENT_S):
                _remove_unused(folder, used[folder])
        for file in own_files:
            if ".tmp." in file.name and now - (_changed(file) or now) > SWEEP_S:
                discard(file)

    def _is_sibling(self, entry: os.DirEntry[str]) -> bool:
        name = entry.name.partition(".")[0]  # without the suffix of an interrupted removal
        if self._siblings.fullmatch(name) is None or not entry.is_dir(follow_symlinks=False):
            return False
        return entry.stat(follow_symlinks=False).st_uid == os.geteuid()


def discard(path: Path) -> None:
    """Remove a file or folder; one that cannot be removed stays."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError:
        return


def _changed(path: Path) -> float | None:
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return None


def _remove_unused(folder: Path, used: float) -> None:
    """Remove a folder unless a process uses it, or has used it since ``used``."""
    lock = None
    try:
        try:
            lock = os.open(folder / _STAMP, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            pass  # no process has ever locked it
        if (_changed(folder / _STAMP) or used) > used:
            return
        # Renamed first, atomically: no process finds a partly removed folder.
        renamed = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}")
        folder.rename(renamed)
    except OSError:
        return  # in use, or another process removes it
    finally:
        if lock is not None:
            os.close(lock)
    shutil.rmtree(renamed, ignore_errors=True)
