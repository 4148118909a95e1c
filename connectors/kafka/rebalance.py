"""Rebalance listener of the consumer."""

from typing import Any

from kafka import ConsumerRebalanceListener

__all__ = ["RebalanceListener"]


class RebalanceListener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types here
    """Records that the partition assignment changed; the source handles it between polls.

    Attributes
    ----------
    changed
        Whether the assignment changed; the source resets it.
    """

    def __init__(self) -> None:
        self.changed = False

    def on_partitions_revoked(self, revoked: Any) -> None:
        """Record that partitions were revoked."""
        self.changed |= bool(revoked)

    on_partitions_assigned = on_partitions_lost = on_partitions_revoked
