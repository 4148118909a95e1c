"""Many recordings with one table of results, on the processes of this machine or of a centre."""

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

__all__ = ["examine_all", "expanded"]

TOLD = 20  # recordings that are told of one by one, and failures


@dataclass(frozen=True)
class BatchResult:
    """What a recording among many came to: few bytes, for they cross from process to process.

    Parameters
    ----------
    rows
        It had.
    row
        What a row of it is called.
    events
        The findings, whose series are named by the file.
    short
        Whether it was too short for an alarm.
    said
        What there is to say of it.
    failed
        Whether it could not be read to its end.
    """

    rows: int = 0
    row: str = "row"
    events: tuple[Event, ...] = ()
    short: bool = False
    said: tuple[str, ...] = ()
    failed: bool = False


def expanded(files: Sequence[Path]) -> list[Path]:
    """Return the files, with those in place of a pattern that it stands for.

    The shell does so too, unless the pattern is quoted: for more files than a command may name.

    Raises
    ------
    ParameterError
        If nothing is there of a pattern's name.
    """
    found: list[Path] = []
    for file in files:
        if file.exists() or not glob.has_magic(str(file)):
            found.append(file)
            continue
        there = [Path(name) for name in sorted(glob.glob(str(file), recursive=True))]
        if not there:
            raise ParameterError(f"a pattern must have files, got none for {str(file)!r}")
        found += [path for path in there if path.is_file()]
    return list(dict.fromkeys(found))


def examine_all(
    make: Callable[[Path], Recording],
    files: Sequence[Path],
    options: RunOptions,
    workers: int | None = None,
    scheduler: str | None = None,
) -> int:
    """Examine each file by itself; print one table and return the exit status.

    One that cannot be read is told of, and stops none of the others.

    Parameters
    ----------
    make
        How a file becomes a recording; a function that other processes can import.
    files
        The recordings.
    options
        As for one; ``run`` is the folder of the run files.
    workers, scheduler
        Where the work is done: :func:`~streamlyt.engines.map_on_dask`.
    """
    _check(files, options)
    runs = _run_files(files, options.run)
    work = partial(_examine_one, make, options.resume, options.trust)
    outcomes: dict[int, BatchResult] = {}
    with progress_of("recordings", len(files)) as progress, stop_on_interrupt() as stopped:
        items = list(zip(map(str, files), files, runs, strict=True))
        for number, outcome in _each(work, items, workers, scheduler, stopped):
            outcomes[number] = outcome
            if progress is not None:
                progress(len(outcomes))
    if len(outcomes) < len(files):
        if outcomes:
            _tell(files, outcomes, options)
        again = "; the same command with --resume goes on" if options.run else ""
        raise KeyboardInterrupt(f"{len(outcomes):,} of {len(files):,} done{again}")
    _tell(files, outcomes, options)
    if any(outcome.failed for outcome in outcomes.values()):
        return ERROR
    changed = any(online_events(outcome.events) for outcome in outcomes.values())
    return FOUND if changed and options.fail_on_change else 0


def _check(files: Sequence[Path], options: RunOptions) -> None:
    if options.report is not None:
        raise ParameterError(
            "--report must go with one recording: --run FOLDER keeps a run file of each, of which "
            "streamlyt report draws pages"
        )
    if Path("-") in files:
        raise ParameterError("the standard input must be the only recording")
    if options.resume and options.run is None:
        raise ParameterError("--resume must go with --run FOLDER, the runs to go on with")
    options.check_trust()
    if options.run is not None and options.run.exists():
        if not options.run.is_dir():
            raise ParameterError(
                f"--run must be a folder where there are many recordings, got the file "
                f"{str(options.run)!r}"
            )
        if not options.resume:
            raise ParameterError(
                f"--run must name a new folder, got {str(options.run)!r} which is there already; "
                "add --resume to go on with it, or remove it"
            )


def _run_files(files: Sequence[Path], folder: Path | None) -> list[Path | None]:
    """Return the place of each run file: in a tree like that of the recordings."""
    if folder is None:
        return [None] * len(files)
    whole = [Path(os.path.abspath(file)) for file in files]
    root = os.path.commonpath([file.parent for file in whole])
    return [
        Path(os.path.abspath(folder)) / file.relative_to(root).with_name(f"{file.name}.streamlyt")
        for file in whole
    ]


Item = tuple[str, Path, Path | None]  # its name, where it is, and where its run file is to be


def _each(
    work: Callable[[Item], BatchResult],
    items: Sequence[Item],
    workers: int | None,
    scheduler: str | None,
    stopped: Callable[[], bool],
) -> Iterator[tuple[int, BatchResult]]:
    if find_spec("distributed") is None:
        if workers is not None or scheduler is not None:
            raise MissingDependencyError("distributed", "dask")
        echo_status("one recording after another: pip install 'streamlyt[dask]' uses all cores")
        for number, item in enumerate(items):
            if stopped():
                break
            yield number, work(item)
        return
    from streamlyt.engines import map_on_dask  # heavy: for many recordings only

    # Other machines have other folders at hand.
    items = [(name, Path(os.path.abspath(file)), run) for name, file, run in items]
    for number, result in map_on_dask(work, items, workers, scheduler, stopped):
        if isinstance(result, Exception):  # its process died again and again, or a fault of ours
            result = BatchResult(said=(f"{type(result).__name__}: {result}",), failed=True)
        yield number, result


def _examine_one(
    make: Callable[[Path], Recording], resume: bool, trust: bool, item: Item
) -> BatchResult:
    name, file, run = item
    try:
        if run is not None:
            run.parent.mkdir(parents=True, exist_ok=True)
        examined = run_recording(make(file), run, resume=resume, trust=trust)
    except StreamlytError as error:
        return BatchResult(said=(_without_name(str(error), file),), failed=True)
    except OSError as error:
        return BatchResult(said=(error.strerror or str(error),), failed=True)
    summary = examined.summary
    events = tuple(
        replace(event, key=f"{name}:{event.key}" if event.key else name) for event in summary.events
    )
    return BatchResult(summary.rows, examined.row, events, examined.short, examined.sentences)


def _without_name(text: str, file: Path) -> str:
    """Return an error without the file that it begins with: the line names it already."""
    for name in (str(file), file.name):
        text = text.removeprefix(f"{name}: ").removeprefix(f"{name} ")
    return text


def _tell(files: Sequence[Path], outcomes: dict[int, BatchResult], options: RunOptions) -> None:
    """Say what there is to say of them all, and print the table, in the order of the files."""
    ordered = [(files[number], outcomes[number]) for number in sorted(outcomes)]
    failed = [(file, outcome) for file, outcome in ordered if outcome.failed]
    for file, outcome in ordered if len(ordered) <= TOLD else failed[:TOLD]:
        for sentence in outcome.said:
            echo_status(f"{file}: {sentence}")
    if len(failed) > TOLD < len(ordered):
        echo_status(f"... and {len(failed) - TOLD:,} more could not be read")
    events = [event for _, outcome in ordered for event in outcome.events]
    rows = sum(outcome.rows for _, outcome in ordered)
    row = next((outcome.row for _, outcome in ordered if not outcome.failed), "row")
    changes = len(online_events(events))
    changed = sum(1 for _, outcome in ordered if online_events(outcome.events))
    recordings = counted(len(ordered), "recording")
    short = sum(1 for _, outcome in ordered if outcome.short)
    told = [
        f"{counted(changes, 'change')} in {changed:,} of {recordings}"
        if changes
        else f"no change in {recordings}",
        counted(rows, row),
        *([f"{short:,} too short for an alarm"] if short else []),
        *([f"{len(failed):,} could not be read"] if failed else []),
    ]
    echo_status(", ".join(told))
    if options.form is not None:
        print_events(events, options.form, row)
