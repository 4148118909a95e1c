"""One detector measured: on a law whose changes are known, and on annotated series."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from streamlyt.core import Floats
from streamlyt.core.errors import ParameterError

from .alarm_metrics import RunLength, match_alarms, run_length
from .annotated_series import AnnotatedSeries
from .candidates import Candidate, CandidateRun
from .segmentation_metrics import covering, f1_score
from .synthetic_streams import change_stream, no_change_stream

__all__ = [
    "BenchmarkPlan",
    "SeriesScore",
    "SyntheticScore",
    "score_on_generator",
    "score_on_series",
]

CHUNK = 256  # rows fed at once: what a micro-batch is
WARM = 512  # rows fed before any clock runs: kernels are then loaded


@dataclass(frozen=True)
class BenchmarkPlan:
    """How much is measured.

    Parameters
    ----------
    streams
        Streams without a change, and as many with changes.
    quiet_rows
        Rows of a stream without a change, after those that the detector learns from.
    segments, segment_rows
        Of a stream with changes.
    margin
        Rows that a change found may be off, in F1.
    seconds
        Of this clock, for each detector on each law, half of them for the run length; 0: no limit.
        What was not reached by then is not counted, so the figures depend on the machine.
    seed
        Of all streams.
    clock
        Seconds.

    Raises
    ------
    ParameterError
        If a number is too small.
    """

    streams: int = 10
    quiet_rows: int = 20_000
    segments: int = 6
    segment_rows: int = 2000
    margin: int = 5
    seconds: float = 0.0
    seed: int = 0
    clock: Callable[[], float] = field(default=time.perf_counter, repr=False)

    def __post_init__(self) -> None:
        for name, least in (
            *(("streams", 1), ("quiet_rows", 1), ("segments", 2), ("segment_rows", 1)),
            *(("margin", 0), ("seconds", 0), ("seed", 0)),
        ):
            if getattr(self, name) < least:
                raise ParameterError(
                    f"{name} must be at least {least}, got {getattr(self, name)!r}"
                )


@dataclass(frozen=True)
class SyntheticScore:
    """What one detector did on the streams of one law.

    Parameters
    ----------
    law, detector
        Their names.
    arl, arl_error, arl_least, false_alarms, quiet_rows
        Mean rows to the first false alarm as :class:`~streamlyt.evaluate.RunLength` has it, counted
        from where an alarm is possible; None where not a row was reached.
    delay, delay_error
        Mean rows from a change to its alarm, and the standard error.
    changes, missed, false
        Changes that were reached, those without an alarm before the next one, and alarms that
        belong to none, in the streams with changes.
    location_error
        Median rows between a change and where the detector says that it began.
    f1, covering
        Means over the streams with changes.
    microseconds
        CPU time a row.
    """

    law: str
    detector: str
    arl: float | None
    arl_error: float | None
    arl_least: float | None
    false_alarms: int
    quiet_rows: int
    delay: float | None
    delay_error: float | None
    changes: int
    missed: int
    false: int
    location_error: float | None
    f1: float | None
    covering: float | None
    microseconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and text, for JSON; a number that is not finite is None."""
        return _plain(asdict(self))


@dataclass(frozen=True)
class SeriesScore:
    """What one detector did on one annotated series.

    Parameters
    ----------
    series, detector, rows
        Names, and length of the series.
    f1, covering
        Against what people marked.
    found
        Rows where changes were found to begin.
    microseconds
        CPU time a row.
    """

    series: str
    detector: str
    rows: int
    f1: float
    covering: float
    found: tuple[int, ...]
    microseconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, text and lists, for JSON."""
        return _plain(asdict(self) | {"found": list(self.found)})


def score_on_generator(
    who: Candidate, law: str, plan: BenchmarkPlan | None = None
) -> SyntheticScore:
    """Measure a detector on streams of one law, without changes and with them.

    Parameters
    ----------
    who
        The detector.
    law
        One of :data:`streamlyt.evaluate.synthetic_streams.GENERATORS`.
    plan
        How much.

    Examples
    --------
    >>> from streamlyt.evaluate import candidate
    >>> plan = BenchmarkPlan(streams=2, quiet_rows=500, segments=2, segment_rows=500)
    >>> score = score_on_generator(candidate("never"), "gaussian", plan)
    >>> score.false_alarms, score.quiet_rows, score.missed, score.covering
    (0, 1000, 2, 0.5)
    """
    plan = plan or BenchmarkPlan()
    draw = no_change_stream(law, plan.seed)
    _Timed(who.start()).feed(draw(WARM))
    spent = _Spent(plan)
    runs = _quiet(who, law, plan, spent)
    return _with_changes(who, law, plan, spent, runs)


def score_on_series(who: Candidate, series: AnnotatedSeries, margin: int = 5) -> SeriesScore:
    """Measure a detector on one annotated series.

    Parameters
    ----------
    who
        The detector.
    series
        The series, and what people marked.
    margin
        Rows that a change found may be off, in F1.

    Examples
    --------
    >>> from streamlyt.evaluate import AnnotatedSeries, candidate
    >>> series = AnnotatedSeries("steps", np.arange(100.0)[:, None], {"": (50,)})
    >>> score_on_series(candidate("never"), series).covering
    0.5
    """
    _Timed(who.start()).feed(np.resize(series.values, (WARM, series.values.shape[1])))
    watch = _Timed(who.start())
    alarms = watch.feed(series.values)
    found = sorted({change for _, change in alarms})
    n = len(series.values)
    return SeriesScore(
        series=series.name,
        detector=who.name,
        rows=n,
        f1=f1_score(series.truth, found, margin),
        covering=covering(series.truth, found, n),
        found=tuple(found),
        microseconds=watch.microseconds,
    )


class _Timed:
    """A watch fed chunk by chunk, and the CPU time that it took."""

    def __init__(self, watch: CandidateRun) -> None:
        self._watch = watch
        self.seconds, self.rows = 0.0, 0

    def feed(self, rows: Floats) -> list[tuple[int, int]]:
        start = time.process_time()
        found = []
        for at in range(0, len(rows), CHUNK):
            found += self._watch.feed(rows[at : at + CHUNK])
        self.seconds += time.process_time() - start
        self.rows += len(rows)
        return found

    @property
    def microseconds(self) -> float:
        return 1e6 * self.seconds / self.rows if self.rows else 0.0


@dataclass
class _Spent:
    """The time and the rows that a detector has taken on a law."""

    plan: BenchmarkPlan
    cpu: float = 0.0
    rows: int = 0

    def __post_init__(self) -> None:
        self._start = self.plan.clock()

    def over(self, share: float) -> bool:
        """Return whether this share of the budget is spent."""
        limit = share * self.plan.seconds
        return limit > 0 and self.plan.clock() - self._start >= limit

    def add(self, watch: _Timed) -> None:
        self.cpu += watch.seconds
        self.rows += watch.rows


def _quiet(who: Candidate, law: str, plan: BenchmarkPlan, spent: _Spent) -> RunLength | None:
    """Run streams without a change, each to its first alarm."""
    lengths, ended = [], []
    for number in range(plan.streams):
        if spent.over(0.5):
            break
        draw = no_change_stream(law, _seed(plan, 2 * number))
        watch, last = _Timed(who.start()), who.warmup_rows + plan.quiet_rows
        alarm = None
        while watch.rows < last and alarm is None and not spent.over(0.5):
            found = watch.feed(draw(min(CHUNK, last - watch.rows)))
            alarm = found[0][0] if found else None
        spent.add(watch)
        reached = (watch.rows if alarm is None else alarm + 1) - who.warmup_rows
        if reached > 0:
            lengths.append(reached)
            ended.append(alarm is not None)
    return run_length(lengths, ended) if lengths else None


def _with_changes(
    who: Candidate, law: str, plan: BenchmarkPlan, spent: _Spent, runs: RunLength | None
) -> SyntheticScore:
    delays: list[int] = []
    errors: list[int] = []
    scores: list[tuple[float, float]] = []
    changes = missed = false = 0
    for number in range(plan.streams):
        if spent.over(1.0):
            break
        seed = _seed(plan, 2 * number + 1)
        rows, truth = change_stream(law, plan.segments, plan.segment_rows, seed)
        watch, found = _Timed(who.start()), []
        for at in range(0, len(rows), CHUNK):
            if spent.over(1.0):
                break
            found += watch.feed(rows[at : at + CHUNK])
        spent.add(watch)
        # A change is judged by the whole segment that follows it.
        n = watch.rows // plan.segment_rows * plan.segment_rows
        truth = [change for change in truth if change < n]
        if not truth:
            continue
        found = [pair for pair in found if pair[0] < n]
        matched = match_alarms([alarm for alarm, _ in found], truth)
        changes += len(truth)
        missed += len(matched.missed)
        false += len(matched.false_alarms)
        delays += matched.delays
        errors += _location_errors(truth, found, matched.detected)
        begun = sorted({change for _, change in found})
        scores.append((f1_score(truth, begun, plan.margin), covering(truth, begun, n)))
    return SyntheticScore(
        law=law,
        detector=who.name,
        arl=runs.mean if runs else None,
        arl_error=runs.error if runs else None,
        arl_least=runs.least if runs else None,
        false_alarms=runs.alarms if runs else 0,
        quiet_rows=runs.rows if runs else 0,
        delay=_mean(delays),
        delay_error=float(np.std(delays, ddof=1) / len(delays) ** 0.5) if delays[1:] else None,
        changes=changes,
        missed=missed,
        false=false,
        location_error=float(np.median(errors)) if errors else None,
        f1=_mean([f1 for f1, _ in scores]),
        covering=_mean([cover for _, cover in scores]),
        microseconds=1e6 * spent.cpu / spent.rows if spent.rows else 0.0,
    )


def _location_errors(
    truth: Sequence[int], found: Sequence[tuple[int, int]], matched: Sequence[int | None]
) -> list[int]:
    pairs = zip(truth, matched, strict=True)
    return [abs(found[at][1] - change) for change, at in pairs if at is not None]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _seed(plan: BenchmarkPlan, number: int) -> int:
    """Return the seed of a stream: the same for all detectors."""
    return int(np.random.default_rng([plan.seed, number]).integers(1 << 62))


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not np.isfinite(value) else value
        for name, value in record.items()
    }
