"""The sinks of a run: which rows and findings each one takes, and how many it has taken."""

from collections.abc import Mapping, Sequence

from streamlyt.base import Sink, Source
from streamlyt.errors import ParameterError
from streamlyt.pipeline import SOURCE, Pipeline

from ._ends import Resumes, Settles, TakesLateRows, TakesLetters, transacting
from ._lanes import Landed

__all__ = ["Outlets"]


class Outlets:
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
    transaction
        The sink whose transactions rule the run; None where there is none.
    others
        All but that one.
    silent
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
        self.transaction, self.others = transacting(source, sinks, kept)
        told = [*places, *[None] * (len(self.sinks) - len(places))]
        for i, place in enumerate(told):
            if place is not None and place not in (SOURCE, *pipeline.operators):
                raise ParameterError(
                    f"sinks.{i}.after must be one of {[SOURCE, *pipeline.operators]!r}, "
                    f"got {place!r}"
                )
        self._ends = [pipeline.ends if place is None else (place,) for place in told]
        # Findings that a sink takes; None for all.
        self._paths = [None if place is None else pipeline.path(place) for place in told]
        self.silent = False
        self._taken: dict[str, list[int]] = {}  # rows and findings, of sinks that can resume
        self._names = [
            f"{place or ''}>{sink!r}" if isinstance(sink, Resumes) else None
            for place, sink in zip(told, self.sinks, strict=False)
        ]

    @property
    def taken(self) -> dict[str, list[int]]:
        """Rows and findings that each sink which can resume has taken, by a name of it."""
        return {name: list(counts) for name, counts in self._taken.items()}

    def take(self, landed: Landed) -> None:
        """Hand on what came of a batch."""
        shown = self.others if self.silent else self.sinks
        for sink, ends, path, name in zip(
            self.sinks, self._ends, self._paths, self._names, strict=True
        ):
            if sink not in shown:
                continue
            # Asked only where there are any: to ask costs as much as to write some rows.
            if landed.late and isinstance(sink, TakesLateRows):
                for late in landed.late:
                    sink.set_aside(late)
            rows = [landed.rows[end] for end in ends if landed.rows and landed.rows[end].n]
            for batch in rows:
                sink.write(batch)
            events = [e for e in landed.events if path is None or e.detector in path]
            for event in events:
                sink.record(event)
            if landed.letters and isinstance(sink, TakesLetters):
                for letter in landed.letters:
                    sink.refuse(letter)
            if name is not None:
                counts = self._taken.setdefault(name, [0, 0])
                counts[0] += sum(batch.n for batch in rows)
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
            if name is not None and isinstance(sink, Resumes):
                rows, events = self._taken[name] = list(taken.get(name, whole))
                sink.resume(rows, events)
