"""Checks that source, sinks and run file fit together."""

from collections.abc import Sequence

from streamlyt.core import Sink, Source
from streamlyt.core.errors import ParameterError
from streamlyt.core.protocols import (
    SupportsExternalProducer,
    SupportsMessageDecoding,
    SupportsReplay,
    SupportsTransactions,
)

__all__ = ["check_bounds", "check_cluster_endpoints", "split_transactional_sink"]


def split_transactional_sink(
    source: Source, sinks: Sequence[Sink], has_runfile: bool
) -> tuple[SupportsTransactions | None, tuple[Sink, ...]]:
    """Return the transactional sink, if there is one, and the others.

    Raises
    ------
    ParameterError
        If there are two, or source or run file do not support transactions.
    """
    transactional = [
        sink for sink in sinks if isinstance(sink, SupportsTransactions) and sink.is_transactional
    ]
    if not transactional:
        return None, tuple(sinks)
    if len(transactional) > 1 or not isinstance(source, SupportsReplay) or not has_runfile:
        raise ParameterError(
            f"a transactional sink must be the only one, with a source that stores committed "
            f"positions and a run file for the states, got {len(transactional)} such sinks, "
            f"{type(source).__name__} and {'a' if has_runfile else 'no'} run file; give "
            f"streamlyt run a run file with --run-file FILE"
        )
    return transactional[0], tuple(sink for sink in sinks if sink not in transactional)


def check_cluster_endpoints(
    source: Source, sinks: Sequence[Sink]
) -> tuple[SupportsMessageDecoding, list[SupportsExternalProducer]]:
    """Return source and sinks of a pipeline that runs in a cluster.

    Raises
    ------
    ParameterError
        If they are not Kafka's, or the source has no group or takes keys from a field.
    """
    if not isinstance(source, SupportsMessageDecoding) or source.group_id is None:
        raise ParameterError(
            f"source must be a Kafka topic with a group in a cluster, got "
            f"{type(source).__name__}; give it a group, or use streamlyt serve"
        )
    if source.key_column is not None:
        raise ParameterError(
            f"source.key_column must be left out in a cluster, got {source.key_column!r}: series "
            f"are assigned to workers by the keys of the messages"
        )
    checked: list[SupportsExternalProducer] = []
    for sink in sinks:
        if not isinstance(sink, SupportsExternalProducer):
            raise ParameterError(
                f"sinks must be Kafka topics in a cluster, got {type(sink).__name__}; write to a "
                f"topic, and read that topic into a file"
            )
        checked.append(sink)
    return source, checked


def check_bounds(
    checkpoint_interval_s: float, checkpoint_interval_rows: int, prefetch_bytes: int, threads: int
) -> None:
    """Raise a ParameterError if a bound is out of range."""
    if checkpoint_interval_s < 0 or checkpoint_interval_rows < 1:
        raise ParameterError(
            f"checkpoint_interval_s must be at least 0 and checkpoint_interval_rows at least 1, "
            f"got {checkpoint_interval_s!r} and {checkpoint_interval_rows!r}"
        )
    if prefetch_bytes < 0:
        raise ParameterError(f"prefetch_bytes must be at least 0, got {prefetch_bytes!r}")
    if threads < 1:
        raise ParameterError(f"threads must be at least 1, got {threads!r}")
