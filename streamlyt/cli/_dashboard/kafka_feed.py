"""Run feed of a result topic: copies the messages into a run file as they arrive."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from streamlyt.connectors import KafkaEventReader, KafkaSource, message_fields
from streamlyt.core import Batch, Event
from streamlyt.core.errors import StreamlytError
from streamlyt.dashboards import LiveRunFeed, memory_mb
from streamlyt.runfile import RunFile

__all__ = ["KafkaFeed", "Topics"]

ROWS, EVENTS = "kafka", "findings"  # names of the positions in the run file
_SAVE_S = 0.25  # the refresh interval of a page
_RETRY_S = 1.0  # between two reads of an empty topic
_TIME = "time"
DETECTED = ("statistic", "threshold", "alarm")
ALARM = "alarm column"  # replaces the detector name, which the rows do not contain


@dataclass(frozen=True)
class Topics:
    """The topics to read and how to decode them.

    Parameters
    ----------
    rows, events_topic
        Names of the topics. Without an events topic, each rise of the column ``alarm`` is an alarm.
    bootstrap_servers, security
        See :class:`~streamlyt.connectors.KafkaSource`.
    columns
        Fields that are channels. Empty: all fields of the first message except the time.
    codec, time_unit, offset_reset
        See :class:`~streamlyt.connectors.KafkaSource`.
    """

    rows: str
    events_topic: str | None = None
    bootstrap_servers: str = "127.0.0.1:9092"
    columns: Sequence[str] = ()
    codec: str = "json"
    time_unit: str = "ns"
    offset_reset: str = "earliest"
    security: Mapping[str, str] | None = None


class KafkaFeed(LiveRunFeed):
    """Run file that a thread of this process writes from Kafka topics.

    Parameters
    ----------
    topics
        The topics to read.
    path
        The run file. An existing one is resumed.
    trust
        Resume a run file that is not signed with the user's key.

    Raises
    ------
    SourceError
        If the topic does not exist, or the broker cannot be reached.
    """

    def __init__(self, topics: Topics, path: Path, trust: bool = False) -> None:
        super().__init__(path)
        self._trust = trust
        self.topics, self.name = topics, topics.rows
        self.rows = 0
        self._lag: int | None = None
        self._saved_at = time.monotonic()
        self._failed: StreamlytError | None = None
        self._closing = threading.Event()
        self._in_alarm: dict[str, bool] = {}
        self._counts: dict[str, int] = {}
        # Read here, so that a wrong name fails the command and not a page.
        self._first = None if topics.columns else self._first_fields()
        self._thread = threading.Thread(target=self._copy, name="kafka", daemon=True)
        self._thread.start()

    def poll(self) -> tuple[Any, int]:
        """Return the run and a version number that changes with new data.

        Raises
        ------
        StreamlytError
            If reading the topics failed.
        """
        if self._failed is not None:
            raise self._failed
        return super().poll()

    def metrics(self) -> dict[str, float]:
        """Return the process metrics for the page."""
        metrics = {"rows": float(self.rows), "memory": memory_mb()}
        metrics["checkpoint"] = time.monotonic() - self._saved_at
        if self._lag is not None:
            metrics["lag"] = float(self._lag)
        return metrics

    def close(self) -> None:
        """Stop the thread and close the run file."""
        self._closing.set()
        self._thread.join()
        super().close()

    def _copy(self) -> None:
        try:
            fields = self._fields()
            if fields is None:
                return
            columns = list(self.topics.columns) or [name for name in fields if name != _TIME]
            if self.path.exists():
                run = RunFile.open(self.path, write=True, trust=self._trust)
            else:
                run = RunFile.create(self.path, pipeline="")
            with run:
                self._copy_rows(run, columns, _TIME if _TIME in fields else None)
        except StreamlytError as error:
            self._failed = error

    def _fields(self) -> list[str] | None:
        """Return the fields of the first message; None if the feed is closed before it arrives."""
        if self.topics.columns:
            return [*self.topics.columns, _TIME]
        fields = self._first
        while fields is None and not self._closing.wait(_RETRY_S):
            fields = self._first_fields()
        return fields

    def _first_fields(self) -> list[str] | None:
        return message_fields(self.topics.rows, self.topics.bootstrap_servers, self.topics.security)

    def _copy_rows(self, run: RunFile, columns: list[str], time_field: str | None) -> None:
        topics = self.topics
        source = KafkaSource(
            topics.rows,
            columns,
            bootstrap_servers=topics.bootstrap_servers,
            codec=topics.codec,
            time_column=time_field,
            time_unit=topics.time_unit,
            auto_offset_reset=topics.offset_reset,
            security=topics.security,
        )
        reader = None
        try:
            if topics.events_topic is not None:
                start = run.position(EVENTS)
                reader = KafkaEventReader(
                    topics.events_topic, topics.bootstrap_servers, topics.security, start
                )
            self.rows = int(run.meta.get("rows") or 0)
            self._counts = {key: n for key, (n, _) in run.row_counts().items()}
            unsaved = False
            for batch, position in source.read(run.position(ROWS)):
                if self._closing.is_set():
                    return
                events = self._rises(batch) if reader is None else reader.poll()
                self._append(run, batch, events)
                unsaved = unsaved or bool(batch.n_rows or events)
                self._lag = source.lag()
                due = time.monotonic() - self._saved_at >= _SAVE_S
                if unsaved and due and position is not None:  # None: more rows of a message follow
                    positions = {ROWS: position}
                    if reader is not None:
                        positions[EVENTS] = dict(reader.position)
                    run.checkpoint(positions, {}, rows=self.rows)
                    self._saved_at, unsaved = time.monotonic(), False
        finally:
            source.close()
            if reader is not None:
                reader.close()

    def _append(self, run: RunFile, batch: Batch, events: Sequence[Event]) -> None:
        if batch.n_rows:
            run.write_rows(batch)
            self.rows += batch.n_rows
            self._counts[batch.key] = self._counts.get(batch.key, 0) + batch.n_rows
        for event in events:
            run.write_event(event)

    def _rises(self, batch: Batch) -> list[Event]:
        """Return one event for each rise of the column ``alarm``.

        The rows do not contain the change point: it is set to the row of the alarm.
        """
        if batch.schema.channel_names[-3:] != DETECTED or not batch.n_rows:
            return []
        in_alarm = batch.values[:, -1] > 0
        before = np.concatenate([[self._in_alarm.get(batch.key, False)], in_alarm[:-1]])
        self._in_alarm[batch.key] = bool(in_alarm[-1])
        first = self._counts.get(batch.key, 0)
        events = []
        for i in np.flatnonzero(in_alarm & ~before):
            row, time_ = batch.schema.source_row(first + int(i)), int(batch.times[i])
            statistic, threshold = batch.values[i, -3:-1].tolist()
            events.append(
                Event(
                    key=batch.key,
                    detector=ALARM,
                    alarm_index=row,
                    alarm_time=time_,
                    change_index=row,
                    change_time=time_,
                    statistic=statistic,
                    threshold=threshold,
                    time_unit=batch.schema.time_unit,
                )
            )
        return events
