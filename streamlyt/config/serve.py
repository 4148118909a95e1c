"""Configuration of the daemon: the table ``[serve]`` of a pipeline file."""

from pathlib import Path
from typing import Literal

from streamlyt.core import Component
from streamlyt.core.errors import ParameterError

__all__ = ["ServeConfig"]


class ServeConfig(Component):
    """Configuration of the daemon.

    Parameters
    ----------
    run_file
        Path of the run file; None for the name of the pipeline file with ``.streamlyt``, in the
        working directory.
    store_rows
        Whether the run file stores the rows and grows with them; events and states are always
        stored.
    host, port
        Address of the HTTP server of health and metrics; port 0 picks a free port and logs it.
    log_format
        ``"console"`` or ``"json"``: one line per event, on stderr.
    stall_timeout_s
        Seconds without progress after which the engine counts as stalled.
    checkpoint_interval_s, checkpoint_interval_rows
        Seconds and rows between checkpoints, whichever comes first.
    prefetch_mb
        Size of the prefetch queue in megabytes; a full queue pauses the source. 0: no prefetch.
    threads
        Worker threads for keyed parallelism; results do not depend on the number.
    shared_state_dir
        Folder shared by all members of a Kafka group, through which the state of a partition
        migrates with it; None for none.

    Raises
    ------
    ParameterError
        If a value is out of range.
    """

    def __init__(
        self,
        *,
        run_file: Path | None = None,
        store_rows: bool = True,
        host: str = "127.0.0.1",
        port: int = 8750,
        log_format: Literal["console", "json"] = "console",
        stall_timeout_s: float = 3.0,
        checkpoint_interval_s: float = 1.0,
        checkpoint_interval_rows: int = 2**14,
        prefetch_mb: float = 64.0,
        threads: int = 1,
        shared_state_dir: Path | None = None,
    ) -> None:
        if not 0 <= port <= 65535:
            raise ParameterError(f"port must be in 0 to 65535, got {port!r}")
        if not stall_timeout_s > 0 or not prefetch_mb >= 0:
            raise ParameterError(
                "stall_timeout_s must be positive and queue_mb at least 0, got "
                f"{stall_timeout_s!r} and "
                f"{prefetch_mb!r}"
            )
        if threads < 1:
            raise ParameterError(f"threads must be at least 1, got {threads!r}")
        self.run_file, self.store_rows = run_file, store_rows
        self.host, self.port = host, port
        self.log_format = log_format
        self.stall_timeout_s = stall_timeout_s
        self.checkpoint_interval_s, self.checkpoint_interval_rows = (
            checkpoint_interval_s,
            checkpoint_interval_rows,
        )
        self.prefetch_mb = prefetch_mb
        self.threads = threads
        self.shared_state_dir = shared_state_dir
