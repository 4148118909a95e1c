"""Several workers on one machine: started, restarted and stopped together."""

import asyncio
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic

from streamlyt.config.pipeline_file import load
from streamlyt.core.errors import ParameterError
from streamlyt.engines import check_cluster_endpoints

from ._logging import configure_logging

__all__ = ["WorkerPool"]

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 15.0
_STABLE_S = 30.0  # a worker that ran this long had started well
_DRAIN_S = 10.0
_REJECTED_S = 5.0  # a worker that rejects its pipeline ends sooner
_CODE = "from streamlyt.cli import main; main()"


class WorkerPool:
    """Processes of ``streamlyt cluster worker``, kept running until a signal.

    SIGTERM and SIGINT are forwarded, and all workers commit and end. A worker that dies is
    restarted after an exponential back-off; all end if one rejects the pipeline or cannot start.

    Parameters
    ----------
    file
        The pipeline file.
    workers
        Number of workers.
    folder
        Directory of their stores.
    sets, environ
        Settings that override the file.

    Raises
    ------
    ParameterError
        If ``workers`` is below 1, or the pipeline file is invalid or cannot run in a cluster.
    """

    def __init__(
        self,
        file: Path,
        workers: int,
        folder: Path,
        sets: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        spec = load(file, sets, environ)
        check_cluster_endpoints(spec.source, spec.sinks)
        if workers < 1:
            raise ParameterError(f"workers must be at least 1, got {workers!r}")
        self.file, self.workers, self.folder, self.sets = file, workers, folder, list(sets)
        self._stopping = False
        self._status = 0

    def run(self) -> int:
        """Run until a signal; return the exit status."""
        self._log = configure_logging("console")
        return asyncio.run(self._main())

    async def _main(self) -> int:
        loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        await asyncio.gather(*(self._supervise(number) for number in range(self.workers)))
        return self._status

    def _stop(self) -> None:
        self._stopping = True
        self._ended.set()

    async def _supervise(self, number: int) -> None:
        wait = _FIRST_WAIT_S
        while not self._stopping:
            started_at = monotonic()
            try:
                worker = await asyncio.create_subprocess_exec(*self._command(number))
            except OSError as error:  # the other workers are stopped, not left behind
                self._log.error("a worker cannot be started", worker=number, error=str(error))
                self._status = 1
                self._stop()
                return
            ended = asyncio.ensure_future(worker.wait())
            stopped = asyncio.ensure_future(self._ended.wait())
            await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if self._stopping:
                await self._end(worker, ended)
                return
            run_time = monotonic() - started_at
            if worker.returncode == 1 and run_time < _REJECTED_S:
                self._status = 1  # the worker has logged the reason
                self._stop()
                return
            wait = _FIRST_WAIT_S if run_time > _STABLE_S else min(_LONGEST_WAIT_S, 2 * wait)
            self._log.warning(
                "worker_restarting",
                worker=number,
                status=worker.returncode,
                retry_in_s=wait,
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), wait)

    async def _end(self, worker: asyncio.subprocess.Process, ended: "asyncio.Future[int]") -> None:
        with suppress(ProcessLookupError):
            worker.terminate()
        try:
            await asyncio.wait_for(asyncio.shield(ended), _DRAIN_S)
        except TimeoutError:
            self._log.error("worker_killed", pid=worker.pid)
            worker.kill()
            await ended
            self._status = 1

    def _command(self, number: int) -> list[str]:
        options = ["--worker-id", str(number), "--state-dir", str(self.folder)]
        for each in self.sets:
            options += ["--set", each]
        return [sys.executable, "-c", _CODE, "cluster", "worker", str(self.file), *options]
