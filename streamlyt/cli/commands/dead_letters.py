"""``streamlyt deadletter``: messages that could not be decoded, listed and sent once more."""

import json
import tomllib
from pathlib import Path
from typing import Annotated

import typer

from streamlyt.cli.error_handling import echo_status
from streamlyt.cli.options import Trust

__all__ = ["list_dead_letters", "resend_dead_letters"]

_SHOWN = 60  # bytes of a message in the list

RunPath = Annotated[Path, typer.Argument(help="A run file.", metavar="RUN.streamlyt")]
All = Annotated[bool, typer.Option("--all", help="Also those that were redriven.")]
Servers = Annotated[
    str | None,
    typer.Option(help="Addresses of brokers; default those of the run.", metavar="HOST:PORT"),
]


def list_dead_letters(run: RunPath, everything: All = False) -> int:
    """List the messages that a run could not decode: one JSON line each."""
    from streamlyt.runfile import RunFile

    with RunFile.open(run) as opened:
        letters = opened.dead_letters(redriven=everything)
    for one in letters:
        begins = one.value[:_SHOWN].decode("utf-8", errors="backslashreplace")
        told = {
            "topic": one.topic,
            "partition": one.partition,
            "offset": one.offset,
            "reason": one.reason,
            "bytes": len(one.value),
            "begins": begins,
        }
        print(json.dumps(told, ensure_ascii=False))
    echo_status(f"{len(letters)} dead letters in {run}")
    return 0


def resend_dead_letters(run: RunPath, servers: Servers = None, trust: Trust = False) -> int:
    """Send dead letters once more, byte for byte, to the topics that they came from.

    The run must have ended: its file has one writer.
    """
    from streamlyt.connectors import redrive_dead_letters
    from streamlyt.runfile import RunFile

    with RunFile.open(run, write=True, trust=trust) as opened:
        letters = opened.dead_letters()
        source = tomllib.loads(opened.meta["pipeline"]).get("source", {})
        if letters:
            redrive_dead_letters(
                letters, servers or source.get("servers", ""), source.get("access")
            )
            opened.mark_redriven(letters)
    echo_status(f"{len(letters)} dead letters of {run} were sent once more")
    return 0
