"""A recorded source from end to end: run it, keep the run, print and draw the changes."""

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
    """What every verb over recorded data asks.

    Parameters
    ----------
    form
        How the changes are written to stdout; None for not at all.
    report
        Where the page goes, if anywhere.
    run
        Where the run file is kept, if anywhere.
    resume
        Whether to go on with that run file.
    fail_on_change
        Whether changes give exit status 3.
    threads
        Threads that the series are shared out to.
    policy
        How long the run file keeps rows.
    trust
        Whether to go on with a run file that does not carry the user's mark.
    """

    form: Format | None = None
    report: Path | None = None
    run: Path | None = None
    resume: bool = False
    fail_on_change: bool = False
    threads: int = 1
    policy: RetentionPolicy = field(default_factory=RetentionPolicy)
    trust: bool = False

    def check(self) -> None:
        """Raise a ParameterError where the options contradict one another or the disk."""
        if self.resume and self.run is None:
            raise ParameterError("--resume must go with --run FILE, the run to go on with")
        self.check_trust()
        if self.run is not None and self.run.exists() and not self.resume:
            raise ParameterError(
                f"--run must name a new file, got {str(self.run)!r} which is there already; "
                "add --resume to go on with it, or remove it"
            )
        if self.report is not None:
            check_not_replaced("--report", self.report, [self.run] if self.run else [])
        for option, path in (("--report", self.report), ("--run", self.run)):
            if path is not None and not path.absolute().parent.is_dir():
                raise ParameterError(
                    f"{option} must be in a folder that is there, got {str(path)!r}; "
                    f"make {str(path.parent)!r} first"
                )
            if path is not None and path.is_dir():
                raise ParameterError(f"{option} must be a file, got the folder {str(path)!r}")

    def check_trust(self) -> None:
        """Raise a ParameterError where trust is asked for and nothing is gone on with."""
        if self.trust and not self.resume:
            raise ParameterError("--trust must go with --resume: a new run file needs none")


def run_recorded(recording: Recording, options: RunOptions) -> Summary:
    """Examine a recording, print what was found and draw the report."""
    options.check()
    title = recording.title
    with _place_of_run(options) as path:
        examined = run_recording(
            recording,
            path,
            resume=options.resume,
            trust=options.trust,
            policy=options.policy,
            threads=options.threads,
            run=partial(_shown, options=options, title=title),
        )
        for sentence in examined.sentences:
            echo_status(f"{title}: {sentence}")
        if options.form is not None:  # whatever becomes of the page
            print_events(examined.summary.events, options.form, examined.row)
        if options.report is not None and path is not None:
            write_page([path], options.report, title)
    return examined.summary


@contextmanager
def _place_of_run(options: RunOptions) -> Iterator[Path | None]:
    """Yield where the run file is to be: for a page alone it is gone afterwards."""
    if options.run is not None or options.report is None:
        yield options.run
        return
    with tempfile.TemporaryDirectory(prefix="streamlyt-") as folder:
        yield Path(folder) / "run.streamlyt"


def status(summary: Summary, options: RunOptions) -> int:
    """Return the exit status of a run that came to its end."""
    return FOUND if online_events(summary.events) and options.fail_on_change else 0


def _shown(engine: LocalEngine, options: RunOptions, title: str) -> tuple[Summary, str]:
    """Run to the end; where it fails, print what had been found by then."""
    source = engine.source
    with (
        notify_on_compile(report_compilation) as has_compiled,
        progress_of(title, source.n_rows) as progress,
        stop_on_interrupt(engine.stop),
    ):
        try:
            summary = engine.run(progress)
        except (DataError, SourceError):
            if options.form is not None:
                _tell_until(engine.summary(), options.form, title, source)
            raise
    if not summary.complete:
        safe = f"{counted(summary.rows, source.schema.row_label)} safe in {options.run}"
        raise KeyboardInterrupt(
            *([f"{safe}: the same command with --resume goes on"] if options.run else [])
        )
    slow = has_compiled() or summary.rows < 1000 or summary.seconds <= 0
    return summary, "" if slow else f", {summary.rows / summary.seconds:,.0f} a second"


def _tell_until(summary: Summary, form: Format, title: str, source: Source) -> None:
    if summary.events:
        rows = counted(summary.rows, source.schema.row_label)
        echo_status(
            f"{title}: {counted(len(summary.events), 'change')} in {rows}, before it had to stop"
        )
        print_events(summary.events, form, source.schema.row_label)


def check_not_replaced(option: str, page: Path, runs: Sequence[Path] = ()) -> None:
    """Raise a ParameterError where a page would take the place of anything but a page."""
    taken = page.is_file() and page.suffix.lower() not in (".html", ".htm")
    if taken or any(page.absolute() == run.absolute() for run in runs):
        raise ParameterError(
            f"{option} must name a new file or a page to be replaced (*.html), got "
            f"{str(page)!r}, which holds something else; give another name"
        )


def write_page(runs: Sequence[Path], report: Path, title: str) -> None:
    """Draw one page over the run files."""
    from streamlyt.dashboards import write_report  # costs a second, and only a report needs it

    with ExitStack() as stack:
        opened = [stack.enter_context(RunFile.open(run)) for run in runs]
        write_report(opened, report, title=title)
    echo_status(f"report: {report}")
