"""``streamlyt config``: create, show and validate pipeline files."""

from pathlib import Path
from typing import Annotated

import typer

from streamlyt.cli.options import Form, Format, PipelineFile, Sets

__all__ = ["init_config", "schema_of_config", "show_config", "validate_config"]


def init_config(
    data: Annotated[
        Path, typer.Argument(help="Table that the pipeline reads.", metavar="DATA")
    ] = Path("rows.csv"),
    detector: Annotated[
        str, typer.Option(help="Detector name (see streamlyt list).", metavar="NAME")
    ] = "multiscale_newma",
) -> int:
    """Print a new pipeline file with a description of every setting."""
    from streamlyt.cli.pipeline_commands import initial_config  # slow to import

    print(initial_config(data, detector))
    return 0


def show_config(
    pipeline: PipelineFile, sets: Sets = None, output_format: Form = Format.table
) -> int:
    """Print the effective settings of a pipeline file and their origin."""
    from streamlyt.cli.pipeline_commands import print_settings  # slow to import

    print_settings(pipeline, sets or [], output_format)
    return 0


def validate_config(pipeline: PipelineFile, sets: Sets = None) -> int:
    """Check a pipeline file without running it."""
    from streamlyt.cli.pipeline_commands import validate  # slow to import

    validate(pipeline, sets or [])
    return 0


def schema_of_config() -> int:
    """Print the JSON Schema of pipeline files, for completion and checks in editors."""
    import json

    from streamlyt.config.json_schema import pipeline_schema

    print(json.dumps(pipeline_schema(), indent=2, ensure_ascii=False))
    return 0
