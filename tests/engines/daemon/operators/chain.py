"""The order-sensitive operator of the chaos tests, where the registry finds it."""

from tests.connectors.kafka import exactly_once

__all__ = ["Chain"]


class Chain(exactly_once.Chain):
    """Each row out depends on every row before it and on their order, to the last bit."""
