"""A local broker as a separate process, which outlives the process that starts it."""

import os
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_data_path

from streamlyt.core.errors import ParameterError, SourceError

from ._download import fetch, java
from ._server_properties import LISTENERS, format_storage, free_ports, make_keys, properties

__all__ = ["LocalBroker"]

_START_S = 60.0  # 5 s on two idle cores
_STOP_S = 30.0
_READY = "Kafka Server started"
_LOGGER = "-Dorg.slf4j.simpleLogger"
_OPTIONS = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    f"{_LOGGER}.defaultLogLevel=warn",  # the default log is as large as the data
    f"{_LOGGER}.log.kafka.server.KafkaRaftServer=info",  # reports that it is ready
)


class LocalBroker:
    """Apache Kafka broker of one node (KRaft) on loopback.

    The first start on a machine downloads it from Maven Central into the user's cache (43 MB).
    The data survives a stop or a kill.

    Parameters
    ----------
    folder
        Directory of data, settings and log. None: in the user data directory.
    port
        Port of the plain listener; 0 selects a free port. An existing broker keeps its ports.
    listeners
        Listeners to open: ``"PLAINTEXT"``, ``"TLS"``, ``"SASL"`` and ``"SASL_TLS"``. The last
        three are for tests: their user and password are public.

    Raises
    ------
    ParameterError
        If a listener is unknown.

    Examples
    --------
    >>> broker = LocalBroker("nowhere")
    >>> broker.running, broker.pid
    (False, None)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        port: int = 9092,
        listeners: tuple[str, ...] = ("PLAINTEXT",),
    ) -> None:
        for name in listeners:
            if name not in LISTENERS:
                raise ParameterError(f"listeners must be of {list(LISTENERS)!r}, got {name!r}")
        if not 0 <= port <= 65535:
            raise ParameterError(f"port must be in 0 to 65535, got {port!r}")
        default = user_data_path("streamlyt") / "broker"
        self.folder = Path(default if folder is None else folder).absolute()
        self.port = port
        self.listeners = listeners

    @property
    def pid(self) -> int | None:
        """Process id; None if it is not running."""
        try:
            pid = int((self.folder / "pid").read_text())
            # Another process may have the same id by now.
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(self._settings) in words else None

    @property
    def running(self) -> bool:
        """Whether the process is running."""
        return self.pid is not None

    @property
    def servers(self) -> dict[str, str]:
        """Listener -> address for clients.

        Raises
        ------
        SourceError
            If the broker was never started.
        """
        try:
            lines = self._settings.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise SourceError(f"no broker in {self.folder}; start one first") from error
        settings: Mapping[str, str] = dict(line.split("=", 1) for line in lines)
        listeners = settings["advertised.listeners"].split(",")
        return dict(listener.split("://") for listener in listeners)

    @property
    def certificate(self) -> Path:
        """Path of the certificate that clients of the TLS listeners trust (PEM)."""
        return self.folder / "ca.pem"

    def start(self) -> None:
        """Start the broker and return when it accepts clients; a running broker is left alone.

        Raises
        ------
        SourceError
            If Java or Maven is missing, the port is in use, or the start fails.
        """
        if self.running:
            return
        program, classes = java(), fetch()
        new = not self._ready.exists()
        if new:
            self._set_up(program, classes)
        try:
            self._run(program, classes)
        except SourceError:
            if new:
                # Keep only the log, so that the next start may use another port.
                for file in (self._settings, self.folder / "pid"):
                    file.unlink()
                shutil.rmtree(self.folder / "data")
            raise
        self._ready.touch()

    def stop(self) -> bool:
        """Stop the broker; return whether one was running.

        Raises
        ------
        SourceError
            If the process does not end in time.
        """
        return self._end(signal.SIGTERM)

    def kill(self) -> bool:
        """Kill the broker, like a machine failure; return whether one was running."""
        return self._end(signal.SIGKILL)

    def _run(self, program: str, classes: str) -> None:
        log = self.folder / "broker.log"
        words = [program, *_OPTIONS, "-cp", classes, "kafka.Kafka", str(self._settings)]
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        # Not Popen: it would wait for a process that must outlive this one.
        pid = os.posix_spawn(
            program,
            words,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.fspath(log), flags, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,  # Ctrl-C in this terminal must not reach it
        )
        (self.folder / "pid").write_text(str(pid))
        end = time.monotonic() + _START_S
        while _READY not in (text := log.read_text(encoding="utf-8", errors="replace")):
            if not _is_alive(pid):
                reasons = [line for line in text.splitlines() if "Exception" in line]
                reason = reasons[0] if reasons else "no reason in the log"
                raise SourceError(f"the broker did not start: {reason.strip()} (see {log})")
            if time.monotonic() > end:
                self.kill()
                raise SourceError(f"the broker did not start within {_START_S:.0f} s (see {log})")
            time.sleep(0.05)

    def _end(self, signal_number: signal.Signals) -> bool:
        pid = self.pid
        if pid is None:
            return False
        os.kill(pid, signal_number)
        end = time.monotonic() + _STOP_S
        while _is_alive(pid):
            if time.monotonic() > end:
                raise SourceError(f"the broker (process {pid}) did not end in {_STOP_S:.0f} s")
            time.sleep(0.05)
        (self.folder / "pid").unlink(missing_ok=True)
        return True

    @property
    def _ready(self) -> Path:
        return self.folder / "ready"  # marks a completed first start, whose ports and data are kept

    @property
    def _settings(self) -> Path:
        return self.folder / "server.properties"

    def _set_up(self, program: str, classes: str) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(self.folder / "data", ignore_errors=True)  # of an interrupted start
        except OSError as error:
            raise SourceError(f"the directory of the broker cannot be created: {error}") from error
        names = list(dict.fromkeys(["PLAINTEXT", *self.listeners]))
        ports = dict(zip(["CONTROLLER", *names], free_ports(len(names) + 1), strict=True))
        if self.port:
            ports["PLAINTEXT"] = self.port
        self._settings.write_text(properties(self.folder, ports), encoding="utf-8")
        if any("SSL" in LISTENERS[name] for name in names) and not self.certificate.exists():
            make_keys(self.folder)
        secured = any(name.startswith("SASL") for name in names)
        format_storage(program, classes, self._settings, scram=secured)


def _is_alive(pid: int) -> bool:
    """Return whether a process is running; an ended child process is reaped."""
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:  # not a child of this process
        return Path(f"/proc/{pid}").exists()
