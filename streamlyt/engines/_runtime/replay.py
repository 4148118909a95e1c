"""Replay of a recorded source from a start position, at a speed factor."""

from collections.abc import Callable, Iterator
from threading import Event
from time import monotonic
from typing import Any

import numpy as np

from streamlyt.core import Batch, Position, Source
from streamlyt.core.errors import DecodeError, ParameterError, SourceError
from streamlyt.core.protocols import SupportsSeek
from streamlyt.core.times import parse_duration, parse_iso_time

__all__ = ["ReplaySource"]

_BATCH_S = 0.05  # wall-clock time whose rows are released together

_Reading = Iterator[tuple[Batch, Position | None]]


class ReplaySource:
    """Controls where reading a source starts, and how fast it goes.

    The rows are those of the source, in its order. Batch boundaries differ, which does not change
    the output.

    Parameters
    ----------
    source
        Source to read. For the run file it stays the same; only its ``read`` is replaced.
    begin
        The number of a row (of a frame, of a message in each partition), or a time, in ISO 8601
        or as a duration since zero (``"90s"``): the first row that is not before it. None starts
        at the first row.
    speed
        Seconds of the stream per second; None for no limit.
    clock, wait
        Monotonic seconds; and a function that waits a number of them, or less if it returns True.

    Raises
    ------
    ParameterError
        If the speed is not positive, ``begin`` is neither, or the times of the source are no
        clock times.
    SourceError
        If the source cannot start there.
    """

    def __init__(
        self,
        source: Source,
        begin: str | None = None,
        speed: float | None = None,
        clock: Callable[[], float] = monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        if speed is not None and not 0 < speed < np.inf:
            raise ParameterError(f"speed must be positive, got {speed!r}")
        self._stopped = Event()
        self._clock, self._wait = clock, wait or self._stopped.wait
        self._unit = source.schema.time_unit
        self._start, self._time = self._parse_start(source, begin)
        self._ticks = None if speed is None else speed * self._ticks_per_second()
        self._read: Callable[..., _Reading] = source.read
        self._source = source

    def install(self) -> None:
        """Replace ``read`` and ``wakeup`` of the source."""
        # On the object, not by a wrapper class: run file and engine must see the source's class.
        vars(self._source).update(read=self.read, wakeup=self._stop_with(self._source))

    def read(self, start: Position | None = None, *rest: Any) -> _Reading:
        """Yield the batches of the source, from a position if one is given."""
        batches = self._read(self._start if start is None else start, *rest)
        if self._time is not None:
            batches = self._since(batches, self._time)
        return batches if self._ticks is None else self._paced(batches, self._ticks)

    def _paced(self, batches: _Reading, ticks: float) -> _Reading:
        started, first = self._clock(), None
        for batch, position in batches:
            if not batch.n_rows:
                yield batch, position
                continue
            if first is None:
                first = int(batch.times[0])
            due = (batch.times - first) / ticks
            at = 0
            while at < batch.n_rows:
                self._wait(max(0.0, started + float(due[at]) - self._clock()))
                now = max(self._clock() - started, float(due[at])) + _BATCH_S
                end = (
                    batch.n_rows
                    if self._stopped.is_set()
                    else int(np.searchsorted(due, now, "right"))
                )
                yield batch.slice(at, end), position if end == batch.n_rows else None
                at = end

    @staticmethod
    def _since(batches: _Reading, time: int) -> _Reading:
        for batch, position in batches:
            after = int(np.searchsorted(batch.times, time))
            yield batch.slice(after, batch.n_rows), position

    def _parse_start(self, source: Source, begin: str | None) -> tuple[Position | None, int | None]:
        if begin is None:
            return None, None
        if begin.strip().isascii() and begin.strip().isdecimal():
            if not isinstance(source, SupportsSeek):
                raise SourceError(
                    f"from must be a time for a {type(source).__name__}, got {begin!r}; its rows "
                    f"cannot be addressed by number"
                )
            return source.position_of_row(int(begin)), None
        try:
            return None, parse_duration("from", begin, self._unit)
        except ParameterError as error:
            not_a_duration = error
        try:
            if self._unit == "ns":
                return None, parse_iso_time(begin)
        except DecodeError as error:
            raise ParameterError(
                f"from must be the number of a row, ISO 8601 (2024-01-31T12:00:00Z) or a "
                f"duration since zero (90s), got {begin!r}"
            ) from error
        raise not_a_duration

    def _ticks_per_second(self) -> int:
        try:
            return parse_duration("speed", "1s", self._unit)
        except ParameterError as error:
            raise ParameterError(
                f"speed must be used with clock times, got times in {self._unit!r}; name the time "
                f"column of the source, or leave speed out"
            ) from error

    def _stop_with(self, source: Source) -> Callable[[], None]:
        def stop() -> None:
            self._stopped.set()  # the rest of the current batch is released at once
            wakeup()

        wakeup: Callable[[], None] = getattr(source, "wakeup", lambda: None)
        return stop
