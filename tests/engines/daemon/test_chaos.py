"""Short forms of ``make chaos``: kills and stalls of ``streamlyt serve``."""

import pytest

from tests.chaos import daemon, stalled

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_a_daemon_and_its_broker_are_killed_while_rows_flow(broker, tmp_path):
    rows, found = daemon.killed(1, broker, tmp_path, every=1)
    assert rows > 1000
    assert found == {"topic": (0, 0, 0), "run file": (0, 0, 0)}


def test_a_stalled_sink_costs_no_memory_and_no_row(broker, tmp_path):
    found = stalled.stalled(4, broker, tmp_path)
    assert found.sent == found.taken
    assert found.sent > 4 * stalled.TIMES * stalled.RATE
    # One batch may exceed the limit; the buffers of the client are not counted.
    assert stalled.QUEUE_MB / 2 < found.held_mb < 2 * stalled.QUEUE_MB
    assert found.grown_mb < 64
    assert 0 < found.waiting / 2 <= found.lag <= 2 * found.waiting
