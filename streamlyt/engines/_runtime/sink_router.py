"""Routes rows and events to sinks, and counts what each sink has taken."""

from collections.abc import Mapping, Sequence

from streamlyt.core import Sink, Source
from streamlyt.core.errors import ParameterError
from streamlyt.core.protocols import (
    AcceptsDeadLetters,
    AcceptsLateRows,
    Settles,
    SupportsTruncation,
)
from streamlyt.pipeline import SOURCE, Pipeline

from .endpoint_checks import split_transactional_sink
from .step import ProcessedBatch

__all__ = ["SinkRouter"]


class SinkRouter:
    """Sinks, each at its node of the pipeline.

    Parameters
    ----------
    sinks
        In order.
    nodes
        For each the node whose rows it takes, with the events of the operators up to there; None
        or missing: the rows of all outputs, and all events.
    source, pipeline
        Of the run.
    has_runfile
        Whether there is a run file.

    Attributes
    ----------
    transactional_sink
        The sink whose transactions include the source's position; None where there is none.
    plain_sinks
        All but that one.

    Raises
    ------
    ParameterError
        If a node is not in the pipeline, or source and run file do not support a sink's
        transactions.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        nodes: Sequence[str | None],
        source: Source,
        pipeline: Pipeline,
        has_runfile: bool,
    ) -> None:
        self.sinks = tuple(sinks)
        self.transactional_sink, self.plain_sinks = split_transactional_sink(
            source, sinks, has_runfile
        )
        nodes = [*nodes, *[None] * (len(self.sinks) - len(nodes))]
        for i, node in enumerate(nodes):
            if node is not None and node not in (SOURCE, *pipeline.operators):
                raise ParameterError(
                    f"sinks.{i}.input must be one of {[SOURCE, *pipeline.operators]!r}, "
                    f"got {node!r}"
                )
        self._outputs = [pipeline.outputs if node is None else (node,) for node in nodes]
        # Operators whose events a sink takes; None for all.
        self._operators = [
            None if node is None else pipeline.operators_before(node) for node in nodes
        ]
        self._written: dict[str, list[int]] = {}  # rows and events, of sinks that can be truncated
        self._names = [
            f"{node or ''}>{sink!r}" if isinstance(sink, SupportsTruncation) else None
            for node, sink in zip(nodes, self.sinks, strict=False)
        ]

    @property
    def written_counts(self) -> dict[str, list[int]]:
        """Rows and events that each sink which can be truncated has taken, by its name."""
        return {name: list(counts) for name, counts in self._written.items()}

    def route(self, done: ProcessedBatch, *, suppressed: bool = False) -> None:
        """Write the output of a batch.

        Parameters
        ----------
        done
            The batch and its output.
        suppressed
            Whether this is a replay of rows that the transactional sink has committed: it
            receives nothing.
        """
        receivers = self.plain_sinks if suppressed else self.sinks
        for sink, outputs, operators, name in zip(
            self.sinks, self._outputs, self._operators, self._names, strict=True
        ):
            if sink not in receivers:
                continue
            # isinstance with a protocol costs as much as writing some rows: not for every batch.
            if done.late_rows and isinstance(sink, AcceptsLateRows):
                for late in done.late_rows:
                    sink.write_late_rows(late)
            rows = [
                done.outputs[node] for node in outputs if done.outputs and done.outputs[node].n_rows
            ]
            for batch in rows:
                sink.write_rows(batch)
            events = [e for e in done.events if operators is None or e.detector in operators]
            for event in events:
                sink.write_event(event)
            if done.dead_letters and isinstance(sink, AcceptsDeadLetters):
                for dead_letter in done.dead_letters:
                    sink.write_dead_letter(dead_letter)
            if name is not None:
                counts = self._written.setdefault(name, [0, 0])
                counts[0] += sum(batch.n_rows for batch in rows)
                counts[1] += len(events)

    def settle(self) -> None:
        """Notify the sinks that support it that a checkpoint covers what they have flushed."""
        for sink in self.sinks:
            if isinstance(sink, Settles):
                sink.settle()

    def resume(self, written: Mapping[str, Sequence[int]], default: tuple[int, int]) -> None:
        """Truncate the sinks that support it to a checkpoint.

        Parameters
        ----------
        written
            :attr:`written_counts` at the checkpoint.
        default
            Rows and events of the run, for sinks that are not among them.
        """
        self._written.clear()
        for sink, name in zip(self.sinks, self._names, strict=True):
            if name is not None and isinstance(sink, SupportsTruncation):
                rows, events = self._written[name] = list(written.get(name, default))
                sink.truncate_to(rows, events)
