"""State migration: a shared folder hands the states of a partition to the next process."""

from collections.abc import Iterable, Mapping
from typing import Any

from streamlyt.core import Array, Batch, Position, Source
from streamlyt.core.errors import ParameterError
from streamlyt.core.protocols import SupportsPartitions
from streamlyt.pipeline import Pipeline

from .shared_state import SharedStateStore

__all__ = ["StateMigration"]


class StateMigration:
    """The part of one engine in moving partitions between processes.

    Parameters
    ----------
    source
        Source of the partitions.
    store
        The shared folder; None: states do not migrate.
    has_runfile
        Whether there is a run file.

    Raises
    ------
    ParameterError
        If there is a store, and the source has no partitions or there is no run file.
    """

    def __init__(self, source: Source, store: SharedStateStore | None, has_runfile: bool) -> None:
        if store is not None and not (isinstance(source, SupportsPartitions) and has_runfile):
            raise ParameterError(
                f"shared states must be used with a source in partitions and a run file, got "
                f"{type(source).__name__} and {'a' if has_runfile else 'no'} run file"
            )
        self._source = source if isinstance(source, SupportsPartitions) else None
        self._store = store
        self._unpublished: set[str] = set()  # partitions with rows that the store does not cover

    @property
    def shares_states(self) -> bool:
        """Whether other processes continue from the states of this one."""
        return self._store is not None

    def begin(self) -> None:
        """Forget the rows since the last checkpoint."""
        self._unpublished.clear()

    def mark_changed(self, batch: Batch) -> None:
        """Record that the state of a series may have changed."""
        if batch.n_rows and self._store is not None and self._source is not None:
            self._unpublished.add(str(self._source.partition_of(batch.key)))

    def load_migrated(
        self, position: Position | None
    ) -> tuple[dict[str, Any], dict[str, dict[str, dict[str, Array]]]]:
        """Return the positions of partitions that others have read further, and their states."""
        positions: dict[str, Any] = {}
        states: dict[str, dict[str, dict[str, Array]]] = {}
        if self._store is not None and self._source is not None:
            for part in self._source.assigned_partitions():
                loaded = self._store.load(part)
                if loaded is not None and loaded[0] > int((position or {}).get(part, -1)):
                    positions[part] = loaded[0]
                    states |= loaded[1]
        elif self._source is not None:
            # Joins the group: rows of partitions assigned later are read after a rewind only.
            self._source.assigned_partitions()
        return positions, states

    def publish(
        self, position: Position, pipeline: Pipeline, keys: Iterable[str], last: bool
    ) -> None:
        """Write the states of our partitions as of a checkpoint, where due or for the last time."""
        if self._store is None or self._source is None:
            return
        store = self._store
        due = [part for part in self._unpublished if part in position and (last or store.due(part))]
        if not due:
            return
        keys_of: Mapping[str, list[str]] = {part: [] for part in due}
        for key in keys:
            keys_of.get(str(self._source.partition_of(key)), []).append(key)
        for part in due:
            self._store.save(part, int(position[part]), pipeline.states(keys_of[part]))
            self._unpublished.discard(part)
