"""The result topic of a pipeline as a run that is looked at: copied as it comes."""

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

ROWS, FINDINGS = "kafka", "findings"  # names of the positions in the run file
_SAVE_S = 0.25  # as often as a page looks
_AGAIN_S = 1.0  # until an empty topic is looked at once more
_TIME = "time"
DETECTED = ("statistic", "threshold", "alarm")
ALARM = "alarm column"  # in place of a detector's name, which the rows do not tell


@dataclass(frozen=True)
class Topics:
    """What is read, and how.

    Parameters
    ----------
    rows, findings
        Names of the topics; without findings, an alarm is where the column ``alarm`` rises.
    servers, access
        As for the source.
    columns
        Fields that are channels; empty for all of the first message but the time.
    codec, time_unit, begin
        As for the source.
    """

    rows: str
    findings: str | None = None
    servers: str = "127.0.0.1:9092"
    columns: Sequence[str] = ()
    codec: str = "json"
    time_unit: str = "ns"
    begin: str = "earliest"
    access: Mapping[str, str] | None = None


class KafkaFeed(LiveRunFeed):
    """A run file that a thread of this process writes from topics.

    Parameters
    ----------
    topics
        What is read.
    path
        The run file; one that is there is gone on with.
    trust
        Whether it is if it does not carry the mark of the user's key.

    Raises
    ------
    SourceError
        If there is no such topic, or the broker cannot be found.
    """

    def __init__(self, topics: Topics, path: Path, trust: bool = False) -> None:
        super().__init__(path)
        self._trust = trust
        self.topics, self.name = topics, topics.rows
        self.rows = 0
        self._lag: int | None = None
        self._saved_at = time.monotonic()
        self._failed: StreamlytError | None = None
        self._ended = threading.Event()
        self._risen: dict[str, bool] = {}
        self._counts: dict[str, int] = {}
        # Here, so that a wrong name is told where it was given, and not on a page.
        self._first = None if topics.columns else self._look()
        self._thread = threading.Thread(target=self._copy, name="kafka", daemon=True)
        self._thread.start()

    def poll(self) -> tuple[Any, int]:
        """Return the run, and a number that is another one after news.

        Raises
        ------
        StreamlytError
            If the topics cannot be read any more.
        """
        if self._failed is not None:
            raise self._failed
        return super().poll()

    def gauges(self) -> dict[str, float]:
        """Return what the page of the process shows."""
        told = {"rows": float(self.rows), "memory": memory_mb()}
        told["checkpoint"] = time.monotonic() - self._saved_at
        if self._lag is not None:
            told["lag"] = float(self._lag)
        return told

    def close(self) -> None:
        """End the thread, and close the file."""
        self._ended.set()
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
                self._follow(run, columns, _TIME if _TIME in fields else None)
        except StreamlytError as problem:
            self._failed = problem

    def _fields(self) -> list[str] | None:
        """Return the fields of the messages, once there is one; None if nobody waits any more."""
        if self.topics.columns:
            return [*self.topics.columns, _TIME]
        fields = self._first
        while fields is None and not self._ended.wait(_AGAIN_S):
            fields = self._look()
        return fields

    def _look(self) -> list[str] | None:
        return message_fields(self.topics.rows, self.topics.servers, self.topics.access)

    def _follow(self, run: RunFile, columns: list[str], at: str | None) -> None:
        topics = self.topics
        source = KafkaSource(
            topics.rows,
            columns,
            servers=topics.servers,
            codec=topics.codec,
            time=at,
            time_unit=topics.time_unit,
            begin=topics.begin,
            access=topics.access,
        )
        findings = None
        try:
            if topics.findings is not None:
                start = run.position(FINDINGS)
                findings = KafkaEventReader(topics.findings, topics.servers, topics.access, start)
            self.rows = int(run.meta.get("rows") or 0)
            self._counts = {key: n for key, (n, _) in run.row_counts().items()}
            news = False  # taken, and not saved yet
            for batch, position in source.read(run.position(ROWS)):
                if self._ended.is_set():
                    return
                found = self._rises(batch) if findings is None else findings.poll()
                self._take(run, batch, found)
                news = news or bool(batch.n_rows or found)
                self._lag = source.lag()
                due = time.monotonic() - self._saved_at >= _SAVE_S
                if news and due and position is not None:  # else rows of the same messages follow
                    positions = {ROWS: position}
                    if findings is not None:
                        positions[FINDINGS] = dict(findings.position)
                    run.checkpoint(positions, {}, rows=self.rows)
                    self._saved_at, news = time.monotonic(), False
        finally:
            source.close()
            if findings is not None:
                findings.close()

    def _take(self, run: RunFile, batch: Batch, found: Sequence[Event]) -> None:
        if batch.n_rows:
            run.write_rows(batch)
            self.rows += batch.n_rows
            self._counts[batch.key] = self._counts.get(batch.key, 0) + batch.n_rows
        for event in found:
            run.write_event(event)

    def _rises(self, batch: Batch) -> list[Event]:
        """Return an alarm wherever the column of that name rises.

        Where the change began nobody has said: it is set to the alarm.
        """
        if batch.schema.channel_names[-3:] != DETECTED or not batch.n_rows:
            return []
        hot = batch.values[:, -1] > 0
        before = np.concatenate([[self._risen.get(batch.key, False)], hot[:-1]])
        self._risen[batch.key] = bool(hot[-1])
        first = self._counts.get(batch.key, 0)
        found = []
        for i in np.flatnonzero(hot & ~before):
            number, when = batch.schema.source_row(first + int(i)), int(batch.times[i])
            statistic, threshold = batch.values[i, -3:-1].tolist()
            found.append(
                Event(
                    key=batch.key,
                    detector=ALARM,
                    alarm_index=number,
                    alarm_time=when,
                    change_index=number,
                    change_time=when,
                    statistic=statistic,
                    threshold=threshold,
                    time_unit=batch.schema.time_unit,
                )
            )
        return found
