"""Benchmark of a detector on synthetic streams and on annotated series."""

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

CHUNK = 256  # rows per batch
WARM = 512  # rows processed before timing starts, so that kernels are compiled


@dataclass(frozen=True)
class BenchmarkPlan:
    """Size of a benchmark.

    Parameters
    ----------
    n_streams
        Number of streams without a change, and of streams with changes.
    n_rows
        Rows of a no-change stream, after the warm-up of the detector.
    segments, segment_rows
        Number and length of the segments of a stream with changes.
    margin
        Localization tolerance of F1 in rows.
    time_limit
        Time limit by ``clock`` for each detector on each generator, half of it for the run length;
        0: no limit. Rows beyond it are not counted, so the figures depend on the machine.
    seed
        Seed of all streams.
    clock
        Returns the time in seconds.

    Raises
    ------
    ParameterError
        If a number is too small.
    """

    n_streams: int = 10
    n_rows: int = 20_000
    segments: int = 6
    segment_rows: int = 2000
    margin: int = 5
    time_limit: float = 0.0
    seed: int = 0
    clock: Callable[[], float] = field(default=time.perf_counter, repr=False)

    def __post_init__(self) -> None:
        for name, least in (
            *(("n_streams", 1), ("n_rows", 1), ("segments", 2), ("segment_rows", 1)),
            *(("margin", 0), ("time_limit", 0), ("seed", 0)),
        ):
            if getattr(self, name) < least:
                raise ParameterError(
                    f"{name} must be at least {least}, got {getattr(self, name)!r}"
                )


@dataclass(frozen=True)
class SyntheticScore:
    """Scores of one detector on the streams of one generator.

    Parameters
    ----------
    generator, detector
        Names of the generator and the detector.
    arl, arl_error, arl_least, false_alarms, no_change_rows
        Mean rows to the first false alarm as in :class:`~streamlyt.evaluate.RunLength`, counted
        after the warm-up; None if no row was reached.
    delay, delay_error
        Mean detection delay in rows, and its standard error.
    changes, missed, false
        Changes that were reached, those without an alarm before the next one, and alarms that
        match none, in the streams with changes.
    location_error
        Median rows between a change and its estimated position.
    f1, covering
        Means over the streams with changes.
    microseconds
        CPU time per row.
    """

    generator: str
    detector: str
    arl: float | None
    arl_error: float | None
    arl_least: float | None
    false_alarms: int
    no_change_rows: int
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
        """Return plain numbers and text, for JSON; non-finite numbers become None."""
        return _plain(asdict(self))


@dataclass(frozen=True)
class SeriesScore:
    """Scores of one detector on one annotated series.

    Parameters
    ----------
    series, detector, rows
        Names of series and detector, and length of the series.
    f1, covering
        Scores against the annotations.
    found
        Estimated rows of the changes.
    microseconds
        CPU time per row.
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
    candidate: Candidate, generator: str, plan: BenchmarkPlan | None = None
) -> SyntheticScore:
    """Score a detector on streams of one generator, without and with changes.

    Parameters
    ----------
    candidate
        The detector.
    generator
        One of :data:`streamlyt.evaluate.synthetic_streams.GENERATORS`.
    plan
        Size of the benchmark; None for the defaults.

    Examples
    --------
    >>> from streamlyt.evaluate import candidate
    >>> plan = BenchmarkPlan(n_streams=2, n_rows=500, segments=2, segment_rows=500)
    >>> score = score_on_generator(candidate("never"), "gaussian", plan)
    >>> score.false_alarms, score.no_change_rows, score.missed, score.covering
    (0, 1000, 2, 0.5)
    """
    plan = plan or BenchmarkPlan()
    draw = no_change_stream(generator, plan.seed)
    _Timed(candidate.start()).feed(draw(WARM))
    budget = _Budget(plan)
    runs = _without_changes(candidate, generator, plan, budget)
    return _with_changes(candidate, generator, plan, budget, runs)


def score_on_series(candidate: Candidate, series: AnnotatedSeries, margin: int = 5) -> SeriesScore:
    """Score a detector on one annotated series.

    Parameters
    ----------
    candidate
        The detector.
    series
        The annotated series.
    margin
        Localization tolerance of F1 in rows.

    Examples
    --------
    >>> from streamlyt.evaluate import AnnotatedSeries, candidate
    >>> series = AnnotatedSeries("steps", np.arange(100.0)[:, None], {"": (50,)})
    >>> score_on_series(candidate("never"), series).covering
    0.5
    """
    _Timed(candidate.start()).feed(np.resize(series.values, (WARM, series.values.shape[1])))
    run = _Timed(candidate.start())
    alarms = run.feed(series.values)
    found = sorted({change for _, change in alarms})
    n = len(series.values)
    return SeriesScore(
        series=series.name,
        detector=candidate.name,
        rows=n,
        f1=f1_score(series.truth, found, margin),
        covering=covering(series.truth, found, n),
        found=tuple(found),
        microseconds=run.microseconds,
    )


class _Timed:
    """A candidate run, fed in batches, with its CPU time."""

    def __init__(self, run: CandidateRun) -> None:
        self._run = run
        self.seconds, self.rows = 0.0, 0

    def feed(self, rows: Floats) -> list[tuple[int, int]]:
        start = time.process_time()
        alarms = []
        for offset in range(0, len(rows), CHUNK):
            alarms += self._run.feed(rows[offset : offset + CHUNK])
        self.seconds += time.process_time() - start
        self.rows += len(rows)
        return alarms

    @property
    def microseconds(self) -> float:
        return 1e6 * self.seconds / self.rows if self.rows else 0.0


@dataclass
class _Budget:
    """Time and rows that a detector has used on a generator."""

    plan: BenchmarkPlan
    cpu: float = 0.0
    rows: int = 0

    def __post_init__(self) -> None:
        self._start = self.plan.clock()

    def is_spent(self, share: float) -> bool:
        """Return whether this share of the budget is budget."""
        limit = share * self.plan.time_limit
        return limit > 0 and self.plan.clock() - self._start >= limit

    def add(self, run: _Timed) -> None:
        self.cpu += run.seconds
        self.rows += run.rows


def _without_changes(
    candidate: Candidate, generator: str, plan: BenchmarkPlan, budget: _Budget
) -> RunLength | None:
    """Run streams without a change, each to its first alarm."""
    lengths, ended = [], []
    for number in range(plan.n_streams):
        if budget.is_spent(0.5):
            break
        draw = no_change_stream(generator, _seed(plan, 2 * number))
        run, last = _Timed(candidate.start()), candidate.warmup_rows + plan.n_rows
        alarm = None
        while run.rows < last and alarm is None and not budget.is_spent(0.5):
            alarms = run.feed(draw(min(CHUNK, last - run.rows)))
            alarm = alarms[0][0] if alarms else None
        budget.add(run)
        reached = (run.rows if alarm is None else alarm + 1) - candidate.warmup_rows
        if reached > 0:
            lengths.append(reached)
            ended.append(alarm is not None)
    return run_length(lengths, ended) if lengths else None


def _with_changes(
    candidate: Candidate,
    generator: str,
    plan: BenchmarkPlan,
    budget: _Budget,
    runs: RunLength | None,
) -> SyntheticScore:
    delays: list[int] = []
    errors: list[int] = []
    scores: list[tuple[float, float]] = []
    changes = missed = false = 0
    for number in range(plan.n_streams):
        if budget.is_spent(1.0):
            break
        seed = _seed(plan, 2 * number + 1)
        rows, truth = change_stream(generator, plan.segments, plan.segment_rows, seed)
        run, alarms = _Timed(candidate.start()), []
        for offset in range(0, len(rows), CHUNK):
            if budget.is_spent(1.0):
                break
            alarms += run.feed(rows[offset : offset + CHUNK])
        budget.add(run)
        # Score a change only if the complete segment after it was processed.
        n = run.rows // plan.segment_rows * plan.segment_rows
        truth = [change for change in truth if change < n]
        if not truth:
            continue
        alarms = [pair for pair in alarms if pair[0] < n]
        matched = match_alarms([alarm for alarm, _ in alarms], truth)
        changes += len(truth)
        missed += len(matched.missed)
        false += len(matched.false_alarms)
        delays += matched.delays
        errors += _location_errors(truth, alarms, matched.detected)
        estimated = sorted({change for _, change in alarms})
        scores.append((f1_score(truth, estimated, plan.margin), covering(truth, estimated, n)))
    return SyntheticScore(
        generator=generator,
        detector=candidate.name,
        arl=runs.mean if runs else None,
        arl_error=runs.error if runs else None,
        arl_least=runs.least if runs else None,
        false_alarms=runs.alarms if runs else 0,
        no_change_rows=runs.rows if runs else 0,
        delay=_mean(delays),
        delay_error=float(np.std(delays, ddof=1) / len(delays) ** 0.5) if delays[1:] else None,
        changes=changes,
        missed=missed,
        false=false,
        location_error=float(np.median(errors)) if errors else None,
        f1=_mean([f1 for f1, _ in scores]),
        covering=_mean([cover for _, cover in scores]),
        microseconds=1e6 * budget.cpu / budget.rows if budget.rows else 0.0,
    )


def _location_errors(
    truth: Sequence[int], alarms: Sequence[tuple[int, int]], matched: Sequence[int | None]
) -> list[int]:
    pairs = zip(truth, matched, strict=True)
    return [abs(alarms[index][1] - change) for change, index in pairs if index is not None]


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
