"""``streamlyt dash``, ``replay`` and ``token``: the live pages of a run."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from streamlyt.errors import MissingExtraError, ParameterError

__all__ = ["Names", "Tokens", "dash", "make_token", "need_bokeh", "replay"]

_WHO = "Who may look"

RunFile = Annotated[Path, typer.Argument(help="A run file (*.streamlyt).", metavar="RUN")]
Host = Annotated[
    str,
    typer.Option(
        help="Where the pages are; others than this machine's own must ask for a token.",
        rich_help_panel=_WHO,
    ),
]
Port = Annotated[
    int,
    typer.Option(help="0 takes a free one.", min=0, max=65535, rich_help_panel=_WHO),
]
Names = Annotated[
    list[str] | None,
    typer.Option(
        "--name",
        help="A host name that the pages are asked for by; as often as you like.",
        metavar="NAME",
        rich_help_panel=_WHO,
    ),
]
Tokens = Annotated[
    Path | None,
    typer.Option(
        help="Ask for a token of this file (streamlyt token makes it).",
        metavar="FILE",
        rich_help_panel=_WHO,
    ),
]


def dash(
    run: RunFile,
    host: Host = "127.0.0.1",
    port: Port = 8751,
    names: Names = None,
    tokens: Tokens = None,
) -> int:
    """Show a run while it goes on, or after, in the browser."""
    need_bokeh()
    from streamlyt.cli._guard import say
    from streamlyt.dashboards import Following, serve_pages  # heavy: not for --help
    from streamlyt.runfile import RunFile as Recorded

    if not run.parent.is_dir():
        raise ParameterError(f"RUN must be in a folder that exists, got {str(run)!r}")
    if run.exists():
        Recorded.open(run).close()  # what is no run file is told here, not on the page
    serve_pages(Following(run), host, port, names or [], tokens, lambda at: say(f"open {at}"))
    return 0


def replay(
    run: RunFile,
    speed: Annotated[
        float, typer.Option(help="How many times as fast as it was.", metavar="FACTOR")
    ] = 1.0,
    within: Annotated[
        float | None,
        typer.Option(help="Play all of it in so many seconds.", metavar="SECONDS"),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8751,
    names: Names = None,
    tokens: Tokens = None,
) -> int:
    """Show a recorded run as it was while it went on."""
    need_bokeh()
    from streamlyt.cli._guard import say
    from streamlyt.dashboards import Replay, serve_pages  # heavy: not for --help
    from streamlyt.runfile import RunFile as Recorded

    with Recorded.open(run) as recorded:
        played = Replay(recorded, run.stem, speed, within)
        serve_pages(played, host, port, names or [], tokens, lambda at: say(f"open {at}"))
    return 0


def make_token(
    file: Annotated[Path, typer.Argument(help="File of the tokens' hashes.", metavar="FILE")],
    series: Annotated[
        list[str] | None,
        typer.Option(
            help="A series that it lets one see; as often as you like. Default: all.",
            metavar="NAME",
        ),
    ] = None,
) -> int:
    """Make a token for the live pages; it is told once, and the file keeps its hash."""
    need_bokeh()
    from streamlyt.dashboards import new_token  # heavy: not for --help

    print(new_token(file, series))
    return 0


def need_bokeh() -> None:
    """Tell clearly where the pages cannot be drawn."""
    if find_spec("bokeh") is None:
        raise MissingExtraError("bokeh", "dash")
