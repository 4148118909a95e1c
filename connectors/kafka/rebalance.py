"""Word of partitions that come or go."""

from typing import Any

from kafka import ConsumerRebalanceListener

__all__ = ["RebalanceListener"]


class RebalanceListener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types here
    """Notes that partitions of a consumer came or went; what follows is done between two polls.

    Attributes
    ----------
    moved
        Whether any did; for who sees to it to take back.
    """

    def __init__(self) -> None:
        self.moved = False

    def on_partitions_revoked(self, revoked: Any) -> None:
        """Record that partitions were revoked; the source acts on it between two polls."""
        self.moved |= bool(revoked)

    on_partitions_assigned = on_partitions_lost = on_partitions_revoked
