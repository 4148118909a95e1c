"""Two daemons of one group and one shared folder, killed in turn, and what comes of it."""

import signal
import time

from tests._public import ROOT
from tests.connectors.exactly_once import expected, faults, messages, of_topic
from tests.connectors.topics import content, new_topic, put
from tests.daemon.serving import Served

OPERATORS = str(ROOT / "tests" / "daemon" / "operators")

FILE = """
[source]
name = "kafka"
topic = "{topic}"
columns = ["n", "x"]
servers = "{servers}"
group = "g-{topic}"
member = "{member}"
session_timeout_s = {session}
batch_messages = 200

[[operators]]
name = "chain"

[[sinks]]
name = "kafka"
topic = "{out}"
servers = "{servers}"
transaction = "{topic}-{member}"
transaction_timeout_s = {session}

[serve]
run = "{member}.streamlyt"
checkpoint_s = 0.2
{states}
"""

CHAIN = (
    "import faulthandler, signal; faulthandler.register(signal.SIGUSR1); "
    f"import streamlyt.observables as room; room.__path__.append({OPERATORS!r}); "
    "from streamlyt.cli import main; main()"
)


def pipeline(topic, out, servers, member, states=None, session=3.0):
    """Return the pipeline file of a member of a group, with the folder that all share."""
    shared = "" if states is None else f'states = "{states}"'
    return FILE.format(
        topic=topic, out=out, servers=servers, member=member, states=shared, session=session
    )


class Pair:
    """A topic of four partitions that two daemons share, and what was sent to it."""

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
        """Wait until every row that was sent came out; return how many seconds it took."""
        began = time.monotonic()
        while (n := len(content(self.servers, self.out))) < self._left:
            assert time.monotonic() - began < seconds, f"{n} of {self._left} rows came out"
            time.sleep(0.1)
        return time.monotonic() - began

    def faults(self):
        """Return how many rows are missing, there twice, and wrong."""
        return faults(of_topic(self.servers, self.out), expected(self.sent[: self._left]))


def taken_over(pair, n):
    """Kill one of two and bring it back; return the seconds of the hand-over, and the rows read.

    The hand-over lasts from the kill until all rows of all partitions came out.
    """
    pair.put(n)
    with pair.serve("one") as one:
        pair.until_all_are_out()
        with pair.serve("two") as two:
            pair.put(n)
            pair.until_all_are_out()
            time.sleep(1.5)  # until the folder has the last of it
            before = two.metric("rows_total")
            one.end(signal.SIGKILL)
            pair.put(n)
            seconds = pair.until_all_are_out()
            read = two.metric("rows_total") - before
            with pair.serve("one") as again:
                pair.put(n)
                pair.until_all_are_out()
                again.end()
            two.end()
    return seconds, read
