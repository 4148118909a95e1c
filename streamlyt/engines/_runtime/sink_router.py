"""The sinks of a run: which rows and findings each one takes, and how many it has taken."""

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
    """Sinks, each at its place in the pipeline.

    Parameters
    ----------
    sinks
        In order.
    places
        For each the place whose rows it takes, with the findings made on the way there; None, or
        nothing said, for the rows that come out at all ends, and all findings.
    source, pipeline
        What they stand behind.
    kept
        Whether there is a run file.

    Attributes
    ----------
    transactional_sink
        The sink whose transactions rule the run; None where there is none.
    plain_sinks
        All but that one.
    suppressed
        Whether rows are read again that the sink with transactions may have seen: it is shown
        nothing, and commits nothing.

    Raises
    ------
    ParameterError
        If a place is none of the pipeline, or source and run file cannot go along with a sink's
        transactions.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        places: Sequence[str | None],
        source: Source,
        pipeline: Pipeline,
        kept: bool,
    ) -> None:
        self.sinks = tuple(sinks)
        self.transactional_sink, self.plain_sinks = split_transactional_sink(source, sinks, kept)
        told = [*places, *[None] * (len(self.sinks) - len(places))]
        for i, place in enumerate(told):
            if place is not None and place not in (SOURCE, *pipeline.operators):
                raise ParameterError(
                    f"sinks.{i}.after must be one of {[SOURCE, *pipeline.operators]!r}, "
                    f"got {place!r}"
                )
        self._ends = [pipeline.outputs if place is None else (place,) for place in told]
        # Findings that a sink takes; None for all.
        self._paths = [
            None if place is None else pipeline.operators_before(place) for place in told
        ]
        self.suppressed = False
        self._taken: dict[str, list[int]] = {}  # rows and findings, of sinks that can resume
        self._names = [
            f"{place or ''}>{sink!r}" if isinstance(sink, SupportsTruncation) else None
            for place, sink in zip(told, self.sinks, strict=False)
        ]

    @property
    def written_counts(self) -> dict[str, list[int]]:
        """Rows and findings that each sink which can resume has taken, by a name of it."""
        return {name: list(counts) for name, counts in self._taken.items()}

    def route(self, landed: ProcessedBatch) -> None:
        """Hand on what came of a batch."""
        shown = self.plain_sinks if self.suppressed else self.sinks
        for sink, ends, path, name in zip(
            self.sinks, self._ends, self._paths, self._names, strict=True
        ):
            if sink not in shown:
                continue
            # Asked only where there are any: to ask costs as much as to write some rows.
            if landed.late_rows and isinstance(sink, AcceptsLateRows):
                for late in landed.late_rows:
                    sink.write_late_rows(late)
            rows = [
                landed.outputs[end] for end in ends if landed.outputs and landed.outputs[end].n_rows
            ]
            for batch in rows:
                sink.write_rows(batch)
            events = [e for e in landed.events if path is None or e.detector in path]
            for event in events:
                sink.write_event(event)
            if landed.dead_letters and isinstance(sink, AcceptsDeadLetters):
                for letter in landed.dead_letters:
                    sink.write_dead_letter(letter)
            if name is not None:
                counts = self._taken.setdefault(name, [0, 0])
                counts[0] += sum(batch.n_rows for batch in rows)
                counts[1] += len(events)

    def settle(self) -> None:
        """Tell the sinks that ask for it that a checkpoint covers what they have flushed."""
        for sink in self.sinks:
            if isinstance(sink, Settles):
                sink.settle()

    def resume(self, taken: Mapping[str, Sequence[int]], whole: tuple[int, int]) -> None:
        """Tell the sinks that ask for it from where the run goes on.

        Parameters
        ----------
        taken
            What :attr:`taken` was at the checkpoint.
        whole
            Rows and findings of the whole run, for sinks that nothing is known of.
        """
        self._taken.clear()
        for sink, name in zip(self.sinks, self._names, strict=True):
            if name is not None and isinstance(sink, SupportsTruncation):
                rows, events = self._taken[name] = list(taken.get(name, whole))
                sink.truncate_to(rows, events)
