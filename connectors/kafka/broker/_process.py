"""One broker as a process of its own, which outlives the one that started it."""

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
    f"{_LOGGER}.defaultLogLevel=warn",  # else it writes a log as long as its data
    f"{_LOGGER}.log.kafka.server.KafkaRaftServer=info",  # which says that it is ready
)


class LocalBroker:
    """Apache Kafka of one node (KRaft), reached from this machine only.

    The first start on a machine fetches it from Maven Central into the user's cache (43 MB). The
    data are kept when it is stopped, and when it is killed.

    Parameters
    ----------
    folder
        Where its data, settings and log are; the user's data folder where None.
    port
        Port of the plain listener; a free one where 0. A broker that was there before keeps the
        ports that it had.
    listeners
        Which listeners there are, of ``"PLAINTEXT"``, ``"TLS"``, ``"SASL"`` and ``"SASL_TLS"``.
        The latter three are for tests: their user and password are in the open.

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
        """Number of its process, None where it does not run."""
        try:
            pid = int((self.folder / "pid").read_text())
            # The number may have gone to another process since.
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(self._settings) in words else None

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self.pid is not None

    @property
    def servers(self) -> dict[str, str]:
        """Listener -> its address, as clients are given it.

        Raises
        ------
        SourceError
            If it was never started.
        """
        try:
            lines = self._settings.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise SourceError(f"there is no broker in {self.folder}; start one first") from error
        said: Mapping[str, str] = dict(line.split("=", 1) for line in lines)
        at = (each.split("://") for each in said["advertised.listeners"].split(","))
        return {name: address for name, address in at}

    @property
    def certificate(self) -> Path:
        """Path of the certificate that clients of the TLS listeners trust (PEM)."""
        return self.folder / "ca.pem"

    def start(self) -> None:
        """Return when it takes clients; at once where it runs already.

        Raises
        ------
        SourceError
            If Java or Maven is missing, the port is taken, or it does not start.
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
                # Another port may be named next time: nothing of this one is kept but its log.
                for file in (self._settings, self.folder / "pid"):
                    file.unlink()
                shutil.rmtree(self.folder / "data")
            raise
        self._ready.touch()

    def stop(self) -> bool:
        """Let it end in order; return whether there was one to end.

        Raises
        ------
        SourceError
            If it does not end in time.
        """
        return self._end(signal.SIGTERM)

    def kill(self) -> bool:
        """End it at once, as a failing machine would; return whether there was one to end."""
        return self._end(signal.SIGKILL)

    def _run(self, program: str, classes: str) -> None:
        log = self.folder / "broker.log"
        words = [program, *_OPTIONS, "-cp", classes, "kafka.Kafka", str(self._settings)]
        anew = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        # No Popen: it would have us wait for a process that is to outlive us.
        pid = os.posix_spawn(
            program,
            words,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.fspath(log), anew, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,  # Ctrl-C at our terminal is not meant for it
        )
        (self.folder / "pid").write_text(str(pid))
        end = time.monotonic() + _START_S
        while _READY not in (told := log.read_text(encoding="utf-8", errors="replace")):
            if not _lives(pid):
                reasons = [line for line in told.splitlines() if "Exception" in line]
                reason = reasons[0] if reasons else "no reason was given"
                raise SourceError(f"the broker did not start: {reason.strip()} (see {log})")
            if time.monotonic() > end:
                self.kill()
                raise SourceError(f"the broker did not start within {_START_S:.0f} s (see {log})")
            time.sleep(0.05)

    def _end(self, how: signal.Signals) -> bool:
        pid = self.pid
        if pid is None:
            return False
        os.kill(pid, how)
        end = time.monotonic() + _STOP_S
        while _lives(pid):
            if time.monotonic() > end:
                raise SourceError(f"the broker (process {pid}) did not end in {_STOP_S:.0f} s")
            time.sleep(0.05)
        (self.folder / "pid").unlink(missing_ok=True)
        return True

    @property
    def _ready(self) -> Path:
        return self.folder / "ready"  # it was, once: its ports and data are to stay

    @property
    def _settings(self) -> Path:
        return self.folder / "server.properties"

    def _set_up(self, program: str, classes: str) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(self.folder / "data", ignore_errors=True)  # of a start that was cut off
        except OSError as error:
            raise SourceError(f"the broker's folder cannot be made: {error}") from error
        names = list(dict.fromkeys(["PLAINTEXT", *self.listeners]))
        ports = dict(zip(["CONTROLLER", *names], free_ports(len(names) + 1), strict=True))
        if self.port:
            ports["PLAINTEXT"] = self.port
        self._settings.write_text(properties(self.folder, ports), encoding="utf-8")
        if any("SSL" in LISTENERS[name] for name in names) and not self.certificate.exists():
            make_keys(self.folder)
        secured = any(name.startswith("SASL") for name in names)
        format_storage(program, classes, self._settings, scram=secured)


def _lives(pid: int) -> bool:
    """Tell whether a process has not ended; our own child is let go for good when it has."""
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:  # that of another process is not ours to wait for
        return Path(f"/proc/{pid}").exists()
