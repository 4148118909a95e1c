"""Run a recorded source: store the run, print the events, write the report."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from streamlyt.cli._output.progress import progress_of, report_compilation, stop_on_interrupt
from streamlyt.cli._output.tables import counted, print_events
from streamlyt.cli.error_handling import FOUND, echo_status
from streamlyt.cli.options import Format
from streamlyt.core import Source
from streamlyt.core.errors import DataError, ParameterError, SourceError
from streamlyt.core.numerics.jit import notify_on_compile
from streamlyt.engines import LocalEngine, Summary
from streamlyt.runfile import RunFile
from streamlyt.runfile.retention import RetentionPolicy

from .pipeline_run import Recording, run_recording
from .summary import online_events

__all__ = ["RunOptions", "run_recorded", "status", "write_page"]


@dataclass(frozen=True)
class RunOptions:
    """Options that all commands over recorded data share.

    Parameters
    ----------
    output_format
        Format of the events on stdout; None prints none.
    report
        Path of the HTML report, if any.
    run_file
        Path of the run file, if any.
    resume
        Resume that run file.
    fail_on_change
        Exit with status 3 if a change is detected.
    threads
        Worker threads for keyed parallelism.
    retention
        Retention of the run file.
    trust
        Resume a run file that is not signed with the user's key.
    """

    output_format: Format | None = None
    report: Path | None = None
    run_file: Path | None = None
    resume: bool = False
    fail_on_change: bool = False
    threads: int = 1
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)
    trust: bool = False

    def check(self) -> None:
        """Raise a ParameterError if the options contradict each other or the existing files."""
        if self.resume and self.run_file is None:
            raise ParameterError("--resume needs --run-file FILE, the run to resume")
        self.check_trust()
        if self.run_file is not None and self.run_file.exists() and not self.resume:
            raise ParameterError(
                f"--run-file must be a new file, got {str(self.run_file)!r}, which already exists; "
                "add --resume to continue it, or remove it"
            )
        if self.report is not None:
            check_not_replaced("--report", self.report, [self.run_file] if self.run_file else [])
        for option, path in (("--report", self.report), ("--run-file", self.run_file)):
            if path is not None and not path.absolute().parent.is_dir():
                raise ParameterError(
                    f"{option}: directory {str(path.parent)!r} does not exist; create it first"
                )
            if path is not None and path.is_dir():
                raise ParameterError(f"{option} must be a file, got the directory {str(path)!r}")

    def check_trust(self) -> None:
        """Raise a ParameterError if ``trust`` is set without ``resume``."""
        if self.trust and not self.resume:
            raise ParameterError("--trust needs --resume; a new run file is always trusted")


def run_recorded(recording: Recording, options: RunOptions) -> Summary:
    """Run a recording, print its events and write the report."""
    options.check()
    title = recording.title
    with _run_path(options) as path:
        result = run_recording(
            recording,
            path,
            resume=options.resume,
            trust=options.trust,
            retention=options.retention,
            threads=options.threads,
            run=partial(_run_with_progress, options=options, title=title),
        )
        for message in result.messages:
            echo_status(f"{title}: {message}")
        if options.output_format is not None:  # before the report, which may fail
            print_events(result.summary.events, options.output_format, result.row)
        if options.report is not None and path is not None:
            write_page([path], options.report, title)
    return result.summary


@contextmanager
def _run_path(options: RunOptions) -> Iterator[Path | None]:
    """Yield the path of the run file; a temporary one if only a report is written."""
    if options.run_file is not None or options.report is None:
        yield options.run_file
        return
    with tempfile.TemporaryDirectory(prefix="streamlyt-") as folder:
        yield Path(folder) / "run.streamlyt"


def status(summary: Summary, options: RunOptions) -> int:
    """Return the exit status of a complete run."""
    return FOUND if online_events(summary.events) and options.fail_on_change else 0


def _run_with_progress(engine: LocalEngine, options: RunOptions, title: str) -> tuple[Summary, str]:
    """Run to the end; if that fails, print the events detected so far."""
    source = engine.source
    with (
        notify_on_compile(report_compilation) as has_compiled,
        progress_of(title, source.n_rows) as progress,
        stop_on_interrupt(engine.stop),
    ):
        try:
            summary = engine.run(progress)
        except (DataError, SourceError):
            if options.output_format is not None:
                _print_partial(engine.summary(), options.output_format, title, source)
            raise
    if not summary.complete:
        stored = f"{counted(summary.rows, source.schema.row_label)} stored in {options.run_file}"
        raise KeyboardInterrupt(
            *([f"{stored}: resume with the same command and --resume"] if options.run_file else [])
        )
    slow = has_compiled() or summary.rows < 1000 or summary.seconds <= 0
    return (
        summary,
        "" if slow else f", {summary.rows / summary.seconds:,.0f} {source.schema.row_label}s/s",
    )


def _print_partial(summary: Summary, output_format: Format, title: str, source: Source) -> None:
    if summary.events:
        rows = counted(summary.rows, source.schema.row_label)
        echo_status(f"{title}: {counted(len(summary.events), 'change')} in {rows} before the error")
        print_events(summary.events, output_format, source.schema.row_label)


def check_not_replaced(option: str, page: Path, runs: Sequence[Path] = ()) -> None:
    """Raise a ParameterError if the report would overwrite a file that is not a report."""
    other = page.is_file() and page.suffix.lower() not in (".html", ".htm")
    if other or any(page.absolute() == run.absolute() for run in runs):
        raise ParameterError(
            f"{option} must be a new file or an HTML file to replace, got {str(page)!r}, which "
            f"holds something else; choose another name"
        )


def write_page(runs: Sequence[Path], report: Path, title: str) -> None:
    """Write one report of the run files."""
    from streamlyt.dashboards import write_report  # slow to import: needed for a report only

    with ExitStack() as stack:
        opened = [stack.enter_context(RunFile.open(run)) for run in runs]
        write_report(opened, report, title=title)
    echo_status(f"Report: {report}")
