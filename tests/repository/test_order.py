"""The random order of the tests."""

import pytest

from tests._order import VARIABLE, seed_of_session, shuffled

ITEMS = [f"{group}{i}" for group in "abcde" for i in range(6)]
GROUPS = [item[0] for item in ITEMS]


def test_order_follows_from_the_seed_and_keeps_groups_together():
    first, again, other = (shuffled(ITEMS, GROUPS, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert sorted(first) == sorted(other) == sorted(ITEMS)
    for order in (first, other):
        starts = [item[0] for i, item in enumerate(order) if not i or order[i - 1][0] != item[0]]
        assert sorted(starts) == list("abcde")
        assert starts != list("abcde")
        assert [item for item in order if item[0] == "a"] != ITEMS[:6]
    assert shuffled(ITEMS, GROUPS, 0) == ITEMS


def test_seed_is_that_of_the_environment_or_drawn_once(monkeypatch):
    monkeypatch.setenv(VARIABLE, "17")
    assert seed_of_session() == 17
    monkeypatch.delenv(VARIABLE)
    drawn = seed_of_session()
    assert drawn == seed_of_session() > 0
    monkeypatch.setenv(VARIABLE, "some")
    with pytest.raises(ValueError, match="must be a whole number from 0, got 'some'"):
        seed_of_session()
