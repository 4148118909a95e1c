"""The control plane: one event loop for signals, HTTP and runs of the engine."""

import asyncio
import os
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from streamlyt.config.pipeline_file import PipelineConfig, load
from streamlyt.core import Component
from streamlyt.core.errors import ParameterError, SinkError, SourceError, StreamlytError, message_of
from streamlyt.engines import RunMetrics, Summary
from streamlyt.registry import component_to_table

from ._engine_thread import EngineThread
from ._http import HealthStatus, WebRoutes, serve_http
from ._logging import configure_logging
from ._prometheus import PrometheusMetrics

__all__ = ["Daemon"]

_DRAIN_S = 4.0  # within the 5 s that a service manager may grant
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 15.0
DONE, FAILED = 0, 1


class Daemon:
    """Runs a pipeline file until a signal.

    SIGTERM and SIGINT end it after the current batch, with a checkpoint; within 5 s, even if a
    thread is blocked. SIGHUP reloads the file: reloadable parameters of the operators change and
    states are kept. A file that is invalid, or that changes anything else, is rejected with one
    log line and the old one stays in use. If source or sink fail, or cannot be made, the engine
    restarts from the last checkpoint, after an exponential back-off with jitter, so that many
    daemons do not reconnect at once. Any other error ends the process.

    Parameters
    ----------
    file
        The pipeline file.
    sets, environ
        Settings that override the file, as for :func:`streamlyt.config.load`.
    pages
        Creates the dashboard pages under ``/dashboard/`` from the run file, the engine's metrics
        and the HTTP host; None for none.
    trust
        Whether to resume from a run file and shared states without the mark of the user's key.

    Raises
    ------
    ParameterError
        If the pipeline file is invalid.
    """

    def __init__(
        self,
        file: Path,
        sets: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        pages: Callable[[Path, RunMetrics, str], WebRoutes] | None = None,
        *,
        trust: bool = False,
    ) -> None:
        self.trust = trust
        self.file, self.sets, self.environ = file, list(sets), environ
        self._text = self._read()
        self._spec = self._parse(self._text)
        self._serve = self._spec.serve
        self._run = self._serve.run_file or Path(f"{file.stem}.streamlyt")
        self._metrics = RunMetrics()
        self._prometheus = PrometheusMetrics(
            self._metrics, lambda: self.ready()[0], self._spec.source.schema.time_unit
        )
        self._pages = None if pages is None else pages(self._run, self._metrics, self._serve.host)
        self._thread: EngineThread | None = None
        self._failure_reason = ""  # why the engine is not running
        self._stopping = False

    def run(self) -> int:
        """Run until a signal or the end of the source; return the exit status."""
        self._log = configure_logging(self._serve.log_format)
        return asyncio.run(self._main())

    def alive(self) -> HealthStatus:
        """Return whether the process is alive; False where a restart may help."""
        idle = None if self._thread is None else self._thread.seconds_since_progress()
        if idle is not None and idle > self._serve.stall_timeout_s:
            return False, f"the engine has made no progress for {idle:.1f} s"
        return True, self._failure_reason or "running"

    def ready(self) -> HealthStatus:
        """Return whether rows are processed."""
        alive, reason = self.alive()
        if self._stopping:
            return False, "stopping"
        if not alive or self._failure_reason:
            return False, reason
        if self._thread is None or self._thread.seconds_since_progress() is None:
            return False, "starting"
        return True, "running"

    async def _main(self) -> int:
        loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()  # the run has ended, or a signal has come
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        server, port = serve_http(
            self._serve.host,
            self._serve.port,
            self.alive,
            self.ready,
            self._prometheus.text,
            self._pages,
        )
        if self._pages is not None:
            self._pages.start()
            self._log.info("dashboard_started", url=f"http://{self._serve.host}:{port}/dashboard/")
        self._log.info(
            "service_started",
            pipeline=str(self.file),
            run=str(self._run),
            http=f"http://{self._serve.host}:{port}",
            pid=os.getpid(),
        )
        self._warn()
        try:
            return await self._supervise(loop)
        finally:
            server.stop()
            if self._pages is not None:
                self._pages.stop()

    async def _supervise(self, loop: asyncio.AbstractEventLoop) -> int:
        failures = 0
        while True:
            saved = self._metrics.checkpoints
            result = await self._run_engine_once(loop)
            if self._stopping:
                return self._stopped(result)
            if isinstance(result, Summary):
                self._log.info("source_finished", rows=result.rows)
                return DONE
            if not isinstance(result, SourceError | SinkError):
                return self._failed(result)
            failures = 1 if self._metrics.checkpoints > saved else failures + 1
            longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (failures - 1))
            wait = longest * random.uniform(0.5, 1.0)
            self._failure_reason = message_of(result)
            self._prometheus.restarts += 1
            self._log.warning(
                "engine_retry", reason=self._failure_reason, retry_in_s=round(wait, 2)
            )
            self._ended.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), wait)
            if self._stopping:
                return DONE

    async def _run_engine_once(self, loop: asyncio.AbstractEventLoop) -> Summary | BaseException:
        """Run one engine; return its summary, or the error that ended it."""
        results: list[Summary | BaseException] = []

        def done(result: Summary | BaseException) -> None:
            results.append(result)
            # The loop is closed if the drain time was over before this thread ended.
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._ended.set)

        self._ended.clear()
        self._failure_reason = ""
        self._thread = EngineThread(
            partial(self._parse, self._text),
            self._run,
            self._metrics,
            self._log,
            done,
            self.trust,
        )
        self._thread.start()
        while not self._stopping:
            await self._ended.wait()
            if results:
                self._thread = None
                return results[0]
        end = loop.time() + _DRAIN_S
        while not results and loop.time() < end:
            self._thread.stop()
            await asyncio.sleep(0.02)
        return (
            results[0]
            if results
            else TimeoutError(f"the engine did not end within {_DRAIN_S:.0f} s")
        )

    def _stop(self, number: int) -> None:
        self._log.info("stopping", signal=signal.Signals(number).name)
        self._stopping = True
        self._ended.set()

    def _stopped(self, result: Summary | BaseException) -> int:
        if isinstance(result, Summary):
            self._log.info("stopped", rows=self._metrics.rows, events=self._metrics.events)
            return DONE
        self._log.error(
            "stopped_without_checkpoint",
            reason=message_of(result),
        )
        if isinstance(result, TimeoutError):
            os._exit(FAILED)  # the thread is blocked, and clients would wait for it at exit
        return FAILED

    def _failed(self, error: BaseException) -> int:
        if isinstance(error, StreamlytError):
            self._log.error("engine_failed", reason=message_of(error))
        else:  # a bug: log the traceback
            self._log.error("engine_failed", exc_info=error)
        return FAILED

    def _reload(self) -> None:
        try:
            text = self._read()
            spec = self._parse(text)
            changed = _reloadable_changes(self._spec, spec)
            if self._thread is not None:
                self._thread.update_params(spec.pipeline())
        except (StreamlytError, OSError) as error:
            self._prometheus.failed_reloads += 1
            self._log.error("config_reload_rejected", reason=str(error))
            return
        self._text, self._spec = text, spec
        self._prometheus.reloads += 1
        self._log.info("config_reloaded", changed=changed)

    def _warn(self) -> None:
        grouped = getattr(self._spec.source, "group_id", None) is not None
        if grouped and self._serve.shared_state_dir is None:
            self._log.warning(
                "shared_state_dir_not_set",
                effect="the state of a partition does not migrate with it: it is rebuilt from the "
                "log, or lost if the log is gone",
            )
        if self._serve.host not in ("127.0.0.1", "localhost", "::1"):
            self._log.warning("http_bound_to_public_address", host=self._serve.host)

    def _read(self) -> str:
        try:
            return self.file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ParameterError(f"the pipeline {self.file} cannot be read: {error}") from error

    def _parse(self, text: str) -> PipelineConfig:
        return load(f"{text}\n", self.sets, self.environ)


def _reloadable_changes(old: PipelineConfig, new: PipelineConfig) -> dict[str, str]:
    """Return the changed parameters of operators; raise if anything else changes."""
    fixed: list[tuple[str, Sequence[Component], Sequence[Component]]] = [
        ("source", [old.source], [new.source]),
        ("sinks", old.sinks, new.sinks),
        ("serve", [old.serve], [new.serve]),
        ("retention", [old.retention], [new.retention]),
    ]
    for name, before, after in fixed:
        if [component_to_table(each) for each in before] != [
            component_to_table(each) for each in after
        ]:
            raise ParameterError(
                f"[{name}] cannot be reloaded; restart the daemon to apply the change"
            )
    if (old.inputs, old.sink_inputs) != (new.inputs, new.sink_inputs):
        raise ParameterError("after cannot be reloaded; restart the daemon to apply the change")
    old_params, new_params = _parameters(old), _parameters(new)
    if old_params.keys() != new_params.keys():
        raise ParameterError("operators cannot be added or removed; restart the daemon for that")
    return {
        key: f"{old_params[key]!r} -> {new_params[key]!r}"
        for key in old_params
        if old_params[key] != new_params[key]
    }


def _parameters(spec: PipelineConfig) -> dict[str, Any]:
    return {
        f"{label}.{name}": value
        for label, operator in spec.operators.items()
        for name, value in operator.get_params().items()
    }
