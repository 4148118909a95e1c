"""Kill -9 of ``streamlyt serve`` from topic to topic while rows flow, and of its broker too."""

import random
import signal
import time

from tests.chaos.feed import Feed, Group
from tests.connectors.kafka.exactly_once import expected, faults, of_run, of_topic
from tests.connectors.kafka.topics import new_topic
from tests.engines.daemon.handover import CHAIN, pipeline
from tests.engines.daemon.serving import Served

PARTITIONS = 4
RATE = 500  # rows per second: a process first reads the backlog of its start, and then row by row
_MOST_S = 1.0  # from a commit to the kill


def killed(kills, broker, folder, every=10, report=lambda text: None):
    """Kill processes in turn, each after it has committed rows, while more rows arrive.

    Parameters
    ----------
    every
        Processes per kill of the broker; the process must commit again after it. 0: none.
    report
        Called with the progress.

    Returns
    -------
    The number of rows, and the place -> the numbers of missing, duplicate and wrong ones.
    """
    servers = broker.servers["PLAINTEXT"]
    topic, out = new_topic(servers, PARTITIONS), new_topic(servers, PARTITIONS)
    file = folder / "one.toml"
    file.write_text(pipeline(topic, out, servers, "one"))
    group = Group(servers, topic, PARTITIONS, f"g-{topic}")
    moments = random.Random(0)
    with Feed(servers, topic, PARTITIONS, RATE) as feed:
        for i in range(kills):
            with Served(file, wait=False, code=CHAIN) as life:
                group.until_any_past(group.committed())
                if every and i % every == every - 1:
                    broker.kill()
                    broker.start()
                    group.until_any_past(group.committed())
                time.sleep(moments.uniform(0.0, _MOST_S))
                life.end(signal.SIGKILL)
            report(f"{i + 1} of {kills} lives, {len(feed.sent)} rows")
        feed.end()
        with Served(file, wait=False, code=CHAIN) as last:
            group.until_past(group.ends())
            assert last.end() == 0, last.lines
    group.close()
    right = expected(feed.sent)
    got = {"topic": of_topic(servers, out), "run file": of_run(folder / "one.streamlyt")}
    return len(feed.sent), {place: faults(rows, right) for place, rows in got.items()}
