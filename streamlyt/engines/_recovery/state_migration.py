"""The memory of a partition handed from one process to the next, by way of a shared folder."""

from collections.abc import Iterable, Mapping
from typing import Any

from streamlyt.core import Array, Batch, Position, Source
from streamlyt.core.errors import ParameterError
from streamlyt.core.protocols import SupportsPartitions
from streamlyt.pipeline import Pipeline

from .shared_state import SharedStateStore

__all__ = ["StateMigration"]


class StateMigration:
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

    def __init__(self, source: Source, shared: SharedStateStore | None, kept: bool) -> None:
        if shared is not None and not (isinstance(source, SupportsPartitions) and kept):
            raise ParameterError(
                f"shared states must go with a source in partitions and a run file, got "
                f"{type(source).__name__} and {'a' if kept else 'no'} run file"
            )
        self._source = source if isinstance(source, SupportsPartitions) else None
        self._shared = shared
        self._ahead: set[str] = set()  # partitions with rows that the folder does not know

    def begin(self) -> None:
        """Forget what was taken since the last checkpoint."""
        self._ahead.clear()

    def mark_changed(self, batch: Batch) -> None:
        """Note rows of a series."""
        if batch.n_rows and self._shared is not None and self._source is not None:
            self._ahead.add(str(self._source.partition_of(batch.key)))

    def load_migrated(
        self, position: Position | None
    ) -> tuple[dict[str, Any], dict[str, dict[str, dict[str, Array]]]]:
        """Return the positions and the memory that others left further on than ours are."""
        at: dict[str, Any] = {}
        memory: dict[str, dict[str, dict[str, Array]]] = {}
        if self._shared is not None and self._source is not None:
            for part in self._source.assigned_partitions():
                found = self._shared.load(part)
                if found is not None and found[0] > int((position or {}).get(part, -1)):
                    at[part] = found[0]
                    memory |= found[1]
        elif self._source is not None:
            # From here on the rows of other workers are read after a rewind only.
            self._source.assigned_partitions()
        return at, memory

    def publish(
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
            of.get(str(self._source.partition_of(key)), []).append(key)
        for part in due:
            self._shared.save(part, int(position[part]), pipeline.states(of[part]))
            self._ahead.discard(part)
