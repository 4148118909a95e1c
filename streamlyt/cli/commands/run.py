"""``streamlyt run``: run a pipeline file to the end of its source."""

from typing import Annotated

import typer

from streamlyt.cli.options import (
    FailOnChange,
    Form,
    Format,
    PipelineFile,
    Report,
    Resume,
    Run,
    Sets,
    Trust,
)

__all__ = ["run_pipeline"]


def run_pipeline(
    pipeline: PipelineFile,
    sets: Sets = None,
    output_format: Form = Format.table,
    report: Report = None,
    run_file: Run = None,
    resume: Resume = False,
    trust: Trust = False,
    fail_on_change: FailOnChange = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Keep reading at the end of the source (like tail -f).")
    ] = False,
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            help="First row, offset or time: ISO 8601, or a duration since time 0, e.g. 90s.",
            metavar="TIME|OFFSET",
        ),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            "--speed",
            help="Replay speed factor. Default: as fast as possible.",
            metavar="X",
        ),
    ] = None,
    threads: Annotated[
        int,
        typer.Option(
            "--threads", help="Worker threads for keyed parallelism; results do not depend on it."
        ),
    ] = 1,
) -> int:
    """Run a pipeline file to the end of its source and print the events."""
    from streamlyt.cli._detection.run import RunOptions
    from streamlyt.cli.pipeline_commands import run_pipeline_file  # slow to import

    sets = [*(sets or []), *(["source.follow=true"] if follow else [])]
    options = RunOptions(
        output_format, report, run_file, resume, fail_on_change, threads, trust=trust
    )
    return run_pipeline_file(pipeline, sets, options, start, speed)
