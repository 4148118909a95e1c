"""The base class of detectors: channels, events and rejected rows."""

import numpy as np
import pytest

from streamlyt.core import AlarmPolicy, Batch, Channel, Detector, Schema
from streamlyt.core.errors import DataError
from streamlyt.operator_checks import check_operator


class Level(Detector):
    """The first column against a number."""

    def __init__(self, level=3.0, search_rows=64, alarm_policy=AlarmPolicy()):  # noqa: B008 - it is frozen
        super().__init__()
        self.level, self.search_rows, self.alarm_policy = level, search_rows, alarm_policy

    def score(self, values):
        return values[:, 0].copy(), np.full(len(values), self.level)


SCHEMA = Schema(
    (Channel("x", group="A"), Channel("y", group="B")),
    time_unit="fs",
    row_label="frame",
    first_row=500,
    row_step=10,
)


def steps(n=400, at=300):
    rows = np.random.default_rng(0).normal(size=(n, 2)) * 0.1
    rows[at:, 0] += 5.0
    return Batch("k", 70_000 + 2000 * np.arange(n), rows, SCHEMA)


def test_input_is_followed_by_statistic_threshold_and_alarm():
    batch = steps()
    out, _ = Level().update(batch)
    assert out.schema.channel_names == ("x", "y", "statistic", "threshold", "alarm")
    assert out.schema.first_row == 500
    np.testing.assert_array_equal(out.values[:, :2], batch.values)
    np.testing.assert_array_equal(out.values[:, 2], batch.values[:, 0])
    np.testing.assert_array_equal(out.values[:, 3], 3.0)
    np.testing.assert_array_equal(out.values[:, 4], np.arange(400) >= 300)
    np.testing.assert_array_equal(out.times, batch.times)
    assert out.key == "k"


@pytest.mark.parametrize("size", [1, 7, 300, 301, 400])
def test_event_has_rows_and_times_of_the_source(size):
    detector, batch, events = Level(), steps(), []
    for start in range(0, batch.n_rows, size):
        events += detector.update(batch.slice(start, start + size))[1]
    [event] = events
    assert (event.key, event.detector, event.time_unit) == ("k", "test_detector", "fs")
    assert (event.alarm_index, event.alarm_time) == (500 + 10 * 300, 70_000 + 2000 * 300)
    assert (event.change_index, event.change_time) == (500 + 10 * 300, 70_000 + 2000 * 300)
    assert event.statistic == batch.values[300, 0]
    assert event.threshold == 3.0
    assert event.channels[0] == "A"
    assert event.contributions[0] > 0.9


def test_each_change_is_one_event():
    rows = np.zeros((900, 1))
    rows[100:200] = rows[600:700] = 5.0
    rows[150] = 2.0  # a dip that does not release the alarm
    batch = Batch("", np.arange(900), rows, Schema.of("x"))
    assert [event.alarm_index for event in Level().update(batch)[1]] == [100, 600]


def test_two_alarms_in_a_tile_are_located_from_their_own_rows():
    rows = np.random.default_rng(1).normal(size=(Detector.tile_rows, 1)) * 0.01
    rows[50:60] += 5.0
    rows[100:] += 5.0
    batch = Batch("", np.arange(Detector.tile_rows), rows, Schema.of("x"))
    assert [event.change_index for event in Level().update(batch)[1]] == [50, 100]


def test_change_is_never_after_the_crossing():
    policy = AlarmPolicy(min_consecutive=40)
    [event] = Level(alarm_policy=policy).update(steps())[1]
    assert event.alarm_index == 500 + 10 * 339
    assert abs(event.change_index - (500 + 10 * 300)) <= 10


@pytest.mark.parametrize("invalid", [np.nan, np.inf, -np.inf])
def test_invalid_value_is_rejected_with_channel_and_time_and_without_a_trace(invalid):
    batch, detector = steps(), Level()
    detector.update(batch.slice(0, 100))
    before = {name: array.copy() for name, array in detector.state.items()}
    values = batch.values.copy()
    values[120, 1] = invalid
    message = rf"series 'k': values must be finite, got {invalid} in channel 'y' at time 310000 fs"
    with pytest.raises(DataError, match=message):
        detector.update(Batch("k", batch.times, values, SCHEMA).slice(100, 200))
    for name, array in detector.state.items():
        np.testing.assert_array_equal(array, before[name])


def test_other_number_of_channels_is_rejected():
    detector = Level()
    detector.update(steps())
    wider = Batch("k", [10**9], np.zeros((1, 3)), Schema.of("x", "y", "z"))
    with pytest.raises(DataError, match=r"number of channels must stay 2 .* got 3; start a new"):
        detector.update(wider)


def test_heartbeat_does_not_change_the_state():
    detector = Level()
    out, events = detector.update(steps().slice(0, 0))
    assert (out.n_rows, events, detector.state) == (0, [], {})
    assert out.schema.channel_names[-1] == "alarm"


@pytest.mark.parametrize("policy", [AlarmPolicy(), AlarmPolicy(3, 0.9, 20)])
@pytest.mark.parametrize("reach", [1, 64, 1000])
def test_base_class_satisfies_the_contract(policy, reach):
    check_operator(Level(search_rows=reach, alarm_policy=policy), steps())
