"""One worker of a cluster: the engine in the main thread, HTTP in another."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

from streamlyt.config.pipeline_file import load
from streamlyt.engines import ClusterEngine, RunMetrics

from ._http import HealthStatus, serve_http
from ._logging import configure_logging
from ._prometheus import PrometheusMetrics

__all__ = ["ClusterWorker"]


class ClusterWorker:
    """Runs a pipeline as one worker of a cluster, until a signal.

    ``host``, ``log`` and ``checkpoint_s`` of ``[serve]`` apply here too. Health and metrics are
    served at ``port`` plus the number of the worker.

    Parameters
    ----------
    file
        The pipeline file.
    number
        Index of this worker, from 0. It gives the name in the group and the directory of the
        store, so that a restarted worker finds both.
    folder
        Directory of the workers' stores.
    sets, environ
        Settings that override the file.

    Raises
    ------
    ParameterError
        If the pipeline file is invalid, or cannot run in a cluster.
    """

    def __init__(
        self,
        file: Path,
        number: int,
        folder: Path,
        sets: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.file, self.number = file, number
        spec = load(file, sets, environ)
        self._serve = spec.serve
        self._metrics = RunMetrics()
        self._log = configure_logging(self._serve.log_format)
        self._log.info(
            "connecting_to_brokers",
            worker=number,
            brokers=getattr(spec.source, "bootstrap_servers", ""),
            timeout_s=120,
        )
        name = f"{file.stem}-{number}"
        self._engine = ClusterEngine(
            spec.source,
            spec.pipeline(),
            spec.sinks,
            spec.sink_inputs,
            state_dir=folder / name,
            group_instance_id=name,
            commit_interval_s=self._serve.checkpoint_interval_s,
            metrics=self._metrics,
        )
        self._prometheus = PrometheusMetrics(
            self._metrics, lambda: self._ready()[0], spec.source.schema.time_unit
        )
        self._stopping = False

    def run(self) -> int:
        """Run until SIGTERM or Ctrl-C; return the exit status."""
        log = self._log
        loop = asyncio.new_event_loop()
        http = Thread(target=self._serve_http, args=(loop, log), name="http", daemon=True)
        http.start()
        try:
            self._engine.run()
        finally:
            self._stopping = True
            loop.call_soon_threadsafe(loop.stop)
            http.join(1.0)
        log.info(
            "stopped", worker=self.number, rows=self._metrics.rows, events=self._metrics.events
        )
        return 0

    def _serve_http(self, loop: asyncio.AbstractEventLoop, log: Any) -> None:
        asyncio.set_event_loop(loop)

        async def start() -> None:
            port = self._serve.port + self.number if self._serve.port else 0
            _, port = serve_http(
                self._serve.host, port, self._alive, self._ready, self._prometheus.text
            )
            http = f"http://{self._serve.host}:{port}"
            log.info("worker_started", worker=self.number, http=http, pid=os.getpid())

        loop.run_until_complete(start())
        loop.run_forever()

    def _alive(self) -> HealthStatus:
        return not self._stopping, "stopping" if self._stopping else "running"

    def _ready(self) -> HealthStatus:
        if self._metrics.last_progress_at is None:
            return False, "no message yet"
        return self._alive()
