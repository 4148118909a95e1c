"""Run a recording from source to events and status lines, without printing."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from streamlyt.config.pipeline_file import dump
from streamlyt.core import Operator, Sink, Source
from streamlyt.core.errors import DataError, FormatError
from streamlyt.engines import LocalEngine, Summary
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from streamlyt.runfile.retention import RetentionPolicy

from .detector_options import dependence_warning
from .summary import OfflineSplit, summarize

__all__ = ["Recording", "Run", "RunResult", "run_recording", "run_silently"]

Run = Callable[[LocalEngine], tuple[Summary, str]]


def _no_analysis(summary: Summary) -> None:
    return None


@dataclass(frozen=True)
class Recording:
    """A recorded source and the pipeline to run on it.

    Parameters
    ----------
    title
        Name in status lines.
    source, operators, sinks, sink_inputs
        See :class:`~streamlyt.engines.LocalEngine`.
    afterwards
        Offline analysis after the last row; may add events.
    explain
        Returns a more detailed error for rejected rows, if there is one.
    """

    title: str
    source: Source
    operators: Mapping[str, Operator] | Sequence[Operator] | Pipeline
    afterwards: Callable[[Summary], OfflineSplit | None] = _no_analysis
    sinks: Sequence[Sink] = ()
    sink_inputs: Sequence[str | None] = ()
    explain: Callable[[], DataError | None] = lambda: None


@dataclass(frozen=True)
class RunResult:
    """Result of a recording.

    Parameters
    ----------
    summary
        The run. Its events are the online events, then the offline splits.
    messages
        Status lines.
    row
        Label of a row ("row", "frame").
    short
        Some series were too short for an alarm and were split offline.
    """

    summary: Summary
    messages: tuple[str, ...]
    row: str
    short: bool


def run_silently(engine: LocalEngine) -> tuple[Summary, str]:
    """Run the engine without progress output."""
    return engine.run(), ""


def run_recording(
    recording: Recording,
    path: Path | None = None,
    *,
    resume: bool = False,
    trust: bool = False,
    retention: RetentionPolicy | None = None,
    threads: int = 1,
    run: Run = run_silently,
) -> RunResult:
    """Run the operators over the source, into the run file at ``path`` if given.

    ``run`` runs the engine and returns the summary and a text about the throughput. ``trust``
    resumes a run file that is not signed with the user's key.
    """
    source, operators = recording.source, recording.operators
    pipeline = operators if isinstance(operators, Pipeline) else Pipeline(operators)
    outputs = recording.sinks, recording.sink_inputs
    retention = retention or RetentionPolicy()
    if path is not None and not (resume and path.exists()):
        RunFile.create(path, pipeline=dump(source, pipeline, *outputs), retention=retention).close()
    with nullcontext() if path is None else RunFile.open(path, write=True, trust=trust) as runfile:
        if runfile is not None:
            runfile.set_retention(retention)
        engine = LocalEngine(
            source,
            pipeline,
            recording.sinks,
            runfile,
            sink_inputs=recording.sink_inputs,
            threads=threads,
        )
        try:
            summary, rate = run(engine)
        except FormatError:
            raise
        except DataError as error:
            raise recording.explain() or error from None
        offline = recording.afterwards(summary)
        if runfile is not None:
            for event in offline.events if offline else ():
                runfile.write_event(event)
            runfile.checkpoint({}, {})
    messages = []
    if warning := dependence_warning(pipeline):
        messages.append(warning)
    if offline is None or not offline.complete:
        messages.append(summarize(summary, pipeline, source.schema) + rate)
    if offline is not None:
        messages.append(offline.message)
        summary = replace(summary, events=(*summary.events, *offline.events))
    return RunResult(summary, tuple(messages), source.schema.row_label, offline is not None)
