"""Several workers on one machine: begun, begun again, and ended together."""

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
_LASTED_S = 30.0  # a worker that ran so long had begun well
_DRAIN_S = 10.0
_AT_ONCE_S = 5.0  # one that refuses its pipeline ends sooner
_WORK = "from streamlyt.cli import main; main()"


class WorkerPool:
    """Processes of ``streamlyt cluster work``, kept running until a signal.

    SIGTERM and SIGINT are handed on, and all workers commit what they have. A worker that dies is
    begun again after a wait that doubles; where the first one refuses the pipeline, all end.

    Parameters
    ----------
    file
        The pipeline.
    workers
        How many.
    folder
        Where their stores lie.
    sets, environ
        What shall hold in place of the file's own.

    Raises
    ------
    ParameterError
        If there are none, or the pipeline cannot hold, or not in a cluster.
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
        self._ends = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        await asyncio.gather(*(self._keep(number) for number in range(self.workers)))
        return self._status

    def _stop(self) -> None:
        self._stopping = True
        self._ends.set()

    async def _keep(self, number: int) -> None:
        wait = _FIRST_WAIT_S
        while not self._stopping:
            began = monotonic()
            worker = await asyncio.create_subprocess_exec(*self._command(number))
            over = asyncio.ensure_future(worker.wait())
            stopped = asyncio.ensure_future(self._ends.wait())
            await asyncio.wait((over, stopped), return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if self._stopping:
                await self._end(worker, over)
                return
            lasted = monotonic() - began
            if worker.returncode == 1 and lasted < _AT_ONCE_S:
                self._status = 1  # it has said why
                self._stop()
                return
            wait = _FIRST_WAIT_S if lasted > _LASTED_S else min(_LONGEST_WAIT_S, 2 * wait)
            self._log.warning(
                "a worker has ended and is begun again",
                worker=number,
                status=worker.returncode,
                wait_s=wait,
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ends.wait(), wait)

    async def _end(self, worker: asyncio.subprocess.Process, over: "asyncio.Future[int]") -> None:
        with suppress(ProcessLookupError):
            worker.terminate()
        try:
            await asyncio.wait_for(asyncio.shield(over), _DRAIN_S)
        except TimeoutError:
            self._log.error("a worker did not end and is killed", pid=worker.pid)
            worker.kill()
            await over
            self._status = 1

    def _command(self, number: int) -> list[str]:
        given = ["--number", str(number), "--folder", str(self.folder)]
        for each in self.sets:
            given += ["--set", each]
        return [sys.executable, "-c", _WORK, "cluster", "work", str(self.file), *given]
