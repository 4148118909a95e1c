"""``streamlyt run``: a pipeline from its file, to the end of a recorded source."""

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
    form: Form = Format.table,
    report: Report = None,
    run: Run = None,
    resume: Resume = False,
    trust: Trust = False,
    fail_on_change: FailOnChange = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on at the end of the source, until Ctrl-C.")
    ] = False,
    begin: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Read from this row (frame, offset) on, or from this time: ISO 8601, or a span "
            "since zero as 90s.",
            metavar="TIME|OFFSET",
        ),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            "--speed",
            help="Read as fast as the clock of the rows went, times this; as fast as it goes "
            "if left out.",
            metavar="X",
        ),
    ] = None,
    threads: Annotated[
        int, typer.Option("--threads", help="Threads that the series are shared out to.")
    ] = 1,
) -> int:
    """Run a pipeline file to the end of its source, and print the changes."""
    from streamlyt.cli._detection.run import RunOptions
    from streamlyt.cli.pipeline_commands import run_file  # heavy: not for --help

    sets = [*(sets or []), *(["source.follow=true"] if follow else [])]
    options = RunOptions(form, report, run, resume, fail_on_change, threads, trust=trust)
    return run_file(pipeline, sets, options, begin, speed)
