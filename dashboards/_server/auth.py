"""Who may look at a live page: names of this server, origins, tokens."""

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
    """What a token lets one see.

    Parameters
    ----------
    series
        Names of the series; None for all, and for how the process is.
    """

    series: frozenset[str] | None = None

    def allows(self, key: str) -> bool:
        """Whether a series is among them."""
        return self.series is None or key in self.series


class AccessControl:
    """Decides who may look.

    Parameters
    ----------
    names
        Host names by which the server is asked for, beside those of this machine's loopback: a
        page of another site that had its name lead here is refused.
    tokens
        File of the tokens that are asked for, made by :func:`new_token`; None to ask for none.

    Raises
    ------
    ParameterError
        If the file cannot be read.

    Examples
    --------
    >>> guard = AccessControl(["plant.example.org"])
    >>> guard.knows_host("plant.example.org:8443"), guard.knows_host("evil.example.com")
    (True, False)
    >>> guard.knows_origin("http://localhost:8750", "localhost:8750")
    True
    >>> guard.knows_origin("http://evil.example.com", "localhost:8750")
    False
    """

    def __init__(self, names: Collection[str] = (), tokens: Path | None = None) -> None:
        self.names = frozenset(name.lower() for name in (*LOOPBACK, *names))
        self.tokens = tokens
        self._passes = [] if tokens is None else _read(tokens)

    @property
    def requires_token(self) -> bool:
        """Whether a token is asked for."""
        return self.tokens is not None

    def knows_host(self, host: str) -> bool:
        """Whether a request was meant for this server."""
        return bool(_HOST.fullmatch(host)) and _name(host) in self.names

    def knows_origin(self, origin: str | None, host: str) -> bool:
        """Whether a request comes from a page of this server, or from no page at all."""
        if origin is None:
            return True
        where = origin.partition("://")[2].lower()
        return where == host.lower() or (_name(where) in self.names - set(LOOPBACK))

    def passes(self, token: str | None) -> TokenScope | None:
        """Return what a token lets one see, None for nothing at all."""
        if not self.requires_token:
            return TokenScope()
        given = _hashed(token or "")
        found = None
        for known, what in self._passes:  # all of them, so that time tells nothing
            if hmac.compare_digest(known, given):
                found = what
        return found


def create_token(path: Path, series: Sequence[str] | None = None) -> str:
    """Add a token to a file, and return it; the file holds its hash only.

    Parameters
    ----------
    path
        The file, made for its owner alone where there is none.
    series
        The series that it lets one see; None for all.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     token = create_token(Path(folder) / "tokens", ["pump-03"])
    ...     guard = AccessControl(tokens=Path(folder) / "tokens")
    >>> guard.passes(token).allows("pump-03"), guard.passes(token).allows("pump-04")
    (True, False)
    >>> guard.passes("guessed") is None
    True
    """
    token = secrets.token_urlsafe(32)
    record = {"sha256": _hashed(token), "series": None if series is None else list(series)}
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
            f"tokens must be a file made by streamlyt token, got {str(path)!r} ({problem})"
        ) from problem


def _hashed(token: str) -> str:
    # A token is 32 random bytes: nothing slower is needed to keep it from being guessed.
    return hashlib.sha256(token.encode()).hexdigest()


def _name(host: str) -> str:
    """Return a host without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()
