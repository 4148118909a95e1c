"""Kill -9 of one of two daemons of a group, in turn; how long a takeover takes."""

import random
import signal
import sys
import time

from tests.chaos.feed import Feed, Group
from tests.connectors.kafka.exactly_once import expected, faults, of_topic
from tests.connectors.kafka.topics import new_topic
from tests.engines.daemon.handover import CHAIN, pipeline
from tests.engines.daemon.serving import Served

PARTITIONS = 4
RATE = 500
SESSION_S = 5.0  # half of the ten seconds that a takeover may take
MEMBERS = ("one", "two")


def killed(kills, broker, folder, report=lambda text: None):
    """Kill and restart two daemons in turn; both share a folder for the states.

    Returns
    -------
    The number of rows, the numbers of missing, duplicate and wrong ones, and the seconds of each
    takeover: from the kill until all rows that existed at the kill are committed, including
    those of the partitions of the killed member.
    """
    servers = broker.servers["PLAINTEXT"]
    topic, out = new_topic(servers, PARTITIONS), new_topic(servers, PARTITIONS)
    for member in MEMBERS:
        text = pipeline(topic, out, servers, member, folder / "states", SESSION_S)
        (folder / f"{member}.toml").write_text(text)
    group = Group(servers, topic, PARTITIONS, f"g-{topic}")
    moments = random.Random(0)

    def begun(member):
        return Served(folder / f"{member}.toml", wait=False, code=CHAIN)

    seconds = []
    lives = {member: begun(member) for member in MEMBERS}
    try:
        with Feed(servers, topic, PARTITIONS, RATE) as feed:
            for i in range(kills):
                dies = MEMBERS[i % 2]
                for life in lives.values():
                    life.until_metric("rows_total", 1)  # it has partitions of its own
                group.until_past(group.ends())
                time.sleep(moments.uniform(0.0, 1.0))
                lives[dies].end(signal.SIGKILL)
                seconds.append(group.until_past(group.ends()))
                lives[dies] = begun(dies)
                report(f"{i + 1} of {kills} kills, taken over in {seconds[-1]:.1f} s")
            feed.end()
            group.until_past(group.ends())
            for life in lives.values():
                life.until_ready()
                assert life.end() == 0, life.lines
    except BaseException:
        for life in lives.values():
            print(life.where(), file=sys.stderr)
        raise
    finally:
        for life in lives.values():
            life.__exit__()
    group.close()
    return len(feed.sent), faults(of_topic(servers, out), expected(feed.sent)), seconds
