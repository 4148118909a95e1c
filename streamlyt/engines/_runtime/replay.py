"""A recorded source read from some place on, as fast as its own clock went, or by a factor."""

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

_EACH_S = 0.05  # rows of so much time on the wall go on together


_Reading = Iterator[tuple[Batch, Position | None]]


class ReplaySource:
    """What is read of a source, and when.

    The rows are those of the source, in its order; only how they are cut into batches differs,
    which changes nothing of what comes out.

    Parameters
    ----------
    source
        What is read. It stays what it is for the run file; only its ``read`` is another.
    begin
        Where: the number of a row (of a frame, of the messages of each partition), or a time, in
        ISO 8601 or as a span since zero (``"90s"``): then the first row that is not before it.
        None for the beginning.
    speed
        Seconds of the stream a second; None for as fast as it goes.
    clock, wait
        Seconds that only grow; and what waits so many of them, or less where it returns True.

    Raises
    ------
    ParameterError
        If the speed is not positive, ``begin`` is neither, or the times of the source tell
        nothing of a clock.
    SourceError
        If the source cannot begin there.
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
        self._over = Event()
        self._clock, self._wait = clock, wait or self._over.wait
        self._unit = source.schema.time_unit
        self._start, self._time = self._place(source, begin)
        self._ticks = None if speed is None else speed * self._a_second()
        self._read: Callable[..., _Reading] = source.read
        self._own = source

    def install(self) -> None:
        """Let the source be read so from now on."""
        # In the object, not in a class about it: the run file and the engine are to see what it is.
        vars(self._own).update(read=self.read, wakeup=self._interrupted(self._own))

    def read(self, start: Position | None = None, *rest: Any) -> _Reading:
        """Yield the batches of the source, from a position on if one is given."""
        batches = self._read(self._start if start is None else start, *rest)
        if self._time is not None:
            batches = self._since(batches, self._time)
        return batches if self._ticks is None else self._paced(batches, self._ticks)

    def _paced(self, batches: _Reading, ticks: float) -> _Reading:
        began, first = self._clock(), None
        for batch, position in batches:
            if not batch.n_rows:
                yield batch, position
                continue
            if first is None:
                first = int(batch.times[0])
            due = (batch.times - first) / ticks
            at = 0
            while at < batch.n_rows:
                self._wait(max(0.0, began + float(due[at]) - self._clock()))
                now = max(self._clock() - began, float(due[at])) + _EACH_S
                end = (
                    batch.n_rows if self._over.is_set() else int(np.searchsorted(due, now, "right"))
                )
                yield batch.slice(at, end), position if end == batch.n_rows else None
                at = end

    @staticmethod
    def _since(batches: _Reading, time: int) -> _Reading:
        for batch, position in batches:
            after = int(np.searchsorted(batch.times, time))
            yield batch.slice(after, batch.n_rows), position

    def _place(self, source: Source, begin: str | None) -> tuple[Position | None, int | None]:
        if begin is None:
            return None, None
        if begin.strip().isascii() and begin.strip().isdecimal():
            if not isinstance(source, SupportsSeek):
                raise SourceError(
                    f"a {type(source).__name__} cannot begin at a row by its number, got "
                    f"{begin!r}; give a time"
                )
            return source.position_of_row(int(begin)), None
        try:
            return None, parse_duration("from", begin, self._unit)
        except ParameterError as error:
            not_a_span = error
        try:
            if self._unit == "ns":
                return None, parse_iso_time(begin)
        except DecodeError as error:
            raise ParameterError(
                f"from must be the number of a row, ISO 8601 (2024-01-31T12:00:00Z) or a span "
                f"since zero like 90s, got {begin!r}"
            ) from error
        raise not_a_span

    def _a_second(self) -> int:
        try:
            return parse_duration("speed", "1s", self._unit)
        except ParameterError as error:
            raise ParameterError(
                f"speed must go with times that a clock gives, got times in {self._unit!r}; name "
                f"the column of the time in the source, or leave speed out"
            ) from error

    def _interrupted(self, source: Source) -> Callable[[], None]:
        def stop() -> None:
            self._over.set()  # the rest of the batch at hand comes at once
            own()

        own: Callable[[], None] = getattr(source, "wakeup", lambda: None)
        return stop
