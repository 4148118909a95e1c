"""One operator gives the same bits wherever it runs; ``make chaos`` uses a million rows."""

import pytest

from tests.chaos import equal_results


@pytest.mark.kafka
@pytest.mark.slow
def test_river_command_line_daemon_and_cluster_give_the_same_bits(broker, tmp_path):
    rows, found = equal_results.hashes(8000, broker, tmp_path, message_rows=200)
    assert rows == 8000
    assert len(found) == 5
    first = found["one pipeline"]
    assert len(first) == equal_results.SERIES
    assert all(hashes == first for hashes in found.values())
