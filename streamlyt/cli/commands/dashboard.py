"""``streamlyt dash``, ``replay`` and ``token``: the live pages of a run."""

from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from streamlyt.cli.options import Trust
from streamlyt.core.errors import MissingDependencyError, ParameterError

__all__ = ["Names", "Tokens", "create_token_file", "dashboard", "need_bokeh", "replay"]

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


def dashboard(
    run: Annotated[
        Path | None,
        typer.Argument(
            help="A run file (*.streamlyt); of a topic: where its rows are kept, if they are.",
            metavar="[RUN]",
            show_default=False,
        ),
    ] = None,
    kafka: Annotated[
        str | None,
        typer.Option(help="Show the rows of a result topic as they come.", metavar="TOPIC"),
    ] = None,
    events: Annotated[
        str | None,
        typer.Option(help="The topic of the findings that go with it.", metavar="TOPIC"),
    ] = None,
    servers: Annotated[
        str, typer.Option(help="Addresses of brokers.", metavar="HOST:PORT")
    ] = "127.0.0.1:9092",
    columns: Annotated[
        str | None,
        typer.Option(
            help="Fields of the messages that are channels, with commas between; default: all.",
            metavar="NAMES",
        ),
    ] = None,
    codec: Annotated[str, typer.Option(help="How the messages are written.")] = "json",
    time_unit: Annotated[str, typer.Option(help="What their field time counts.")] = "ns",
    begin: Annotated[
        str, typer.Option(help="Where in the topic: earliest or latest.")
    ] = "earliest",
    access: Annotated[
        list[str] | None,
        typer.Option(help="How to get in, as in a pipeline file.", metavar="KEY=VALUE"),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8751,
    names: Names = None,
    tokens: Tokens = None,
    trust: Trust = False,
) -> int:
    """Show a run while it goes on, or after, in the browser."""
    need_bokeh()
    from streamlyt.cli.error_handling import echo_status
    from streamlyt.dashboards import LiveRunFeed, require_token_if_public, serve_dashboard  # heavy

    if run is None and kafka is None:
        raise ParameterError("RUN or --kafka TOPIC must be given: there is nothing to show")
    if run is not None and not run.parent.is_dir():
        raise ParameterError(f"RUN must be in a folder that exists, got {str(run)!r}")
    if run is not None and run.exists():
        _held_up(run)
    where = host, port, names or [], tokens, lambda at: echo_status(f"open {at}")
    if kafka is None:
        if run is not None:
            serve_dashboard(LiveRunFeed(run), *where)
        return 0
    if find_spec("kafka") is None:
        raise MissingDependencyError("kafka", "kafka")
    require_token_if_public(host, tokens)
    from streamlyt.cli._dashboard.kafka_feed import KafkaFeed, Topics

    named = [name.strip() for name in (columns or "").split(",") if name.strip()]
    topics = Topics(
        kafka, events, servers, named, codec, time_unit, begin, _access_of(access or [])
    )
    with TemporaryDirectory() as folder:
        feed = KafkaFeed(topics, run or Path(folder) / "topic.streamlyt", trust)
        serve_dashboard(feed, *where, gauges=feed.gauges)
    return 0


def _held_up(run: Path) -> None:
    """Tell here, and not on the page, of what is no run file."""
    from streamlyt.runfile import RunFile as Recorded

    Recorded.open(run).close()


def _access_of(pairs: list[str]) -> dict[str, str] | None:
    for pair in pairs:
        if "=" not in pair:
            raise ParameterError(f"access must be KEY=VALUE, got {pair!r}")
    found = {key: value for key, _, value in (pair.partition("=") for pair in pairs)}
    return found or None


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
    from streamlyt.cli.error_handling import echo_status
    from streamlyt.dashboards import ReplayFeed, serve_dashboard  # heavy: not for --help
    from streamlyt.runfile import RunFile as Recorded

    with Recorded.open(run) as recorded:
        played = ReplayFeed(recorded, run.stem, speed, within)
        serve_dashboard(
            played, host, port, names or [], tokens, lambda at: echo_status(f"open {at}")
        )
    return 0


def create_token_file(
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
    from streamlyt.dashboards import create_token  # heavy: not for --help

    print(create_token(file, series))
    return 0


def need_bokeh() -> None:
    """Tell clearly where the pages cannot be drawn."""
    if find_spec("bokeh") is None:
        raise MissingDependencyError("bokeh", "dash")
