"""Two daemons of one group and one shared folder, killed in turn."""

import signal
from collections import Counter

from streamlyt.engines import SharedStateStore
from tests._public_api import ROOT
from tests._waiting import HAPPENS_S, wait_for
from tests.connectors.kafka.exactly_once import expected, faults, messages, of_topic
from tests.connectors.kafka.topics import content, new_topic, put
from tests.engines.daemon.serving import Served

OPERATORS = str(ROOT / "tests" / "engines" / "daemon" / "operators")

FILE = """
[source]
type = "kafka"
topic = "{topic}"
columns = ["n", "x"]
bootstrap_servers = "{servers}"
group_id = "g-{topic}"
group_instance_id = "{member}"
session_timeout_s = {session}
max_poll_records = 200

[[operators]]
type = "chain"

[[sinks]]
type = "kafka"
topic = "{out}"
bootstrap_servers = "{servers}"
transactional_id = "{topic}-{member}"
transaction_timeout_s = {session}

[serve]
run_file = "{member}.streamlyt"
checkpoint_interval_s = 0.2
{states}
"""

CHAIN = (
    "import faulthandler, signal; faulthandler.register(signal.SIGUSR1); "
    f"import streamlyt.transforms as package; package.__path__.append({OPERATORS!r}); "
    "from streamlyt.cli import main; main()"
)


def pipeline(topic, out, servers, member, states=None, session=3.0):
    """Return the pipeline file of a member of a group, with the shared folder."""
    shared = "" if states is None else f'shared_state_dir = "{states}"'
    return FILE.format(
        topic=topic, out=out, servers=servers, member=member, states=shared, session=session
    )


class Pair:
    """A topic of four partitions, read by two daemons, and the messages sent to it."""

    def __init__(self, servers, folder, n, shared=True):
        self.servers, self.folder = servers, folder
        self.topic, self.out = new_topic(servers, 4), new_topic(servers, 2)
        self.sent, self._left = messages(n, 8, 4), 0
        states = folder / "states" if shared else None
        for member in ("one", "two"):
            text = pipeline(self.topic, self.out, servers, member, states)
            (folder / f"{member}.toml").write_text(text)

    def serve(self, member):
        return Served(self.folder / f"{member}.toml", code=CHAIN)

    def put(self, n):
        put(self.servers, self.topic, self.sent[self._left : self._left + n])
        self._left += n

    def until_all_are_out(self, seconds=90):
        """Wait until all sent rows are in the output topic."""
        came = []

        def enough():
            came[:] = content(self.servers, self.out)
            return len(came) >= self._left

        wait_for(enough, seconds, lambda: f"{self._left} rows come out, but {len(came)}", every=0.1)

    def until_all_are_kept(self):
        """Wait until the shared folder has the states after the last row of every partition."""
        ends = Counter(str(partition) for _, _, partition in self.sent[: self._left])
        states = SharedStateStore(self.folder / "states", f"{self.topic}.g-{self.topic}")

        def kept():
            return {part: (states.load(part) or (0,))[0] for part in ends}

        wait_for(
            lambda: kept() == ends,
            HAPPENS_S,
            lambda: f"the folder has {ends}, but {kept()}",
            every=0.2,
        )

    def faults(self):
        """Return the numbers of missing, duplicate and wrong rows."""
        return faults(of_topic(self.servers, self.out), expected(self.sent[: self._left]))


def taken_over(pair, n):
    """Kill and restart one of two; return the rows that the other one read meanwhile.

    Counted from the kill until all rows of all partitions are in the output topic.
    """
    pair.put(n)
    with pair.serve("one") as one:
        pair.until_all_are_out()
        with pair.serve("two") as two:
            pair.put(n)
            pair.until_all_are_out()
            pair.until_all_are_kept()
            before = two.metric("rows_total")
            one.end(signal.SIGKILL)
            pair.put(n)
            pair.until_all_are_out()
            read = two.metric("rows_total") - before
            with pair.serve("one") as again:
                pair.put(n)
                pair.until_all_are_out()
                again.end()
            two.end()
    return read
