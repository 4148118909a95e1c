"""Memories and texts that nobody would write touch no file, socket, process or code."""

from itertools import islice

import pytest

from tests.integrations.river.fuzzing import rounds, watched


def test_the_monitor_detects_an_opened_file(tmp_path):
    with watched() as seen:
        (tmp_path / "a").write_text("x")
    assert any(event.startswith("open") for event in seen)


@pytest.mark.parametrize("seed", [2, 3])
def test_fuzzed_texts_cause_no_side_effect(seed):
    for given, seen in islice(rounds(seed), 600):
        assert not seen, given
