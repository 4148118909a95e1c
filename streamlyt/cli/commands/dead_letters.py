"""``streamlyt dead-letters``: list and redrive messages that could not be decoded."""

import json
import tomllib
from pathlib import Path
from typing import Annotated

import typer

from streamlyt.cli.error_handling import echo_status
from streamlyt.cli.options import Trust
from streamlyt.core.former_names import current_tables

__all__ = ["list_dead_letters", "redrive_run"]

_SHOWN = 60  # bytes of a message in the list

RunPath = Annotated[Path, typer.Argument(help="Run file (*.streamlyt).", metavar="RUN.streamlyt")]
All = Annotated[bool, typer.Option("--all", help="Include redriven messages.")]
Servers = Annotated[
    str | None,
    typer.Option(help="Bootstrap servers. Default: those of the run.", metavar="HOST:PORT"),
]


def list_dead_letters(run: RunPath, everything: All = False) -> int:
    """Print the messages that a run could not decode, one JSON line each."""
    from streamlyt.runfile import RunFile

    with RunFile.open(run) as opened:
        dead_letters = opened.dead_letters(redriven=everything)
    for letter in dead_letters:
        prefix = letter.value[:_SHOWN].decode("utf-8", errors="backslashreplace")
        record = {
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "reason": letter.reason,
            "value_bytes": len(letter.value),
            "value_prefix": prefix,
        }
        print(json.dumps(record, ensure_ascii=False))
    echo_status(f"{len(dead_letters)} dead letters in {run}")
    return 0


def redrive_run(run: RunPath, bootstrap_servers: Servers = None, trust: Trust = False) -> int:
    """Resend the original bytes of dead letters to their source topics.

    Stop the run first: a run file has one writer.
    """
    from streamlyt.connectors import redrive_dead_letters
    from streamlyt.runfile import RunFile

    with RunFile.open(run, write=True, trust=trust) as opened:
        dead_letters = opened.dead_letters()
        source = current_tables(tomllib.loads(opened.meta["pipeline"])).get("source", {})
        if dead_letters:
            redrive_dead_letters(
                dead_letters,
                bootstrap_servers or source.get("bootstrap_servers", ""),
                source.get("security"),
            )
            opened.mark_redriven(dead_letters)
    echo_status(f"Redrove {len(dead_letters)} dead letters from {run}")
    return 0
