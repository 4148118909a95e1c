"""``streamlyt dash``, ``replay``, ``report`` and ``token``: pages of run files."""

from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from streamlyt.cli.options import Trust
from streamlyt.core.errors import MissingDependencyError, ParameterError

__all__ = [
    "Names",
    "Port",
    "Tokens",
    "create_token_file",
    "dashboard",
    "replay",
    "report",
    "require_bokeh",
]

_SERVER = "Server and access"

RunFile = Annotated[Path, typer.Argument(help="Run file (*.streamlyt).", metavar="RUN")]
Host = Annotated[
    str,
    typer.Option(
        help="Address to listen on; a public address requires --tokens.",
        rich_help_panel=_SERVER,
    ),
]
Port = Annotated[
    int,
    typer.Option(
        help="Port to listen on; 0 selects a free port.", min=0, max=65535, rich_help_panel=_SERVER
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Option(
        "--name",
        help="Accepted Host header (repeatable).",
        metavar="NAME",
        rich_help_panel=_SERVER,
    ),
]
Tokens = Annotated[
    Path | None,
    typer.Option(
        help="Require a token from this file (see streamlyt token).",
        metavar="FILE",
        rich_help_panel=_SERVER,
    ),
]


def dashboard(
    run: Annotated[
        Path | None,
        typer.Argument(
            help="Run file (*.streamlyt). With --kafka: file that stores the rows of the topic.",
            metavar="[RUN]",
            show_default=False,
        ),
    ] = None,
    kafka: Annotated[
        str | None,
        typer.Option(help="Show a result topic live.", metavar="TOPIC"),
    ] = None,
    events: Annotated[
        str | None,
        typer.Option(help="Topic of the events.", metavar="TOPIC"),
    ] = None,
    servers: Annotated[
        str, typer.Option(help="Bootstrap servers of the broker.", metavar="HOST:PORT")
    ] = "127.0.0.1:9092",
    columns: Annotated[
        str | None,
        typer.Option(
            help="Message fields to show, comma-separated. Default: all.",
            metavar="NAMES",
        ),
    ] = None,
    codec: Annotated[str, typer.Option(help="Codec of the messages.")] = "json",
    time_unit: Annotated[str, typer.Option(help="Unit of the message field time.")] = "ns",
    begin: Annotated[
        str, typer.Option(help="First offset to read: earliest or latest.")
    ] = "earliest",
    access: Annotated[
        list[str] | None,
        typer.Option(help="Client security setting (repeatable).", metavar="KEY=VALUE"),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8751,
    names: Names = None,
    tokens: Tokens = None,
    trust: Trust = False,
) -> int:
    """Show a run in the browser, live or finished."""
    require_bokeh()
    from streamlyt.cli.error_handling import echo_status
    from streamlyt.dashboards import LiveRunFeed, require_token_if_public, serve_dashboard

    if run is None and kafka is None:
        raise ParameterError("RUN or --kafka TOPIC is required; name a run file or a topic")
    if run is not None and not run.parent.is_dir():
        raise ParameterError(f"RUN: directory {str(run.parent)!r} does not exist; create it first")
    if run is not None and run.exists():
        _check_run_file(run)
    server = host, port, names or [], tokens, lambda url: echo_status(f"Dashboard: {url}")
    if kafka is None:
        if run is not None:
            serve_dashboard(LiveRunFeed(run), *server)
        return 0
    if find_spec("kafka") is None:
        raise MissingDependencyError("kafka", "kafka")
    require_token_if_public(host, tokens)
    from streamlyt.cli._dashboard.kafka_feed import KafkaFeed, Topics

    fields = [name.strip() for name in (columns or "").split(",") if name.strip()]
    topics = Topics(
        kafka, events, servers, fields, codec, time_unit, begin, _access_of(access or [])
    )
    with TemporaryDirectory() as folder:
        feed = KafkaFeed(topics, run or Path(folder) / "topic.streamlyt", trust)
        serve_dashboard(feed, *server, gauges=feed.gauges)
    return 0


def _check_run_file(run: Path) -> None:
    """Raise if the file is not a run file, before the server starts."""
    from streamlyt.runfile import RunFile as Recorded

    Recorded.open(run).close()


def _access_of(pairs: list[str]) -> dict[str, str] | None:
    for pair in pairs:
        if "=" not in pair:
            raise ParameterError(f"--access must be KEY=VALUE, got {pair!r}")
    access = {key: value for key, _, value in (pair.partition("=") for pair in pairs)}
    return access or None


def replay(
    run: RunFile,
    speed: Annotated[float, typer.Option(help="Speed factor.", metavar="FACTOR")] = 1.0,
    within: Annotated[
        float | None,
        typer.Option(help="Play the whole run in this time.", metavar="SECONDS"),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8751,
    names: Names = None,
    tokens: Tokens = None,
) -> int:
    """Replay a run in the browser."""
    require_bokeh()
    from streamlyt.cli.error_handling import echo_status
    from streamlyt.dashboards import ReplayFeed, serve_dashboard  # slow to import
    from streamlyt.runfile import RunFile as Recorded

    with Recorded.open(run) as recorded:
        feed = ReplayFeed(recorded, run.stem, speed, within)
        serve_dashboard(
            feed, host, port, names or [], tokens, lambda url: echo_status(f"Dashboard: {url}")
        )
    return 0


def report(
    run: RunFile,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Path of the report.", metavar="FILE")
    ] = Path("report.html"),
) -> int:
    """Write a self-contained HTML report of a run file."""
    from streamlyt.cli._detection.run import check_not_replaced, write_page  # slow to import

    check_not_replaced("--output", output, [run])
    write_page([run], output, run.stem)
    return 0


def create_token_file(
    file: Annotated[
        Path, typer.Argument(help="Token file; it stores hashes only.", metavar="FILE")
    ],
    series: Annotated[
        list[str] | None,
        typer.Option(
            help="Series that the token may read (repeatable). Default: all.",
            metavar="NAME",
        ),
    ] = None,
) -> int:
    """Create a token for the dashboard and print it once; the file stores its hash."""
    require_bokeh()
    from streamlyt.dashboards import create_token  # slow to import

    print(create_token(file, series))
    return 0


def require_bokeh() -> None:
    """Raise a MissingDependencyError if bokeh is not installed."""
    if find_spec("bokeh") is None:
        raise MissingDependencyError("bokeh", "dash")
