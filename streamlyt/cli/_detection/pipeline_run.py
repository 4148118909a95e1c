"""A recording from its source to findings and what is said of them; nothing is printed here."""

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


def _nothing(summary: Summary) -> None:
    return None


@dataclass(frozen=True)
class Recording:
    """What is examined, and how.

    Parameters
    ----------
    title
        What it is called in all that is said of it.
    source, operators, sinks, places
        As the engine takes them.
    afterwards
        What may add findings off line, when all has been read.
    explained
        What tells more of rows that were refused, where it can.
    """

    title: str
    source: Source
    operators: Mapping[str, Operator] | Sequence[Operator] | Pipeline
    afterwards: Callable[[Summary], OfflineSplit | None] = _nothing
    sinks: Sequence[Sink] = ()
    places: Sequence[str | None] = ()
    explained: Callable[[], DataError | None] = lambda: None


@dataclass(frozen=True)
class RunResult:
    """What a recording came to.

    Parameters
    ----------
    summary
        The run; the findings of both kinds, on line and off line, are its events.
    sentences
        What is said of it.
    row
        What a row of it is called.
    short
        Whether series were too short for an alarm, and were looked at off line.
    """

    summary: Summary
    sentences: tuple[str, ...]
    row: str
    short: bool


def run_silently(engine: LocalEngine) -> tuple[Summary, str]:
    """Run to the end where nobody looks on."""
    return engine.run(), ""


def run_recording(
    recording: Recording,
    path: Path | None = None,
    *,
    resume: bool = False,
    trust: bool = False,
    policy: RetentionPolicy | None = None,
    threads: int = 1,
    run: Run = run_silently,
) -> RunResult:
    """Run the operators over the source, into the run file at ``path`` if there is one.

    ``run`` says how the engine is run, and what is told of its speed. With ``trust`` a run file is
    gone on with that does not carry the user's mark.
    """
    source, operators = recording.source, recording.operators
    pipeline = operators if isinstance(operators, Pipeline) else Pipeline(operators)
    ends = recording.sinks, recording.places
    kept = policy or RetentionPolicy()
    if path is not None and not (resume and path.exists()):
        RunFile.create(path, pipeline=dump(source, pipeline, *ends), policy=kept).close()
    with nullcontext() if path is None else RunFile.open(path, write=True, trust=trust) as runfile:
        if runfile is not None:
            runfile.set_retention(kept)
        engine = LocalEngine(
            source,
            pipeline,
            recording.sinks,
            runfile,
            sink_inputs=recording.places,
            threads=threads,
        )
        try:
            summary, rate = run(engine)
        except FormatError:
            raise
        except DataError as error:
            raise recording.explained() or error from None
        more = recording.afterwards(summary)
        if runfile is not None:
            for event in more.events if more else ():
                runfile.write_event(event)
            runfile.checkpoint({}, {})
    sentences = []
    if told := dependence_warning(pipeline):
        sentences.append(told)
    if more is None or not more.whole:
        sentences.append(summarize(summary, pipeline, source.schema) + rate)
    if more is not None:
        sentences.append(more.sentence)
        summary = replace(summary, events=(*summary.events, *more.events))
    return RunResult(summary, tuple(sentences), source.schema.row_label, more is not None)
