"""``streamlyt config``: make, show and check pipeline files."""

from pathlib import Path
from typing import Annotated

import typer

from streamlyt.cli.options import Form, Format, PipelineFile, Sets

__all__ = ["init_config", "schema_of_config", "show_config", "validate_config"]


def init_config(
    data: Annotated[
        Path, typer.Argument(help="The table that the pipeline reads.", metavar="DATA")
    ] = Path("rows.csv"),
    detector: Annotated[
        str, typer.Option(help="A detector by its name: streamlyt list.", metavar="NAME")
    ] = "multiscale_newma",
) -> int:
    """Write a pipeline file to the standard output, with every setting and what it means."""
    from streamlyt.cli.pipeline_commands import beginning  # heavy: not for --help

    print(beginning(data, detector))
    return 0


def show_config(pipeline: PipelineFile, sets: Sets = None, form: Form = Format.table) -> int:
    """Print each value of a pipeline file, and where it comes from."""
    from streamlyt.cli.pipeline_commands import print_settings  # heavy: not for --help

    print_settings(pipeline, sets or [], form)
    return 0


def validate_config(pipeline: PipelineFile, sets: Sets = None) -> int:
    """Make what a pipeline file names, run nothing, and say what is wrong with it."""
    from streamlyt.cli.pipeline_commands import validate  # heavy: not for --help

    validate(pipeline, sets or [])
    return 0


def schema_of_config() -> int:
    """Write the JSON Schema of pipeline files, by which editors complete and check them."""
    import json  # not for --help

    from streamlyt.config.json_schema import pipeline_schema

    print(json.dumps(pipeline_schema(), indent=2, ensure_ascii=False))
    return 0
