"""``streamlyt run``: a pipeline from its file, to the end of a recorded source."""

from typing import Annotated

import typer

from streamlyt.cli._options import (
    FailOnChange,
    Form,
    Format,
    PipelineFile,
    Report,
    Resume,
    Run,
    Sets,
)

__all__ = ["run_pipeline"]


def run_pipeline(
    pipeline: PipelineFile,
    sets: Sets = None,
    form: Form = Format.table,
    report: Report = None,
    run: Run = None,
    resume: Resume = False,
    fail_on_change: FailOnChange = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on at the end of the source, until Ctrl-C.")
    ] = False,
    threads: Annotated[
        int, typer.Option("--threads", help="Threads that the series are shared out to.")
    ] = 1,
) -> int:
    """Run a pipeline file to the end of its source, and print the changes."""
    from streamlyt.cli._pipelines import run_file  # heavy: not for --help
    from streamlyt.cli._recorded import Options

    sets = [*(sets or []), *(["source.follow=true"] if follow else [])]
    return run_file(pipeline, sets, Options(form, report, run, resume, fail_on_change, threads))
