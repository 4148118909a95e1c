"""One life of the engine: what it opens, what it does in its thread, what it closes."""

from collections.abc import Callable
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any

from streamlyt.config.pipeline_file import PipelineConfig, dump
from streamlyt.core import Batch, Event, Sink
from streamlyt.core.errors import closing_all
from streamlyt.engines import LocalEngine, RunMetrics, SharedStateStore, Summary
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile

__all__ = ["EngineThread"]


class EngineThread:
    """An engine from its start to its end, in a thread of its own.

    Parameters
    ----------
    spec
        The pipeline; its source and sinks are closed at the end.
    run
        The run file, made where there is none.
    gauges
        Where the engine tells how it gets on.
    log
        Where findings are told.
    done
        Called in the thread with what the run came to, or with what ended it.
    trust
        Whether to go on with what does not carry the mark of the user's key.
    """

    def __init__(
        self,
        spec: PipelineConfig,
        run: Path,
        gauges: RunMetrics,
        log: Any,
        done: Callable[[Summary | BaseException], None],
        trust: bool = False,
    ) -> None:
        self.trust = trust
        self.spec, self.run, self.gauges = spec, run, gauges
        self.began = monotonic()
        self._done, self._log = done, log
        self._engine: LocalEngine | None = None
        self._change: Pipeline | None = None  # that came before there was an engine
        # A thread that hangs on a dead network must not keep the process from ending.
        self._thread = Thread(target=self._live, name="engine", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the batch at hand, with a checkpoint; call it until :attr:`ended`."""
        if self._engine is not None:
            self._engine.stop()

    def update_params(self, pipeline: Pipeline) -> None:
        """Go on with other free parameters; see :meth:`LocalEngine.change`."""
        self._change = pipeline
        if self._engine is not None:
            self._engine.update_params(pipeline)

    @property
    def finished(self) -> bool:
        """Whether all is closed."""
        return not self._thread.is_alive()

    def seconds_since_progress(self) -> float | None:
        """Return the seconds since the last turn of the engine; None before its first."""
        at = self.gauges.last_progress_at
        return None if at is None or at < self.began else monotonic() - at

    def _live(self) -> None:
        result: Summary | BaseException
        try:
            # Whether the daemon tries again depends on what failed first, not on what closing did.
            with closing_all(*self.spec.sinks, self.spec.source):
                result = self._run()
        except BaseException as error:
            result = error
        self._done(result)

    def _run(self) -> Summary:
        spec = self.spec
        if not self.run.exists():
            text = dump(spec.source, spec.pipeline(), spec.sinks, spec.sink_inputs)
            RunFile.create(self.run, pipeline=text, policy=spec.retention).close()
        with RunFile.open(self.run, write=True, trust=self.trust) as runfile:
            return self._driven(runfile)

    def _driven(self, runfile: RunFile) -> Summary:
        spec, serve = self.spec, self.spec.serve
        runfile.set_retention(spec.retention)
        shared = None
        if serve.states is not None:
            shared = SharedStateStore(serve.states, _name(spec), trust=self.trust)
        self._engine = LocalEngine(
            spec.source,
            spec.pipeline(),
            (*spec.sinks, EventLogSink(self._log)),
            runfile,
            checkpoint_interval_s=serve.checkpoint_s,
            checkpoint_interval_rows=serve.checkpoint_rows,
            prefetch_bytes=round(serve.queue_mb * 1e6),
            gauges=self.gauges,
            state_store=shared,
            store_rows=serve.keep_rows,
            threads=serve.threads,
            sink_inputs=spec.sink_inputs,
        )
        if self._change is not None:
            self._engine.update_params(self._change)
        return self._engine.run()


class EventLogSink(Sink):
    """Findings as lines of the log; those read again after a failure are told again."""

    def __init__(self, log: Any) -> None:
        self.log = log

    def write_rows(self, batch: Batch) -> None:
        """Rows are not told."""

    def write_event(self, event: Event) -> None:
        found = event.to_dict()
        told = ("key", "detector", "change_index", "alarm_index", "statistic", "threshold")
        self.log.info("change", **{name: found[name] for name in told}, channels=event.channels[:3])

    def flush(self) -> None:
        """Lines are out when they are written."""


def _name(spec: PipelineConfig) -> str:
    """Return the name that the members of a group share."""
    told = [getattr(spec.source, name, None) for name in ("topic", "group")]
    return ".".join(str(each) for each in told if each)
