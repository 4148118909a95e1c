"""The user's secret key, by which a saved state is known to be of this user's own making."""

import hmac
import os
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from secrets import token_bytes

from platformdirs import user_data_path

from streamlyt.core.errors import StateError

__all__ = ["KEY_FILE", "Key", "key_path", "user_key"]

KEY_FILE = "STREAMLYT_KEY_FILE"
"""Variable of the environment that names the file of the key, for machines that share runs."""

_BYTES = 32


class Key:
    """A secret that marks what was written, so that a change by anybody else is noticed.

    Parameters
    ----------
    secret
        Its bytes. They are in no message and no log.

    Examples
    --------
    >>> key = Key(b"0" * 32)
    >>> key.verifies(key.mark(b"text"), b"text"), key.verifies(key.mark(b"text"), b"other")
    (True, False)
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "Key()"

    def mark(self, message: bytes) -> str:
        """Return the mark of a message: its HMAC-SHA256 in hexadecimal digits."""
        return hmac.digest(self._secret, message, "sha256").hex()

    def element_of(self, run: str) -> Callable[[bytes], int]:
        """Return what makes of a message of a run a number of 256 bits that only this key gives.

        The sum of many is a mark of all of them, in any order; one that changes is taken off and
        added, and the others need not be looked at. The numbers of two runs have nothing in common.
        """
        secret = hmac.digest(self._secret, b"elements of " + run.encode(), "sha256")
        return lambda message: int.from_bytes(
            blake2b(message, digest_size=32, key=secret).digest(), "little"
        )

    def verifies(self, mark: str, message: bytes) -> bool:
        """Tell whether a mark is that of a message, in a time that tells nothing of it."""
        return hmac.compare_digest(mark.encode(errors="replace"), self.mark(message).encode())


def key_path() -> Path:
    """Return the place of the key: that of ``STREAMLYT_KEY_FILE``, or in the user's data folder."""
    named = os.environ.get(KEY_FILE)
    return Path(named) if named else user_data_path("streamlyt") / "run-file.key"


def user_key() -> Key | None:
    """Return the key of the user; it is made when it is first asked for.

    Returns
    -------
    None where there is none and none can be written (a home that is read-only): what is written
    then has no mark.

    Raises
    ------
    StateError
        If there is a file of it that cannot be read, or is too short to be a secret.
    """
    path = key_path()
    if not path.exists() and not _make(path):
        return None
    try:
        secret = path.read_bytes()
    except OSError as error:
        raise StateError(
            f"the key of run files {path} cannot be read: {error}; mend this, or name another file "
            f"in {KEY_FILE}"
        ) from error
    if len(secret) < _BYTES:
        raise StateError(
            f"the key of run files {path} must have at least {_BYTES} bytes, got {len(secret)}; "
            f"remove it to have one made, or name another file in {KEY_FILE}"
        )
    return Key(secret)


def _make(path: Path) -> bool:
    """Make a key that only the user can read; of two processes that do so, one succeeds."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{token_bytes(4).hex()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        return False
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(token_bytes(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(unfinished, path)  # under its name it is there whole, and never replaced
    except FileExistsError:
        pass  # another process was first: its key holds
    except OSError:
        return False
    finally:
        unfinished.unlink(missing_ok=True)
    return True
