"""Kills and stalls of pipelines on a real broker, and simulated ones: ``make chaos``.

Prints the missing, duplicate and wrong rows, and run times; exits with 1 if there are any.
"""

import sys
import tempfile
import time
from pathlib import Path

from streamlyt.connectors.kafka.broker import LocalBroker
from tests.chaos import (
    cluster,
    daemon,
    equal_results,
    pair,
    recovered,
    replayed,
    rescaled,
    simulated,
    stalled,
)

FORMS = (
    "daemon",
    "pair",
    "stalled",
    "cluster",
    "rescaled",
    "recovered",
    "replayed",
    "equal_results",
    "simulation",
)
SCHEDULES_PER_KILL = 1000
STALL_S = 60
TAKEOVER_S = PAUSE_S = 10
ROWS = 1_000_000


def main(kills, forms):
    worst = False
    for form in forms:
        if form == "simulation":  # it has a broker of its own, in memory
            worst |= of_simulation(kills)
            continue
        with tempfile.TemporaryDirectory(prefix="streamlyt-chaos-") as folder:
            broker = LocalBroker(Path(folder) / "broker", 0)
            broker.start()
            try:
                began = time.monotonic()
                worst |= globals()[f"of_{form}"](kills, broker, Path(folder))
                print(f"    in {time.monotonic() - began:.0f} s", flush=True)
            finally:
                broker.kill()
    return int(worst)


def of_daemon(kills, broker, folder):
    rows, found = daemon.killed(kills, broker, folder, report=print_progress)
    print(f"one daemon killed {kills} times, its broker {kills // 10} times, {rows} rows:")
    for place, faults in found.items():
        print(f"    {place}: {counted(faults)}")
    return any(map(any, found.values()))


def of_pair(kills, broker, folder):
    kills = -(-kills // 10)
    rows, faults, seconds = pair.killed(kills, broker, folder, report=print_progress)
    print(f"one of two daemons killed {kills} times, in turn, {rows} rows:")
    print(f"    topic: {counted(faults)}")
    print(f"    taken over in {min(seconds):.1f} to {max(seconds):.1f} s")
    return any(faults) or max(seconds) > TAKEOVER_S


def of_stalled(kills, broker, folder):
    found = stalled.stalled(STALL_S, broker, folder)
    print(
        f"a sink that stalled for {STALL_S} s at {stalled.TIMES} times the input: {found.sent} rows"
    )
    print(f"    {found.sent - found.taken} missing, drained in {found.drained_s:.1f} s")
    print(f"    queue at most {found.held_mb:.1f} MB of {stalled.QUEUE_MB:.1f}")
    print(f"    process grew by at most {found.grown_mb:.0f} MB")
    print(f"    reported lag: {found.lag} of {found.waiting} messages")
    return found.sent != found.taken or found.held_mb > 2 * stalled.QUEUE_MB


def of_cluster(kills, broker, folder):
    kills = -(-3 * kills // 10)
    rows, faults = cluster.killed(kills, broker, folder, report=print_progress)
    print(
        f"one of two workers of a cluster killed {kills} times, then three, then two, {rows} rows:"
    )
    print(f"    topic: {counted(faults)}")
    return any(faults)


def of_rescaled(kills, broker, folder):
    rows, faults, pauses = rescaled.rescaled(broker, folder, report=print_progress)
    print(f"a cluster of one worker, then three, then two, 5 MB a series, {rows} rows:")
    print(f"    topic: {counted(faults)}")
    for when, seconds in pauses.items():
        print(f"    {when}: no series paused for more than {seconds:.1f} s")
    return any(faults) or max(pauses.values()) > PAUSE_S


def of_recovered(kills, broker, folder):
    gigabytes, kept, lost, faults = recovered.recovered(broker, folder, report=print_progress)
    print(f"a worker of a cluster with {gigabytes:.2f} GB of states, restarted:")
    print(f"    its folder kept: first row after {kept:.1f} s; lost: after {lost:.1f} s")
    print(f"    topic: {counted(faults)}")
    return any(faults)


def of_replayed(kills, broker, folder):
    kills = -(-3 * kills // 10)
    rows, back, topic, run = replayed.replayed(kills, broker, folder, report=print_progress)
    print(f"a source that failed at each row of a replay of {kills}, {rows} rows:")
    print(f"    {back} positions committed before one that was committed")
    print(f"    topic: {counted(topic)}")
    print(f"    run file: {counted(run)}")
    return back > 0 or any(topic) or any(run)


def of_equal_results(kills, broker, folder):
    rows, found = equal_results.hashes(ROWS, broker, folder, report=print_progress)
    print(f"{rows:,} rows through one operator, each row and each event:")
    for entry_point, hashes in found.items():
        print(f"    {entry_point}: {' '.join(each[:12] for _, each in sorted(hashes.items()))}")
    return len({tuple(sorted(hashes.items())) for hashes in found.values()}) != 1


def of_simulation(kills):
    found = simulated.simulated(kills * SCHEDULES_PER_KILL, report=print_progress)
    for kind, (n, bad) in found.items():
        print(f"simulated, {kind}: seeds 0 to {n - 1}, {n} schedules, {len(bad)} bad")
        for seed, wrong in bad.items():
            print(f"    seed {seed}: {wrong}")
    return any(bad for _, bad in found.values())


def counted(faults):
    missing, duplicate, wrong = faults
    return f"{missing} missing, {duplicate} duplicate, {wrong} wrong"


def print_progress(text):
    print(text, end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(int(given[0]) if given else 100, given[1:] or FORMS))
