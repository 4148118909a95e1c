"""Two members of a group take turns at all partitions; each has a run file of its own."""

import random
import shutil
from dataclasses import replace

from tests.engines.simulation.runs import Case, Member, topic_of, twin
from tests.engines.simulation.schedules import differences, folder

KINDS = ("kill", "interrupt", "error", "stop", "rebalance")
TURNS = 5  # with failures; the last one has none


def schedule(seed):
    """Run a schedule; return what differs in the topic, and its trail."""
    rng = random.Random(f"moving {seed}")
    case = replace(Case.drawn(rng), transactions=True, files=0, grows=False, retained=None)
    whole, own = folder(), folder()
    try:
        expected, n_calls = twin(case, whole, random.Random("twin"))
        topic, shared = topic_of(case), own / "shared" if rng.random() < 0.7 else None
        members = []
        for name in "AB":
            (own / name).mkdir()
            members.append(Member(case, topic, rng, own / name, shared))
        trail = []
        for turn in range(TURNS + 1):
            at = {} if turn == TURNS else {rng.randrange(1, n_calls + 5): rng.choice(KINDS)}
            number = rng.randrange(2)
            trail.append((number, members[number].live(at, runs=rng.choice([1, 2]))))
        assert trail[-1][1] == "complete", trail
        found = members[trail[-1][0]].outcome()
        return differences({"topic": expected["topic"]}, {"topic": found["topic"]}), trail
    finally:
        shutil.rmtree(whole)
        shutil.rmtree(own)
