"""How long tests wait: bounds in seconds of an idle machine, scaled up on a slower one."""

import functools
import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, TypeVar

import pytest

__all__ = [
    "HAPPENS_S",
    "VARIABLE",
    "Patience",
    "joined",
    "line_of",
    "patience",
    "scaled",
    "wait_for",
]

T = TypeVar("T")

VARIABLE = "STREAMLYT_TEST_PATIENCE"

# For events that must happen, however late. A successful wait ends at once, so this bound costs
# time only if the test fails.
HAPPENS_S = 60.0

_STEPS = 2_000_000
_REFERENCE_S = (
    0.27  # of `_work` on one of two idle cores, for which the bounds in the tests were chosen
)
_MAX_FACTOR = 10.0  # a larger factor would delay the report of a failure too long


def _work() -> int:
    """Return the end of a sequence of fixed length: work for one core, without memory or files."""
    x = 1
    for _ in range(_STEPS):
        x = (1_103_515_245 * x + 12_345) & 0x7FFFFFFF
    return x


def _measured() -> float:
    """Return the duration of some work now, relative to the reference machine."""
    start = time.perf_counter()
    _work()
    return (time.perf_counter() - start) / _REFERENCE_S


@dataclass
class Patience:
    """The factor by which tests wait longer than on the reference machine.

    The factor is measured once, and again whenever a wait has reached its bound, since the load
    may have increased. It never decreases, and is between 1 and 10.

    Parameters
    ----------
    given
        The factor set in the environment, at least 1; measured if None.
    measure
        Returns how many times slower than the reference the machine is now.

    Attributes
    ----------
    longer
        A line for each wait that exceeded its first bound, in order.

    Raises
    ------
    pytest.UsageError
        If ``given`` is not a number of at least 1.

    Examples
    --------
    >>> load = iter([0.9, 2.5, 1.5])
    >>> patience = Patience(measure=lambda: next(load))
    >>> patience.factor, patience.remeasure(), patience.remeasure()
    (1.0, 2.5, 2.5)
    >>> Patience("3").remeasure()
    3.0
    """

    given: str | None = None
    measure: Callable[[], float] = _measured
    longer: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._factor: float | None = None
        if self.given is None:
            return
        try:
            self._factor = float(self.given)
        except ValueError:
            self._factor = math.nan
        if not 1 <= self._factor < math.inf:
            raise pytest.UsageError(
                f"{VARIABLE} must be a number of at least 1, got {self.given!r}; "
                "leave it out to have the factor measured"
            )

    @property
    def factor(self) -> float:
        """The factor, measured on first use (dimensionless)."""
        return self.remeasure() if self._factor is None else self._factor

    def remeasure(self) -> float:
        """Measure again, unless the factor is given; return the largest factor so far."""
        if self.given is None:
            self._factor = max(self._factor or 1.0, min(self.measure(), _MAX_FACTOR))
        assert self._factor is not None
        return self._factor

    def header(self) -> str:
        """Return the header line of a test session."""
        if self.given is not None:
            return f"{VARIABLE} is {self.given}: tests wait {self.factor:.1f} times longer"
        if round(self.factor, 1) <= 1.0:
            return "machine is as fast as the reference: tests wait no longer than they state"
        return (
            f"machine is {self.factor:.1f} times slower than the reference: "
            f"tests wait {self.factor:.1f} times longer"
        )


@functools.cache
def patience() -> Patience:
    """Return the patience of this process; each parallel worker measures its own."""
    return Patience(os.environ.get(VARIABLE))


def scaled(seconds: float) -> float:
    """Return a bound for this machine, from seconds on the reference machine (s)."""
    return seconds * patience().factor


def wait_for(
    condition: Callable[[], T],
    seconds: float,
    what: str | Callable[[], str],
    *,
    every: float = 0.05,
    by: Patience | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> T:
    """Call a condition until it is true, and return its result.

    Parameters
    ----------
    condition
        Called at least once, and once more after the bound has passed. Its exceptions propagate.
    seconds
        Bound on the reference machine (s).
    what
        The awaited event as a clause: ``"the daemon is ready"``. A function is called after a
        failed wait, so that it can include the last state.
    every
        Pause between two calls (s).
    by
        The factor of the bound; that of the process if None.
    clock, sleep
        Replace the clock of the machine in tests of this function.

    Raises
    ------
    AssertionError
        If the condition did not become true in time; states the event, the duration and the factor.
    """
    by = by or patience()
    factor, start = by.factor, clock()
    while True:
        late = clock() - start >= seconds * factor
        if value := condition():
            return value
        if late:
            event = what if isinstance(what, str) else what()
            if (longer := by.remeasure()) <= factor:
                raise AssertionError(
                    f"it did not happen within {seconds * factor:.1f} s that {event} "
                    f"({seconds:g} s on the reference machine, {factor:.1f} times longer here)"
                )
            by.longer.append(
                f"machine is {longer:.1f} times slower than the reference: waited up to "
                f"{seconds * longer:.1f} instead of {seconds * factor:.1f} s that {event}"
            )
            factor = longer
        sleep(every)


def joined(thread: threading.Thread, what: str, seconds: float = HAPPENS_S) -> None:
    """Wait until a thread has ended.

    Raises
    ------
    AssertionError
        If it did not end in time.
    """
    wait_for(lambda: not thread.is_alive(), seconds, what, every=0.01)


def line_of(stream: IO[str], what: str, seconds: float = HAPPENS_S) -> str:
    """Return the next line of a process; empty at the end of its stream.

    Raises
    ------
    AssertionError
        If none arrived in time.
    """
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.append(stream.readline()), daemon=True)
    reader.start()
    joined(reader, what, seconds)
    return lines[0]
