from itertools import count

import numpy as np
import pytest

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import ParameterError
from streamlyt.detectors import NEWMA
from streamlyt.evaluate import (
    AnnotatedSeries,
    BenchmarkPlan,
    Candidate,
    candidate,
    change_stream,
    covering,
    f1_score,
    score_on_generator,
    score_on_series,
)
from tests._arrays import assert_same_bits

SMALL = BenchmarkPlan(n_streams=2, n_rows=1000, segments=3, segment_rows=400)


class Every:
    """Reports a change at a fixed interval, 7 rows after its start."""

    def __init__(self, rows):
        self.rows, self.seen = rows, 0

    def feed(self, values):
        first, self.seen = self.seen, self.seen + len(values)
        return [(r, r - 7) for r in range(first, self.seen) if r % self.rows == self.rows - 1]


def every(rows, learning=0):
    return Candidate(f"every {rows}", lambda: Every(rows), learning)


class Counts:
    """A detector with river's interface: alarms at each number above a height."""

    def __init__(self, height=3.0, seed=None):
        self.height, self.seed, self.drift_detected = height, seed, False

    def update(self, x):
        self.drift_detected = x > self.height


class Together(Counts):
    multivariate = True

    def update(self, x):
        super().update(x["x0"] + x["x1"])


class Loud:
    def update(self, x):
        raise AssertionError("never run")


def test_scores_match_a_hand_calculation():
    score = score_on_generator(every(300), "gaussian", SMALL)
    assert (score.arl, score.arl_error, score.false_alarms, score.no_change_rows) == (
        300,
        0,
        2,
        600,
    )
    # Alarms at 299, 599, 899 and 1199; changes at 400 and 800: delays 199 and 99, two false alarms.
    assert (score.delay, score.changes, score.missed, score.false) == (149, 4, 0, 4)
    assert score.location_error == (192 + 92) / 2
    found = [292, 592, 892, 1192]
    assert score.covering == pytest.approx(covering([400, 800], found, 1200))
    assert score.f1 == pytest.approx(f1_score([400, 800], found))


def test_run_length_starts_after_the_warm_up():
    score = score_on_generator(every(300, learning=200), "gaussian", SMALL)
    assert (score.arl, score.no_change_rows) == (100, 200)
    cut = score_on_generator(every(5000, learning=200), "gaussian", SMALL)
    assert (cut.false_alarms, cut.no_change_rows, cut.missed) == (0, 2000, 4)
    assert cut.to_dict()["arl"] is None
    assert cut.arl_least == pytest.approx(2000 / np.log(20))


def test_rows_beyond_the_time_limit_are_not_counted():
    ticks = count()
    plan = BenchmarkPlan(2, 1000, 3, 400, time_limit=7, clock=lambda: float(next(ticks)))
    score = score_on_generator(every(300), "gaussian", plan)
    # The clock advances at each call: the no-change half ends after one run, and the 400 rows that
    # follow are too few to score a change.
    assert (score.no_change_rows, score.changes, score.delay, score.covering) == (
        300,
        0,
        None,
        None,
    )


def test_detectors_get_the_same_streams_and_the_seed_decides_them():
    seen = []

    class Keeps(Every):
        def feed(self, values):
            seen.append(values.copy())
            return []

    for seed in (0, 0, 1):
        score_on_generator(
            Candidate("keeps", lambda: Keeps(9)), "binary", BenchmarkPlan(1, 100, 2, 50, seed=seed)
        )
    first, same, other = (np.concatenate(seen[i : i + len(seen) // 3]) for i in range(0, 12, 4))
    assert_same_bits(first, same)
    assert not np.array_equal(first, other)


def test_an_operator_runs_as_outside_the_benchmark():
    rows, _ = change_stream("gaussian", 2, 1500, seed=0)
    batch = Batch("", np.arange(3000), rows, Schema.of(*(f"x{i}" for i in range(20))))
    _, events = NEWMA(20, seed=5).update(batch)
    assert events
    watch = candidate("newma(window=20)", seed=5).start()
    parts = [pair for at in range(0, 3000, 700) for pair in watch.feed(rows[at : at + 700])]
    assert parts == [(event.alarm_index, event.change_index) for event in events]


def test_one_copy_per_channel_and_any_alarm_is_an_alarm():
    rows = np.zeros((6, 2))
    rows[2, 1] = rows[4] = 5
    watch = candidate(f"{__name__}:Counts(height=4)").start()
    assert watch.feed(rows[:3]) + watch.feed(rows[3:]) == [(2, 2), (4, 4)]


def test_a_multivariate_class_receives_a_dictionary():
    rows = np.array([[2.0, 0.0], [2, 2], [0, 0]])
    assert candidate(f"{__name__}:Together").start().feed(rows) == [(1, 1)]


def test_detectors_of_river_run():
    rows, _ = change_stream("gaussian", 2, 1000, seed=0)
    found = candidate("river.drift:ADWIN(delta=1e-6)").start().feed(rows)
    assert [1000 <= alarm < 1200 for alarm, _ in found] == [True]


def test_seed_is_passed_to_classes_that_accept_one_unless_given():
    one = candidate(f"{__name__}:Counts", seed=4).start()
    one.feed(np.zeros((1, 1)))
    assert one._copies[0].seed == 4
    other = candidate(f"{__name__}:Counts(seed=9)", seed=4).start()
    other.feed(np.zeros((1, 1)))
    assert other._copies[0].seed == 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nwma", "did you mean newma"),
        ("newma(20)", "written like 'newma"),
        ("newma(window=", "written like 'newma"),
        ("newma(window=open('x'))", "written like 'newma"),
        ("newma(wind=3)", "must fit the class"),
        ("newma(window=1)", "window must be from 2"),
        ("nowhere.at_all:Thing", "importable module:Class"),
        ("river.drift:Nothing", "importable module:Class"),
        (f"{__name__}:Loud", "must be an Operator or have update"),
    ],
)
def test_text_that_names_no_detector_is_rejected(text, message):
    with pytest.raises(ParameterError, match=message):
        candidate(text)


def test_series_is_scored_against_its_annotations():
    values = np.random.default_rng(0).normal(size=(1000, 1))
    series = AnnotatedSeries("s", values, {"a": (290,), "b": (290, 600)})
    score = score_on_series(every(300), series)
    assert score.found == (292, 592, 892)
    assert score.covering == covering(series.truth, score.found, 1000)
    assert score.f1 == f1_score(series.truth, score.found, 5)
    assert score_on_series(every(300), series, margin=10).f1 > score.f1
    assert score.to_dict()["found"] == [292, 592, 892]


def test_an_invalid_plan_is_rejected():
    with pytest.raises(ParameterError, match="segments must be at least 2, got 1"):
        BenchmarkPlan(segments=1)
