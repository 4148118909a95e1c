"""Word of partitions that come or go."""

from typing import Any

from kafka import ConsumerRebalanceListener

__all__ = ["Moves"]


class Moves(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types here
    """Notes that partitions of a consumer came or went; what follows is done between two polls.

    Attributes
    ----------
    moved
        Whether any did; for who sees to it to take back.
    """

    def __init__(self) -> None:
        self.moved = False

    def on_partitions_revoked(self, revoked: Any) -> None:
        self.moved |= bool(revoked)

    on_partitions_assigned = on_partitions_lost = on_partitions_revoked
