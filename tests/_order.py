"""Random order of tests: a test that needs another one before it fails sooner or later."""

import os
import random
from collections.abc import Hashable, Sequence
from typing import TypeVar

__all__ = ["VARIABLE", "seed_of_session", "shuffled"]

VARIABLE = "STREAMLYT_TEST_ORDER"
"""Seed of the order, for this process and the workers that it starts; 0: as in the files."""

T = TypeVar("T")


def seed_of_session() -> int:
    """Return the seed of the order, and draw one if the environment names none."""
    text = os.environ.setdefault(VARIABLE, str(random.SystemRandom().randrange(1, 100_000)))
    if not text.isdecimal():
        raise ValueError(f"{VARIABLE} must be a whole number from 0, got {text!r}")
    return int(text)


def shuffled(items: Sequence[T], groups: Sequence[Hashable], seed: int) -> list[T]:
    """Return items in random order, those of a group together, so that they share fixtures."""
    if not seed:
        return list(items)
    rng = random.Random(seed)
    members: dict[Hashable, list[T]] = {}
    for item, group in zip(items, groups, strict=True):
        members.setdefault(group, []).append(item)
    order = list(members)
    rng.shuffle(order)
    for group in order:
        rng.shuffle(members[group])
    return [item for group in order for item in members[group]]
