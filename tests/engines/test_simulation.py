"""The deterministic simulation, in short; ``make chaos FORMS=simulation`` runs more of it."""

import pytest

from tests.engines.simulation import lines, moving, schedules

# What each of these schedules found in an engine that had the fault.
FOUND = {
    17: "the states after the end were saved, though a sink had failed: a grown source went on",
    26: "a topic that grew after its end was not read again",
    40: "states that change at the end without output were not saved",
}


@pytest.mark.parametrize("first", range(0, 1000, 125))
def test_each_row_comes_out_once_and_in_order_whatever_happens(first):
    for seed in range(first, first + 125):
        assert schedules.schedule(seed)[0] == [], f"seed {seed}"


@pytest.mark.parametrize("seed", FOUND)
def test_a_schedule_that_found_a_fault_finds_none(seed):
    assert schedules.schedule(seed)[0] == [], FOUND[seed]


@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
def test_an_interrupt_between_any_two_lines_loses_and_doubles_nothing(twice):
    for seed in range(48):
        assert lines.schedule(seed, twice)[0] == [], f"seed {seed}"


def test_members_that_take_over_from_one_another_lose_and_double_nothing():
    for seed in range(30):
        assert moving.schedule(seed)[0] == [], f"seed {seed}"
