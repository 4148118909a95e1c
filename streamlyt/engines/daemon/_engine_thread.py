"""One run of the engine in its own thread: it makes, opens, runs and closes everything."""

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
    """An engine from start to end, in its own thread.

    Parameters
    ----------
    make
        Makes the pipeline. Its source and sinks are closed at the end. That it cannot be made, as
        a file is missing or a broker away, ends the run as any other failure does.
    run
        The run file, created if missing.
    metrics
        Metrics of the engine.
    log
        Where events are logged.
    done
        Called in the thread with the summary of the run, or the error that ended it.
    trust
        Whether to resume from files without the mark of the user's key.
    """

    def __init__(
        self,
        make: Callable[[], PipelineConfig],
        run: Path,
        metrics: RunMetrics,
        log: Any,
        done: Callable[[Summary | BaseException], None],
        trust: bool = False,
    ) -> None:
        self.trust = trust
        self.run, self.metrics = run, metrics
        self._started_at = monotonic()
        self._make, self._done, self._log = make, done, log
        self._engine: LocalEngine | None = None
        self._new_params: Pipeline | None = None  # received before there was an engine
        # A daemon thread: a stalled network call must not keep the process from exiting.
        self._thread = Thread(target=self._main, name="engine", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End after the current batch, with a checkpoint; call it until :attr:`finished`."""
        if self._engine is not None:
            self._engine.stop()

    def update_params(self, pipeline: Pipeline) -> None:
        """Continue with other parameters; see :meth:`LocalEngine.update_params`."""
        self._new_params = pipeline
        if self._engine is not None:
            self._engine.update_params(pipeline)

    @property
    def finished(self) -> bool:
        """Whether the run has ended and all is closed."""
        return not self._thread.is_alive()

    def seconds_since_progress(self) -> float | None:
        """Return the seconds since the engine last made progress; None before the first time."""
        at = self.metrics.last_progress_at
        return None if at is None or at < self._started_at else monotonic() - at

    def _main(self) -> None:
        result: Summary | BaseException
        try:
            spec = self._make()
            # The daemon retries by the type of the first error, not of one raised while closing.
            with closing_all(*spec.sinks, spec.source):
                result = self._run(spec)
        except BaseException as error:
            result = error
        self._done(result)

    def _run(self, spec: PipelineConfig) -> Summary:
        if not self.run.exists():
            text = dump(spec.source, spec.pipeline(), spec.sinks, spec.sink_inputs)
            RunFile.create(self.run, pipeline=text, retention=spec.retention).close()
        with RunFile.open(self.run, write=True, trust=self.trust) as runfile:
            return self._run_engine(spec, runfile)

    def _run_engine(self, spec: PipelineConfig, runfile: RunFile) -> Summary:
        serve = spec.serve
        runfile.set_retention(spec.retention)
        state_store = None
        if serve.shared_state_dir is not None:
            state_store = SharedStateStore(serve.shared_state_dir, _name(spec), trust=self.trust)
        self._engine = LocalEngine(
            spec.source,
            spec.pipeline(),
            (*spec.sinks, EventLogSink(self._log)),
            runfile,
            checkpoint_interval_s=serve.checkpoint_interval_s,
            checkpoint_interval_rows=serve.checkpoint_interval_rows,
            prefetch_bytes=round(serve.prefetch_mb * 1e6),
            metrics=self.metrics,
            state_store=state_store,
            store_rows=serve.store_rows,
            threads=serve.threads,
            sink_inputs=spec.sink_inputs,
        )
        if self._new_params is not None:
            self._engine.update_params(self._new_params)
        return self._engine.run()


class EventLogSink(Sink):
    """Logs events; events of rows that are replayed after a failure are logged again."""

    def __init__(self, log: Any) -> None:
        self.log = log

    def write_rows(self, batch: Batch) -> None:
        """Do not log rows."""

    def write_event(self, event: Event) -> None:
        fields = event.to_dict()
        names = ("key", "detector", "change_index", "alarm_index", "statistic", "threshold")
        logged = {name: fields[name] for name in names}
        self.log.info("change_detected", **logged, channels=event.channels[:3])

    def flush(self) -> None:
        """Return at once: log lines are not buffered here."""


def _name(spec: PipelineConfig) -> str:
    """Return the name that the members of a group share."""
    parts = [getattr(spec.source, name, None) for name in ("topic", "group_id")]
    return ".".join(str(each) for each in parts if each)
