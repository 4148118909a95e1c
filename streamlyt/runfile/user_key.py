"""The user's secret key, which authenticates saved states as written by this user."""

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
"""Environment variable with the path of the key file, for machines that share runs."""

_BYTES = 32


class Key:
    """A secret key that marks messages, so that changes by another user are detected.

    Parameters
    ----------
    secret
        Bytes of the key. They appear in no message and no log.

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
        """Return a keyed hash of messages of a run as a function to 256-bit integers.

        The sum over messages authenticates all of them, in any order. To replace a message,
        subtract its number and add the new one. Numbers of different runs are unrelated.
        """
        secret = hmac.digest(self._secret, b"elements of " + run.encode(), "sha256")
        return lambda message: int.from_bytes(
            blake2b(message, digest_size=32, key=secret).digest(), "little"
        )

    def verifies(self, mark: str, message: bytes) -> bool:
        """Return whether a mark is that of a message, in constant time."""
        return hmac.compare_digest(mark.encode(errors="replace"), self.mark(message).encode())


def key_path() -> Path:
    """Return the path of the key: ``STREAMLYT_KEY_FILE``, or in the user's data folder."""
    configured = os.environ.get(KEY_FILE)
    return Path(configured) if configured else user_data_path("streamlyt") / "run-file.key"


def user_key() -> Key | None:
    """Return the key of the user, and create it on first use.

    Returns
    -------
    None if no key exists and none can be written (a read-only home): then nothing is marked.

    Raises
    ------
    StateError
        If the file of the key cannot be read, or is too short.
    """
    path = key_path()
    if not path.exists() and not _make(path):
        return None
    try:
        secret = path.read_bytes()
    except OSError as error:
        raise StateError(
            f"the key of run files {path} cannot be read: {error}; fix its permissions, or name "
            f"another file in {KEY_FILE}"
        ) from error
    if len(secret) < _BYTES:
        raise StateError(
            f"the key of run files {path} must have at least {_BYTES} bytes, got {len(secret)}; "
            f"remove it to create a new one, or name another file in {KEY_FILE}"
        )
    return Key(secret)


def _make(path: Path) -> bool:
    """Create a key that only the user can read; of concurrent processes one succeeds."""
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
        os.link(unfinished, path)  # atomic, and never replaces an existing key
    except FileExistsError:
        pass  # another process was first: its key is used
    except OSError:
        return False
    finally:
        unfinished.unlink(missing_ok=True)
    return True
