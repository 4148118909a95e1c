"""``streamlyt dashboard``, ``replay``, ``report`` and ``token``: pages of run files."""

from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from streamlyt.cli.options import Trust
from streamlyt.core.errors import MissingDependencyError, ParameterError

__all__ = [
    "AllowedHosts",
    "Port",
    "TokenFile",
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
        help="Address to listen on; a public address requires --token-file.",
        rich_help_panel=_SERVER,
    ),
]
Port = Annotated[
    int,
    typer.Option(
        help="Port to listen on; 0 selects a free port.", min=0, max=65535, rich_help_panel=_SERVER
    ),
]
AllowedHosts = Annotated[
    list[str] | None,
    typer.Option(
        "--allowed-host",
        help="Accepted Host header (repeatable).",
        metavar="NAME",
        rich_help_panel=_SERVER,
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        help="Require a token from this file (see streamlyt token create).",
        metavar="FILE",
        rich_help_panel=_SERVER,
    ),
]


def dashboard(
    run: Annotated[
        Path | None,
        typer.Argument(
            help="Run file (*.streamlyt). With --topic: file that stores the rows of the topic.",
            metavar="[RUN]",
            show_default=False,
        ),
    ] = None,
    topic: Annotated[
        str | None,
        typer.Option(help="Show a result topic live.", metavar="TOPIC"),
    ] = None,
    events_topic: Annotated[
        str | None,
        typer.Option(help="Topic of the events.", metavar="TOPIC"),
    ] = None,
    bootstrap_servers: Annotated[
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
    offset_reset: Annotated[
        str, typer.Option(help="First offset to read: earliest or latest.")
    ] = "earliest",
    security: Annotated[
        list[str] | None,
        typer.Option(help="Client security setting (repeatable).", metavar="KEY=VALUE"),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8751,
    allowed_hosts: AllowedHosts = None,
    token_file: TokenFile = None,
    trust: Trust = False,
) -> int:
    """Show a run in the browser, live or finished."""
    require_bokeh()
    from streamlyt.cli.error_handling import echo_status
    from streamlyt.dashboards import LiveRunFeed, require_token_if_public, serve_dashboard

    if run is None and topic is None:
        raise ParameterError("RUN or --topic TOPIC is required; name a run file or a topic")
    if run is not None and not run.parent.is_dir():
        raise ParameterError(f"RUN: directory {str(run.parent)!r} does not exist; create it first")
    if run is not None and run.exists():
        _check_run_file(run)
    server = (
        host,
        port,
        allowed_hosts or [],
        token_file,
        lambda url: echo_status(f"Dashboard: {url}"),
    )
    if topic is None:
        if run is not None:
            serve_dashboard(LiveRunFeed(run), *server)
        return 0
    if find_spec("kafka") is None:
        raise MissingDependencyError("kafka", "kafka")
    require_token_if_public(host, token_file)
    from streamlyt.cli._dashboard.kafka_feed import KafkaFeed, Topics

    fields = [name.strip() for name in (columns or "").split(",") if name.strip()]
    topics = Topics(
        topic,
        events_topic,
        bootstrap_servers,
        fields,
        codec,
        time_unit,
        offset_reset,
        _security_of(security or []),
    )
    with TemporaryDirectory() as folder:
        feed = KafkaFeed(topics, run or Path(folder) / "topic.streamlyt", trust)
        serve_dashboard(feed, *server, metrics=feed.metrics)
    return 0


def _check_run_file(run: Path) -> None:
    """Raise if the file is not a run file, before the server starts."""
    from streamlyt.runfile import RunFile as Recorded

    Recorded.open(run).close()


def _security_of(pairs: list[str]) -> dict[str, str] | None:
    for pair in pairs:
        if "=" not in pair:
            raise ParameterError(f"--security must be KEY=VALUE, got {pair!r}")
    security = {key: value for key, _, value in (pair.partition("=") for pair in pairs)}
    return security or None


def replay(
    run: RunFile,
    speed: Annotated[float, typer.Option(help="Speed factor.", metavar="FACTOR")] = 1.0,
    duration: Annotated[
        float | None,
        typer.Option(help="Play the whole run in this time.", metavar="SECONDS"),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8751,
    allowed_hosts: AllowedHosts = None,
    token_file: TokenFile = None,
) -> int:
    """Replay a run in the browser."""
    require_bokeh()
    from streamlyt.cli.error_handling import echo_status
    from streamlyt.dashboards import ReplayFeed, serve_dashboard  # slow to import
    from streamlyt.runfile import RunFile as Recorded

    with Recorded.open(run) as recorded:
        feed = ReplayFeed(recorded, run.stem, speed, duration)
        serve_dashboard(
            feed,
            host,
            port,
            allowed_hosts or [],
            token_file,
            lambda url: echo_status(f"Dashboard: {url}"),
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
        raise MissingDependencyError("bokeh", "dashboard")
