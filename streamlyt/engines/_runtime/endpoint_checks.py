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
    source: Source, sinks: Sequence[Sink], kept: bool
) -> tuple[SupportsTransactions | None, tuple[Sink, ...]]:
    """Return the sink whose transactions rule the run, if there is one, and the others.

    Raises
    ------
    ParameterError
        If there are two, or source or run file cannot go along.
    """
    found = [
        sink for sink in sinks if isinstance(sink, SupportsTransactions) and sink.is_transactional
    ]
    if not found:
        return None, tuple(sinks)
    if len(found) > 1 or not isinstance(source, SupportsReplay) or not kept:
        raise ParameterError(
            f"a sink with transactions must be the only one, beside a source that remembers "
            f"positions and a run file that keeps the states, got {len(found)} such sinks, "
            f"{type(source).__name__} and {'a' if kept else 'no'} run file (streamlyt run has one "
            f"with --run FILE)"
        )
    return found[0], tuple(sink for sink in sinks if sink not in found)


def check_cluster_endpoints(
    source: Source, sinks: Sequence[Sink]
) -> tuple[SupportsMessageDecoding, list[SupportsExternalProducer]]:
    """Return source and sinks of a pipeline whose work several processes share.

    Raises
    ------
    ParameterError
        If they are not Kafka's, or the source has no group or names series by a field.
    """
    if not isinstance(source, SupportsMessageDecoding) or source.group is None:
        raise ParameterError(
            f"source must be a Kafka topic with a group in a cluster, got "
            f"{type(source).__name__}; give it a group, or use streamlyt serve"
        )
    if source.key is not None:
        raise ParameterError(
            f"source.key must be left out in a cluster, got {source.key!r}: its workers share "
            f"series out by the keys of the messages"
        )
    diverting: list[SupportsExternalProducer] = []
    for sink in sinks:
        if not isinstance(sink, SupportsExternalProducer):
            raise ParameterError(
                f"sinks must be Kafka topics in a cluster, got {type(sink).__name__}; write to a "
                f"topic, and run that into a file"
            )
        diverting.append(sink)
    return source, diverting


def check_bounds(
    checkpoint_interval_s: float, checkpoint_interval_rows: int, prefetch_bytes: int, threads: int
) -> None:
    """Raise a ParameterError where a bound is out of range."""
    if checkpoint_interval_s < 0 or checkpoint_interval_rows < 1:
        raise ParameterError(
            f"checkpoint_interval_s must be at least 0 and checkpoint_interval_rows at least 1, "
            f"got {checkpoint_interval_s!r} and {checkpoint_interval_rows!r}"
        )
    if prefetch_bytes < 0:
        raise ParameterError(f"prefetch_bytes must be at least 0, got {prefetch_bytes!r}")
    if threads < 1:
        raise ParameterError(f"threads must be at least 1, got {threads!r}")
