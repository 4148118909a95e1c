"""``streamlyt broker``: a Kafka broker on this machine, for trying out."""

from pathlib import Path
from typing import Annotated

import typer

from streamlyt.cli.error_handling import echo_status

__all__ = ["start_broker", "status_of_broker", "stop_broker"]

Folder = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Folder of its data; default one among the user's data.",
        metavar="FOLDER",
    ),
]
Port = Annotated[
    int, typer.Option(help="Port on loopback; the first start decides.", metavar="NUMBER")
]


def start_broker(port: Port = 9092, data: Folder = None) -> int:
    """Start a Kafka broker on loopback, and tell its address; fetched once, its data are kept."""
    from streamlyt.connectors.kafka.broker import LocalBroker

    broker = LocalBroker(data, port)
    if broker.running:
        echo_status(f"the broker runs already (process {broker.pid}, data in {broker.folder})")
    else:
        echo_status("starting the broker (its first start on this machine fetches 43 MB)")
        broker.start()
    print(broker.servers["PLAINTEXT"])
    return 0


def stop_broker(data: Folder = None) -> int:
    """Stop it; its data are kept."""
    from streamlyt.connectors.kafka.broker import LocalBroker

    echo_status("the broker has ended" if LocalBroker(data).stop() else "no broker runs")
    return 0


def status_of_broker(data: Folder = None) -> int:
    """Tell its address, or leave with 1 where none runs."""
    from streamlyt.connectors.kafka.broker import LocalBroker

    broker = LocalBroker(data)
    if not broker.running:
        echo_status("no broker runs; streamlyt broker start")
        return 1
    print(broker.servers["PLAINTEXT"])
    return 0
