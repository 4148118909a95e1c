"""Many schedules of the deterministic simulation, on all processors."""

import logging
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.engines.simulation import lines, moving, schedules

CHUNK = 96  # seeds of one task: whole cases of each kind
SCHEDULES = {
    "a failure at any call": schedules.schedule,
    "members in turn": moving.schedule,
    "an interrupt at any line": lines.schedule,
    "two interrupts at any lines": partial(lines.schedule, twice=True),
}
SHARES = {  # of the schedules
    "a failure at any call": 1.0,
    "members in turn": 0.1,
    "an interrupt at any line": 0.1,
    "two interrupts at any lines": 0.1,
}


def simulated(n, report=lambda text: None):
    """Run ``n`` schedules of failures, and a tenth of each other kind.

    Returns
    -------
    Kind -> number of schedules, and bad seed -> what was wrong.
    """
    found = {}
    with ProcessPoolExecutor(os.cpu_count(), initializer=logging.disable) as pool:
        for kind, share in SHARES.items():
            firsts = range(0, round(n * share), CHUNK)
            bad, done = {}, 0
            for part in pool.map(partial(_bad_of, kind), firsts):
                bad |= part
                done += CHUNK
                report(f"{kind}: {done} schedules, {len(bad)} bad {sorted(bad)[:9]}")
            found[kind] = done, bad
    return found


def _bad_of(kind, first):
    bad = {}
    for seed in range(first, first + CHUNK):
        try:
            differs, trail = SCHEDULES[kind](seed)
        except (Exception, KeyboardInterrupt) as error:  # a bad schedule too, for the report
            bad[seed] = repr(error)
        else:
            if differs:
                bad[seed] = f"{differs[:4]} after {trail}"
    return bad
