"""Client security: addresses, TLS and SASL; secrets appear in no file, log or repr."""

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

_KEYS = ("tls", "ca_file", "cert_file", "key_file", "sasl_mechanism", "username", "secret")
_BOOTSTRAP_MS = 5000  # enough for TLS and SASL, short for a mistyped address
_RECONNECT_MS = 1000  # the default 30 s would prolong a short outage
_SASL = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")


def client_options(servers: str, security: Mapping[str, str] | None) -> dict[str, Any]:
    """Return the options of every kafka-python client.

    Parameters
    ----------
    servers
        ``host:port``, comma-separated.
    security
        ``tls`` (``"on"``), ``ca_file``, ``cert_file`` and ``key_file`` (paths of PEM files),
        ``sasl_mechanism``, ``username``, and ``secret``: the location of the password or token,
        ``"env:NAME"`` or ``"file:PATH"``.

    Raises
    ------
    ParameterError
        If a key is unknown or keys contradict each other.
    SourceError
        If the secret cannot be read.
    """
    settings = dict(security or {})
    for key in settings:
        if key not in _KEYS:
            raise unknown_name_error("key of security", key, list(_KEYS))
    addresses = [server.strip() for server in servers.split(",") if server.strip()]
    if not addresses or not all(":" in server for server in addresses):
        raise ParameterError(
            f"bootstrap_servers must be comma-separated host:port, got {servers!r}"
        )
    tls = settings.get("tls", "on" if "ca_file" in settings or "cert_file" in settings else "off")
    if tls not in ("on", "off"):
        raise ParameterError(f'security.tls must be "on" or "off", got {tls!r}')
    options: dict[str, Any] = {
        "bootstrap_servers": addresses,
        "bootstrap_timeout_ms": _BOOTSTRAP_MS,
        "metrics_enabled": False,
        "reconnect_backoff_max_ms": _RECONNECT_MS,
    }
    paths = {"ca_file": "ssl_cafile", "cert_file": "ssl_certfile", "key_file": "ssl_keyfile"}
    for key, option in paths.items():
        if key in settings:
            if not Path(settings[key]).is_file():
                raise ParameterError(f"security.{key} must be a file, got {settings[key]!r}")
            options[option] = settings[key]
    options |= _sasl(settings) if "sasl_mechanism" in settings else {}
    uses_sasl = "sasl_mechanism" in settings
    protocol = ("SASL_" if uses_sasl else "") + ("SSL" if tls == "on" else "PLAINTEXT")
    return options | {"security_protocol": protocol}


def librdkafka_options(servers: str, security: Mapping[str, str] | None) -> dict[str, Any]:
    """Return the options of a librdkafka client, under its names.

    Raises
    ------
    ParameterError
        If a key is unknown or keys contradict each other, or if the mechanism is OAUTHBEARER.
    SourceError
        If the secret cannot be read.
    """
    client = client_options(servers, security)
    if client.get("sasl_mechanism") == "OAUTHBEARER":
        raise ParameterError(
            "security.sasl_mechanism must be PLAIN or SCRAM for this engine, got OAUTHBEARER, "
            "whose tokens it does not renew; use another mechanism, or streamlyt serve"
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
    options = {names[key]: str(value) for key, value in client.items() if key in names}
    return options | {"bootstrap.servers": ",".join(client["bootstrap_servers"])}


def reading_options(
    group: str | None, member: str | None, session_timeout_s: float, begin: str, max_records: int
) -> dict[str, Any]:
    """Return the additional options of a consumer, from the parameters of the source."""
    static: dict[str, Any] = {} if member is None else {"group_instance_id": member}
    return static | {
        "group_id": group,
        "enable_auto_commit": False,
        "auto_offset_reset": begin,
        "isolation_level": "read_committed",
        "allow_auto_create_topics": False,
        "session_timeout_ms": round(session_timeout_s * 1000),
        "heartbeat_interval_ms": round(session_timeout_s * 250),
        "max_poll_records": max_records,
        "partition_assignment_strategy": [CooperativeStickyAssignor],
    }


def explain_kafka_error(error: KafkaError) -> str:
    """Return the meaning of a client error, in one line."""
    text = str(error) or type(error).__name__
    if "bootstrap" in text:
        # A missing broker and a refused login look the same to the client.
        return f"{text}; check the address, and security if the broker requires TLS or a password"
    return text


def _sasl(settings: Mapping[str, str]) -> dict[str, Any]:
    mechanism = settings["sasl_mechanism"]
    if mechanism not in _SASL:
        raise unknown_name_error("security.sasl_mechanism", mechanism, list(_SASL))
    if "secret" not in settings:
        raise ParameterError(
            'security.secret must be given with sasl_mechanism: "env:NAME" or "file:PATH"'
        )
    secret = settings["secret"]
    _read(secret)  # fail early
    # At DEBUG kafka-python logs the wire data, which contains the secret.
    for name in ("kafka.net", "kafka.protocol"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.INFO))
    options: dict[str, Any] = {"sasl_mechanism": mechanism}
    if mechanism == "OAUTHBEARER":
        return options | {"sasl_oauth_token_provider": _Token(secret)}
    if "username" not in settings:
        raise ParameterError(f"security.username must be given with {mechanism}")
    return options | {
        "sasl_plain_username": settings["username"],
        "sasl_plain_password": _read(secret),
    }


class _Token(AbstractTokenProvider):  # type: ignore[misc]  # kafka-python has no types here
    """Reads the token for each connection, so that a renewed file is used."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def token(self) -> str:
        return _read(self._secret)

    def extensions(self) -> dict[str, str]:
        return {}


def _read(secret: str) -> str:
    kind, _, location = secret.partition(":")
    if kind == "env" and location:
        try:
            return os.environ[location]
        except KeyError:
            raise SourceError(
                f"environment variable {location} must hold the secret, got none; set it"
            ) from None
    if kind == "file" and location:
        try:
            return Path(location).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"file {location} must hold the secret: {error}") from error
    # The value may be the secret itself: do not repeat it.
    raise ParameterError(
        'security.secret must be "env:NAME" or "file:PATH", never the secret itself'
    )
