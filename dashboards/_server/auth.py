"""Access control of live pages: host names, origins and tokens."""

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from streamlyt.core.errors import ParameterError

__all__ = ["AccessControl", "TokenScope", "create_token"]

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d+)?", re.ASCII)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class TokenScope:
    """Series that a token allows.

    Parameters
    ----------
    series
        Keys of the series; None for all series and the process page.
    """

    series: frozenset[str] | None = None

    def allows(self, key: str) -> bool:
        """Whether the token allows a series."""
        return self.series is None or key in self.series


class AccessControl:
    """Access control by host name, origin and token.

    Parameters
    ----------
    names
        Accepted host names in addition to those of the loopback interface. Others are rejected, to
        prevent DNS rebinding.
    tokens
        File of the accepted tokens, written by :func:`create_token`; None requires no token.

    Raises
    ------
    ParameterError
        If the file cannot be read.

    Examples
    --------
    >>> access = AccessControl(["plant.example.org"])
    >>> access.knows_host("plant.example.org:8443"), access.knows_host("evil.example.com")
    (True, False)
    >>> access.knows_origin("http://localhost:8750", "localhost:8750")
    True
    >>> access.knows_origin("http://evil.example.com", "localhost:8750")
    False
    """

    def __init__(self, names: Collection[str] = (), tokens: Path | None = None) -> None:
        self.names = frozenset(name.lower() for name in (*LOOPBACK, *names))
        self.tokens = tokens
        self._scopes = [] if tokens is None else _read(tokens)

    @property
    def requires_token(self) -> bool:
        """Whether a token is required."""
        return self.tokens is not None

    def knows_host(self, host: str) -> bool:
        """Whether the host name of a request is accepted."""
        return bool(_HOST.fullmatch(host)) and _name(host) in self.names

    def knows_origin(self, origin: str | None, host: str) -> bool:
        """Whether a request comes from a page of this server, or from no page."""
        if origin is None:
            return True
        origin_host = origin.partition("://")[2].lower()
        return origin_host == host.lower() or (_name(origin_host) in self.names - set(LOOPBACK))

    def passes(self, token: str | None) -> TokenScope | None:
        """Return what a token allows; None if it is invalid."""
        if not self.requires_token:
            return TokenScope()
        given = _hash(token or "")
        scope = None
        for known, scope_of_token in self._scopes:  # compare all, so that the time reveals nothing
            if hmac.compare_digest(known, given):
                scope = scope_of_token
        return scope


def create_token(path: Path, series: Sequence[str] | None = None) -> str:
    """Add a token to a file, and return it; the file stores only its hash.

    Parameters
    ----------
    path
        The file; a new one is readable by its owner only.
    series
        Keys of the series that it allows; None for all.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     token = create_token(Path(folder) / "tokens", ["pump-03"])
    ...     access = AccessControl(tokens=Path(folder) / "tokens")
    >>> access.passes(token).allows("pump-03"), access.passes(token).allows("pump-04")
    (True, False)
    >>> access.passes("guessed") is None
    True
    """
    token = secrets.token_urlsafe(32)
    record = {"sha256": _hash(token), "series": None if series is None else list(series)}
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a") as file:
        file.write(json.dumps(record) + "\n")
    return token


def _read(path: Path) -> list[tuple[str, TokenScope]]:
    try:
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        passes = []
        for record in records:
            series = record["series"]
            named = None if series is None else frozenset(map(str, series))
            passes.append((str(record["sha256"]), TokenScope(named)))
        return passes
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise ParameterError(
            f"tokens must be a file made by streamlyt token, got {str(path)!r} ({problem}); "
            f"create one"
        ) from problem


def _hash(token: str) -> str:
    # A token has 32 random bytes, so a fast hash is sufficient.
    return hashlib.sha256(token.encode()).hexdigest()


def _name(host: str) -> str:
    """Return a host without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()
