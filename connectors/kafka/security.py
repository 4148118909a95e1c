"""How a broker is reached: addresses, TLS, and secrets that no file, log or repr ever shows."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError
from kafka.net.sasl.oauth import AbstractTokenProvider

from streamlyt.core.errors import ParameterError, SourceError, unknown_name_error

__all__ = ["client_options", "explain_kafka_error", "librdkafka_options", "reading_options"]

_KEYS = ("tls", "ca", "certificate", "private_key", "sasl", "user", "secret")
_BOOTSTRAP_MS = 5000  # long enough for TLS and SASL, short enough for a person who mistyped
_RECONNECT_MS = 1000  # its own 30 s would be most of a short outage
_SASL = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")


def client_options(servers: str, access: Mapping[str, str] | None) -> dict[str, Any]:
    """Return what every client of kafka-python is given.

    Parameters
    ----------
    servers
        ``host:port``, with commas between several.
    access
        ``tls`` (``"on"``), ``ca``, ``certificate`` and ``private_key`` (paths of PEM files),
        ``sasl`` (the mechanism), ``user``, and ``secret``: where the password or token is, as
        ``"env:NAME"`` or ``"file:PATH"``.

    Raises
    ------
    ParameterError
        If a key is unknown or keys contradict one another.
    SourceError
        If the secret is not where it is said to be.
    """
    given = dict(access or {})
    for key in given:
        if key not in _KEYS:
            raise unknown_name_error("key of access", key, list(_KEYS))
    named = [server.strip() for server in servers.split(",") if server.strip()]
    if not named or not all(":" in server for server in named):
        raise ParameterError(f"servers must be host:port, with commas between, got {servers!r}")
    tls = given.get("tls", "on" if "ca" in given or "certificate" in given else "off")
    if tls not in ("on", "off"):
        raise ParameterError(f'access.tls must be "on" or "off", got {tls!r}')
    options: dict[str, Any] = {
        "bootstrap_servers": named,
        "bootstrap_timeout_ms": _BOOTSTRAP_MS,
        "metrics_enabled": False,
        "reconnect_backoff_max_ms": _RECONNECT_MS,
    }
    paths = {"ca": "ssl_cafile", "certificate": "ssl_certfile", "private_key": "ssl_keyfile"}
    for key, option in paths.items():
        if key in given:
            if not Path(given[key]).is_file():
                raise ParameterError(f"access.{key} must be a file, got {given[key]!r}")
            options[option] = given[key]
    options |= _sasl(given) if "sasl" in given else {}
    protocol = ("SASL_" if "sasl" in given else "") + ("SSL" if tls == "on" else "PLAINTEXT")
    return options | {"security_protocol": protocol}


def librdkafka_options(servers: str, access: Mapping[str, str] | None) -> dict[str, Any]:
    """Return the same for a client that is made on librdkafka, under its names.

    Raises
    ------
    ParameterError
        If a key is unknown or keys contradict one another, or where tokens are to be renewed.
    SourceError
        If the secret is not where it is said to be.
    """
    given = client_options(servers, access)
    if given.get("sasl_mechanism") == "OAUTHBEARER":
        raise ParameterError(
            "access.sasl must be PLAIN or SCRAM here: tokens (OAUTHBEARER) are not renewed by "
            "this engine; use another mechanism, or streamlyt serve"
        )
    names = {
        "security_protocol": "security.protocol",
        "ssl_cafile": "ssl.ca.location",
        "ssl_certfile": "ssl.certificate.location",
        "ssl_keyfile": "ssl.key.location",
        "sasl_mechanism": "sasl.mechanism",
        "sasl_plain_username": "sasl.username",
        "sasl_plain_password": "sasl.password",
    }
    options = {names[key]: str(value) for key, value in given.items() if key in names}
    return options | {"bootstrap.servers": ",".join(given["bootstrap_servers"])}


def reading_options(
    group: str | None, member: str | None, session_timeout_s: float, begin: str, most: int
) -> dict[str, Any]:
    """Return what a consumer is given beside that; its parameters are those of the source."""
    alone: dict[str, Any] = {} if member is None else {"group_instance_id": member}
    return alone | {
        "group_id": group,
        "enable_auto_commit": False,
        "auto_offset_reset": begin,
        "isolation_level": "read_committed",
        "allow_auto_create_topics": False,
        "session_timeout_ms": round(session_timeout_s * 1000),
        "heartbeat_interval_ms": round(session_timeout_s * 250),
        "max_poll_records": most,
        "partition_assignment_strategy": [CooperativeStickyAssignor],
    }


def explain_kafka_error(error: KafkaError) -> str:
    """Return what a failure of the client means, in a line."""
    text = str(error) or type(error).__name__
    if "bootstrap" in text:
        # A broker that is gone and one that shuts its door look the same from outside.
        return f"{text}; check the address, and access where the broker asks for TLS or a password"
    return text


def _sasl(given: Mapping[str, str]) -> dict[str, Any]:
    mechanism = given["sasl"]
    if mechanism not in _SASL:
        raise unknown_name_error("access.sasl", mechanism, list(_SASL))
    if "secret" not in given:
        raise ParameterError('access.secret must be given with sasl: "env:NAME" or "file:PATH"')
    secret = given["secret"]
    _read(secret)  # now, where its failure can be told
    # At DEBUG kafka-python writes what goes over the wire, and the secret is a part of it.
    for name in ("kafka.net", "kafka.protocol"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.INFO))
    options: dict[str, Any] = {"sasl_mechanism": mechanism}
    if mechanism == "OAUTHBEARER":
        return options | {"sasl_oauth_token_provider": _Token(secret)}
    if "user" not in given:
        raise ParameterError(f"access.user must be given with {mechanism}")
    return options | {"sasl_plain_username": given["user"], "sasl_plain_password": _read(secret)}


class _Token(AbstractTokenProvider):  # type: ignore[misc]  # kafka-python has no types here
    """Reads the token anew for each connection: whoever renews it writes the file."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def token(self) -> str:
        return _read(self._secret)

    def extensions(self) -> dict[str, str]:
        return {}


def _read(secret: str) -> str:
    kind, _, where = secret.partition(":")
    if kind == "env" and where:
        try:
            return os.environ[where]
        except KeyError:
            raise SourceError(
                f"the environment variable {where} must hold the secret, and is not set"
            ) from None
    if kind == "file" and where:
        try:
            return Path(where).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"the file {where} must hold the secret: {error}") from error
    # What was given may be the secret itself: it is not repeated.
    raise ParameterError('access.secret must be "env:NAME" or "file:PATH", never the secret itself')
