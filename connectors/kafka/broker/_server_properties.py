"""Settings of a single-node broker: listeners, authentication and data directory."""

import base64
import socket
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from streamlyt.core.errors import SourceError

__all__ = ["LISTENERS", "PASSWORD", "format_storage", "free_ports", "make_keys", "properties"]

# Listener -> protocol. The plain one is for local use; the others exist for the tests.
LISTENERS = {
    "PLAINTEXT": "PLAINTEXT",
    "TLS": "SSL",
    "SASL": "SASL_PLAINTEXT",
    "SASL_TLS": "SASL_SSL",
}
PASSWORD = "on-loopback-only"  # of the user "streamlyt" and of the key store; not a secret
_MECHANISMS = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER"
_JAAS = "org.apache.kafka.common.security"


def free_ports(n: int) -> list[int]:
    """Return free ports on loopback."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


def properties(folder: Path, ports: Mapping[str, int]) -> str:
    """Return the text of ``server.properties``.

    Parameters
    ----------
    folder
        Directory of the broker.
    ports
        Listener, or ``"CONTROLLER"`` -> port.
    """
    addresses = {name: f"{name}://127.0.0.1:{port}" for name, port in ports.items()}
    clients = [name for name in ports if name != "CONTROLLER"]
    protocols = {"CONTROLLER": "PLAINTEXT"} | {name: LISTENERS[name] for name in clients}
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{ports['CONTROLLER']}",
        "controller.listener.names": "CONTROLLER",
        "listeners": ",".join(addresses.values()),
        "advertised.listeners": ",".join(addresses[name] for name in clients),
        "listener.security.protocol.map": ",".join(f"{k}:{v}" for k, v in protocols.items()),
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(folder / "data"),
        # A single node cannot hold three replicas.
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # Not the default 50 partitions each: half the start-up time and a tenth of the files.
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
        # A killed broker may register again after this time (default: 9 s).
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "1000",
        # Check for expired transactions of dead producers every second (default: 10 s).
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
        "group.min.session.timeout.ms": "1000",
        # No retention by time: timestamps of recorded rows may date from 1970.
        "log.retention.ms": "-1",
        "message.max.bytes": str(16 * 2**20),
    }
    if any("SSL" in protocol for protocol in protocols.values()):
        settings |= {
            "ssl.keystore.type": "PKCS12",
            "ssl.keystore.location": str(folder / "keys.p12"),
            "ssl.keystore.password": PASSWORD,
        }
    for name in clients:
        if not LISTENERS[name].startswith("SASL"):
            continue
        prefix = f"listener.name.{name.lower()}"
        settings |= {
            "sasl.enabled.mechanisms": _MECHANISMS,
            f"{prefix}.plain.sasl.jaas.config": f"{_JAAS}.plain.PlainLoginModule required "
            f'user_streamlyt="{PASSWORD}";',
            f"{prefix}.scram-sha-256.sasl.jaas.config": f"{_JAAS}.scram.ScramLoginModule required;",
            f"{prefix}.scram-sha-512.sasl.jaas.config": f"{_JAAS}.scram.ScramLoginModule required;",
            # Unsigned tokens: enough to test that the client sends its token.
            f"{prefix}.oauthbearer.sasl.jaas.config": f"{_JAAS}.oauthbearer."
            'OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="streamlyt";',
        }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def make_keys(folder: Path) -> None:
    """Create a key and certificate (``ca.pem``) for 127.0.0.1 with the keytool of Java.

    Raises
    ------
    SourceError
        If keytool fails.
    """
    store = ["-keystore", str(folder / "keys.p12"), "-storepass", PASSWORD, "-alias", "broker"]
    make = ["-genkeypair", "-keyalg", "RSA", "-keysize", "2048", "-dname", "CN=localhost"]
    names = ["-ext", "SAN=IP:127.0.0.1,DNS:localhost", "-validity", "3650", "-storetype", "PKCS12"]
    show = ["-exportcert", "-rfc", "-file", str(folder / "ca.pem")]
    _tool(["keytool", *make, *names, *store])
    _tool(["keytool", *show, *store])


def format_storage(java: str, classes: str, settings: Path, scram: bool) -> None:
    """Format the data directory.

    Raises
    ------
    SourceError
        If formatting fails.
    """
    name = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    command = [java, "-cp", classes, "kafka.tools.StorageTool", "format"]
    # As --cluster-id=ID, because one id in 64 begins with a hyphen.
    command += [f"--cluster-id={name}", "-c", str(settings)]
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512") if scram else ():
        command += ["--add-scram", f"{mechanism}=[name=streamlyt,password={PASSWORD}]"]
    _tool(command)


def _tool(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        output = (done.stdout + done.stderr).strip().rpartition("\n")[2]
        raise SourceError(f"the broker cannot be set up: {output}")
