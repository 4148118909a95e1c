"""Schedules of failures, each drawn from its seed, and what differs from an undisturbed run."""

import random
import shutil
import sqlite3
import tempfile
from functools import lru_cache
from pathlib import Path

from streamlyt.core.protocols import ENDED
from tests.engines.simulation.faults import KINDS
from tests.engines.simulation.runs import Case, Member, topic_of, twin

MEMORY = Path("/dev/shm")
LIVES = 12  # then the run must have come to its end
DISTURBED = 4  # of these lives
PER_CASE = 8  # schedules with one case: they share the undisturbed run


def folder():
    """Return a new folder, in memory where there is a file system in memory."""
    return Path(tempfile.mkdtemp(prefix="streamlyt-", dir=MEMORY if MEMORY.is_dir() else None))


def schedule(seed):
    """Run a schedule; return what differs at its end, and its trail."""
    case = Case.drawn(random.Random(seed // PER_CASE))
    rng = random.Random(f"schedule {seed}")
    n_calls = _twin(case, False)[1]
    topic, own = topic_of(case), folder()
    try:
        member = Member(case, topic, rng, own)
        trail, in_two = _lives(member, rng, n_calls)
        changes = member.changes()
        if any(changes.values()):
            expected, _ = _undisturbed(case, changes, in_two)
        else:
            expected, _ = _twin(case, in_two)
        return differences(expected, member.outcome()), trail
    finally:
        shutil.rmtree(own)


def _lives(member, rng, n_calls):
    """Let processes run until the whole topic is read; return the trail, and how it was read."""
    topic, trail, in_two, hurt = member.topic, [], False, False
    kinds = [kind for kind in KINDS if kind != "reload" or member.case.files]
    grows_at = rng.randrange(DISTURBED + 1)
    for life in range(LIVES):
        at = {}
        if life < DISTURBED:
            for _ in range(rng.choice([1, 1, 1, 2, 3])):
                at[rng.randrange(1, n_calls + 5)] = rng.choice(kinds)
        if life >= grows_at and not topic.grown:
            in_two = ENDED in topic.committed
            topic.grow()
        ended = member.live(at, runs=rng.choice([1, 1, 2]))
        trail.append((member.faults.fired, ended))
        if ended == "complete":
            if topic.grown and not trail[-1][0]:
                return trail, in_two
            grows_at = 0
        elif life < DISTURBED and not hurt and rng.random() < 0.1:
            hurt = _damage(member.path, rng)
    raise AssertionError(f"the run must come to its end: {trail}")


def _damage(path, rng):
    """Damage a state of the last checkpoint if there is an earlier one; return whether it is."""
    if not path.exists():
        return False
    db = sqlite3.connect(path)
    rows = db.execute(
        "SELECT key, operator, step FROM states WHERE blob IS NOT NULL AND operator != '_levels' "
        "AND step = (SELECT max(step) FROM generations) "
        "AND (SELECT count(*) FROM generations) > 1"
    ).fetchall()
    if rows:
        db.execute(
            "UPDATE states SET blob = x'00' WHERE key = ? AND operator = ? AND step = ?",
            rng.choice(rows),
        )
        db.commit()
    db.close()
    return bool(rows)


@lru_cache(maxsize=4)
def _twin(case, in_two):
    return _undisturbed(case, {}, in_two)


def _undisturbed(case, changes, in_two):
    own = folder()
    try:
        return twin(case, own, random.Random("twin"), changes, in_two)
    finally:
        shutil.rmtree(own)


def differences(expected, found):
    """Return the places whose content differs."""
    return [place for place in {**expected, **found} if expected.get(place) != found.get(place)]
