"""The memory of a partition handed from one process to the next, by way of a shared folder."""

from collections.abc import Iterable, Mapping
from typing import Any

from streamlyt.base import Array, Batch, Position, Source
from streamlyt.errors import ParameterError
from streamlyt.pipeline import Pipeline

from ._ends import Parted
from ._shared import SharedStates

__all__ = ["HandOver"]


class HandOver:
    """What one engine does so that the partitions of its source can move.

    Parameters
    ----------
    source
        Whose partitions they are.
    shared
        The folder; None where there is none, and the memory stays where it is.
    kept
        Whether there is a run file.

    Raises
    ------
    ParameterError
        If there is a folder, and the source has no partitions or there is no run file.
    """

    def __init__(self, source: Source, shared: SharedStates | None, kept: bool) -> None:
        if shared is not None and not (isinstance(source, Parted) and kept):
            raise ParameterError(
                f"shared states must go with a source in partitions and a run file, got "
                f"{type(source).__name__} and {'a' if kept else 'no'} run file"
            )
        self._source = source if isinstance(source, Parted) else None
        self._shared = shared
        self._ahead: set[str] = set()  # partitions with rows that the folder does not know

    def begin(self) -> None:
        """Forget what was taken since the last checkpoint."""
        self._ahead.clear()

    def took(self, batch: Batch) -> None:
        """Note rows of a series."""
        if batch.n and self._shared is not None and self._source is not None:
            self._ahead.add(str(self._source.part_of(batch.key)))

    def adopt(
        self, position: Position | None
    ) -> tuple[dict[str, Any], dict[str, dict[str, dict[str, Array]]]]:
        """Return the positions and the memory that others left further on than ours are."""
        at: dict[str, Any] = {}
        memory: dict[str, dict[str, dict[str, Array]]] = {}
        if self._shared is not None and self._source is not None:
            for part in self._source.owned():
                found = self._shared.load(part)
                if found is not None and found[0] > int((position or {}).get(part, -1)):
                    at[part] = found[0]
                    memory |= found[1]
        elif self._source is not None:
            self._source.owned()  # nobody else's rows are read from here on without a rewind
        return at, memory

    def share(
        self, position: Position, pipeline: Pipeline, keys: Iterable[str], last: bool
    ) -> None:
        """Write the memory of our partitions as of a checkpoint, where it is time or the last."""
        if self._shared is None or self._source is None:
            return
        shared = self._shared
        due = [part for part in self._ahead if part in position and (last or shared.due(part))]
        if not due:
            return
        of: Mapping[str, list[str]] = {part: [] for part in due}
        for key in keys:
            of.get(str(self._source.part_of(key)), []).append(key)
        for part in due:
            self._shared.save(part, int(position[part]), pipeline.states(of[part]))
            self._ahead.discard(part)
