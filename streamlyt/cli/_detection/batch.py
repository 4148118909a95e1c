"""Batch processing: many recordings, one table of events, on local or Dask workers."""

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from streamlyt.cli._output.progress import progress_of, stop_on_interrupt
from streamlyt.cli._output.tables import counted, print_events
from streamlyt.cli.error_handling import ERROR, FOUND, echo_status
from streamlyt.core import Event
from streamlyt.core.errors import MissingDependencyError, ParameterError, StreamlytError

from .pipeline_run import Recording, run_recording
from .run import RunOptions
from .summary import online_events

__all__ = ["expand_patterns", "run_batch"]

MAX_LISTED = 20  # recordings, or failures, with a status line of their own


@dataclass(frozen=True)
class BatchResult:
    """Result of one recording of a batch. Small, because processes exchange it.

    Parameters
    ----------
    rows
        Number of rows.
    row
        Label of a row ("row", "frame").
    events
        The events; their keys start with the name of the file.
    short
        The recording is too short for an alarm.
    messages
        Status lines.
    failed
        The recording could not be read to its end.
    """

    rows: int = 0
    row: str = "row"
    events: tuple[Event, ...] = ()
    short: bool = False
    messages: tuple[str, ...] = ()
    failed: bool = False


def expand_patterns(files: Sequence[Path]) -> list[Path]:
    """Return the files, with each glob pattern replaced by its matches.

    The shell expands unquoted patterns; a quoted one may match more files than a command line
    can hold.

    Raises
    ------
    ParameterError
        If a pattern matches nothing.
    """
    found: list[Path] = []
    for file in files:
        if file.exists() or not glob.has_magic(str(file)):
            found.append(file)
            continue
        matches = [Path(name) for name in sorted(glob.glob(str(file), recursive=True))]
        if not matches:
            raise ParameterError(f"a pattern must match files, got no match for {str(file)!r}")
        found += [path for path in matches if path.is_file()]
    return list(dict.fromkeys(found))


def run_batch(
    make: Callable[[Path], Recording],
    files: Sequence[Path],
    options: RunOptions,
    workers: int | None = None,
    scheduler: str | None = None,
) -> int:
    """Run each file on its own; print one table and return the exit status.

    A file that cannot be read is reported and does not stop the others.

    Parameters
    ----------
    make
        Turns a file into a recording; a function that other processes can import.
    files
        The recordings.
    options
        As for one recording; ``run`` is the directory of the run files.
    workers, scheduler
        See :func:`~streamlyt.engines.map_on_dask`.
    """
    _check(files, options)
    runs = _run_files(files, options.run_file)
    work = partial(_run_one, make, options.resume, options.trust)
    outcomes: dict[int, BatchResult] = {}
    with progress_of("recordings", len(files)) as progress, stop_on_interrupt() as stopped:
        items = list(zip(map(str, files), files, runs, strict=True))
        for number, outcome in _run_items(work, items, workers, scheduler, stopped):
            outcomes[number] = outcome
            if progress is not None:
                progress(len(outcomes))
    if len(outcomes) < len(files):
        if outcomes:
            _report(files, outcomes, options)
        again = "; resume with the same command and --resume" if options.run_file else ""
        raise KeyboardInterrupt(f"{len(outcomes):,} of {len(files):,} done{again}")
    _report(files, outcomes, options)
    if any(outcome.failed for outcome in outcomes.values()):
        return ERROR
    changed = any(online_events(outcome.events) for outcome in outcomes.values())
    return FOUND if changed and options.fail_on_change else 0


def _check(files: Sequence[Path], options: RunOptions) -> None:
    if options.report is not None:
        raise ParameterError(
            "--report takes one recording; use --run-file FOLDER to store a run file of each, then "
            "streamlyt report"
        )
    if Path("-") in files:
        raise ParameterError("standard input must be the only recording; name the files instead")
    if options.resume and options.run_file is None:
        raise ParameterError("--resume needs --run-file FOLDER, the runs to resume")
    options.check_trust()
    if options.run_file is not None and options.run_file.exists():
        if not options.run_file.is_dir():
            raise ParameterError(
                f"--run-file must be a directory for several recordings, got the file "
                f"{str(options.run_file)!r}; name another"
            )
        if not options.resume:
            raise ParameterError(
                f"--run-file must be a new directory, got {str(options.run_file)!r}, which "
                "already exists; "
                "add --resume to continue it, or remove it"
            )


def _run_files(files: Sequence[Path], folder: Path | None) -> list[Path | None]:
    """Return the path of each run file: the tree mirrors that of the recordings."""
    if folder is None:
        return [None] * len(files)
    absolute = [Path(os.path.abspath(file)) for file in files]
    root = os.path.commonpath([file.parent for file in absolute])
    return [
        Path(os.path.abspath(folder)) / file.relative_to(root).with_name(f"{file.name}.streamlyt")
        for file in absolute
    ]


Item = tuple[str, Path, Path | None]  # name, file, run file


def _run_items(
    work: Callable[[Item], BatchResult],
    items: Sequence[Item],
    workers: int | None,
    scheduler: str | None,
    stopped: Callable[[], bool],
) -> Iterator[tuple[int, BatchResult]]:
    if find_spec("distributed") is None:
        if workers is not None or scheduler is not None:
            raise MissingDependencyError("distributed", "dask")
        echo_status("Using one CPU core; for all cores: pip install 'streamlyt[dask]'")
        for number, item in enumerate(items):
            if stopped():
                break
            yield number, work(item)
        return
    from streamlyt.engines import map_on_dask  # slow to import: needed for a batch only

    # Remote workers have another working directory.
    items = [(name, Path(os.path.abspath(file)), run) for name, file, run in items]
    for number, result in map_on_dask(work, items, workers, scheduler, stopped):
        if isinstance(result, Exception):  # the worker process died repeatedly, or a bug
            result = BatchResult(messages=(f"{type(result).__name__}: {result}",), failed=True)
        yield number, result


def _run_one(
    make: Callable[[Path], Recording], resume: bool, trust: bool, item: Item
) -> BatchResult:
    name, file, run = item
    try:
        if run is not None:
            run.parent.mkdir(parents=True, exist_ok=True)
        result = run_recording(make(file), run, resume=resume, trust=trust)
    except StreamlytError as error:
        return BatchResult(messages=(_without_name(str(error), file),), failed=True)
    except OSError as error:
        return BatchResult(messages=(error.strerror or str(error),), failed=True)
    summary = result.summary
    events = tuple(
        replace(event, key=f"{name}:{event.key}" if event.key else name) for event in summary.events
    )
    return BatchResult(summary.rows, result.row, events, result.short, result.messages)


def _without_name(text: str, file: Path) -> str:
    """Return an error message without its leading file name, which the status line contains."""
    for name in (str(file), file.name):
        text = text.removeprefix(f"{name}: ").removeprefix(f"{name} ")
    return text


def _report(files: Sequence[Path], outcomes: dict[int, BatchResult], options: RunOptions) -> None:
    """Print the status lines and the table, in the order of the files."""
    ordered = [(files[number], outcomes[number]) for number in sorted(outcomes)]
    failed = [(file, outcome) for file, outcome in ordered if outcome.failed]
    for file, outcome in ordered if len(ordered) <= MAX_LISTED else failed[:MAX_LISTED]:
        for message in outcome.messages:
            echo_status(f"{file}: {message}")
    if len(failed) > MAX_LISTED < len(ordered):
        echo_status(f"{len(failed) - MAX_LISTED:,} more recordings could not be read")
    events = [event for _, outcome in ordered for event in outcome.events]
    rows = sum(outcome.rows for _, outcome in ordered)
    row = next((outcome.row for _, outcome in ordered if not outcome.failed), "row")
    changes = len(online_events(events))
    changed = sum(1 for _, outcome in ordered if online_events(outcome.events))
    recordings = counted(len(ordered), "recording")
    short = sum(1 for _, outcome in ordered if outcome.short)
    parts = [
        f"{counted(changes, 'change')} in {changed:,} of {recordings}"
        if changes
        else f"no change in {recordings}",
        counted(rows, row),
        *([f"{short:,} too short for an alarm"] if short else []),
        *([f"{len(failed):,} could not be read"] if failed else []),
    ]
    echo_status(", ".join(parts))
    if options.output_format is not None:
        print_events(events, options.output_format, row)
