"""``streamlyt broker``: a local Kafka broker for tests."""

from pathlib import Path
from typing import Annotated

import typer

from streamlyt.cli.error_handling import echo_status

__all__ = ["start_broker", "status_of_broker", "stop_broker"]

Folder = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Data directory. Default: in the user data directory.",
        metavar="FOLDER",
    ),
]
Port = Annotated[
    int, typer.Option(help="Port on loopback; only the first start sets it.", metavar="NUMBER")
]


def start_broker(port: Port = 9092, data: Folder = None) -> int:
    """Start a Kafka broker on loopback and print its address. Data is kept."""
    from streamlyt.connectors.kafka.broker import LocalBroker

    broker = LocalBroker(data, port)
    if broker.running:
        echo_status(f"Broker already running (process {broker.pid}, data in {broker.folder})")
    else:
        echo_status("Starting the broker (the first start downloads 43 MB)")
        broker.start()
    print(broker.servers["PLAINTEXT"])
    return 0


def stop_broker(data: Folder = None) -> int:
    """Stop the broker. Data is kept."""
    from streamlyt.connectors.kafka.broker import LocalBroker

    echo_status("Broker stopped" if LocalBroker(data).stop() else "No broker is running")
    return 0


def status_of_broker(data: Folder = None) -> int:
    """Print the address of the broker; exit with status 1 if none is running."""
    from streamlyt.connectors.kafka.broker import LocalBroker

    broker = LocalBroker(data)
    if not broker.running:
        echo_status("No broker is running. Start one: streamlyt broker start")
        return 1
    print(broker.servers["PLAINTEXT"])
    return 0
