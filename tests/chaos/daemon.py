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
RATE = 500  # rows a second: a life reads on from a backlog of its start, and then row by row
_MOST_S = 1.0  # from a commit to the kill


def killed(kills, broker, folder, every=10, told=lambda text: None):
    """Kill one life after another, each after it has committed rows, while more rows come in.

    Parameters
    ----------
    every
        Lives to each death of the broker, within a life that must commit again after it; 0: none.
    told
        Hears how far it is.

    Returns
    -------
    How many rows there were, and the place -> how many are missing, there twice, and wrong.
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
            told(f"{i + 1} of {kills} lives, {len(feed.sent)} rows")
        feed.end()
        with Served(file, wait=False, code=CHAIN) as last:
            group.until_past(group.ends())
            assert last.end() == 0, last.lines
    group.close()
    wanted = expected(feed.sent)
    got = {"topic": of_topic(servers, out), "run file": of_run(folder / "one.streamlyt")}
    return len(feed.sent), {place: faults(rows, wanted) for place, rows in got.items()}
