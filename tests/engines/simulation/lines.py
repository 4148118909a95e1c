"""Interrupts between any two lines of engine and run file."""

import random
import shutil
import sys
from functools import lru_cache

from streamlyt.engines import LocalEngine
from tests.engines.simulation.runs import Case, Member, topic_of, twin
from tests.engines.simulation.schedules import differences, folder

PER_CASE = 12  # schedules with one case
_TRACED = ("/streamlyt/engines/", "/streamlyt/runfile/")


class Lines:
    """Counts the lines of engine and run file that the main thread runs.

    Parameters
    ----------
    at
        Numbers of the lines before which a KeyboardInterrupt is raised.
    """

    def __init__(self, at=()):
        self.at, self.n, self.fired = set(at), 0, []

    def run(self, engine):
        """Run an engine."""
        sys.settrace(self._of_call)
        try:
            return LocalEngine.run(engine)
        finally:
            sys.settrace(None)

    def _of_call(self, frame, event, _):
        if any(part in frame.f_code.co_filename for part in _TRACED):
            return self._of_line
        return None

    def _of_line(self, frame, event, _):
        if event == "line":
            self.n += 1
            if self.n in self.at:
                self.fired.append((frame.f_code.co_name, frame.f_lineno))
                raise KeyboardInterrupt
        return self._of_line


def schedule(seed, twice=False):
    """Interrupt a run once or twice; return what differs after its resume, and its trail.

    Parameters
    ----------
    seed
        Of the schedule.
    twice
        Whether a second interrupt follows within a few lines, as of a user who presses Ctrl-C
        again; or within a second run of the same engine.
    """
    case = _case(seed // PER_CASE)
    rng = random.Random(f"lines {seed}")
    expected, n_lines = _undisturbed(case)
    at = {rng.randrange(1, n_lines)}
    if twice:
        at.add(max(at) + rng.choice([rng.randrange(1, 40), rng.randrange(1, n_lines)]))
    lines, own = Lines(at), folder()
    try:
        member = Member(case, topic_of(case), random.Random(seed // PER_CASE), own)
        trail = [member.live(run=lines.run, runs=rng.choice([1, 2]))]
        while trail[-1] != "complete" and len(trail) < 4:
            trail.append(member.live())
        return differences(expected, member.outcome()), (lines.fired, trail)
    finally:
        shutil.rmtree(own)


def _case(number):
    rng = random.Random(number)
    return Case(
        data=rng.randrange(2**32),
        n=14,
        shape=rng.choice(["operator", "windows"]),
        transactions=rng.random() < 0.5,
        files=rng.choice([0, 1]),
        large=rng.random() < 0.1,
    )


@lru_cache(maxsize=2)
def _undisturbed(case):
    own, lines = folder(), Lines()
    try:
        expected, _ = twin(case, own, random.Random("twin"))
        member = Member(case, topic_of(case), random.Random("lines"), own / "counted")
        member.path.parent.mkdir()
        member.live(run=lines.run)
        return expected, lines.n
    finally:
        shutil.rmtree(own)
