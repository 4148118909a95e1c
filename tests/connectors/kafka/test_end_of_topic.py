"""The rows that operators release at the end of a topic come out once, too."""

from dataclasses import replace

import numpy as np
import pytest

from streamlyt.connectors import KafkaSink, KafkaSource
from streamlyt.core import Operator
from streamlyt.core.errors import SinkError, closing_all
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from tests.connectors.kafka.exactly_once import messages, stream
from tests.connectors.kafka.topics import new_topic, plain, put

pytestmark = pytest.mark.kafka

ROWS = 500


class Latest(Operator):
    """Holds the latest row back until the next one, or the end."""

    def __init__(self):
        self.state = {}

    def update(self, batch):
        times = np.append(self.state.get("time", np.empty(0, np.int64)), batch.times)
        values = np.vstack([self.state.get("values", np.empty((0, 2))), batch.values])
        self.state = {"time": times[-1:], "values": values[-1:]}
        return replace(batch, times=times[:-1], values=values[:-1]), []

    def finish(self, batch):
        rows, events = self.update(batch)
        times = np.append(rows.times, self.state["time"])
        values = np.vstack([rows.values, self.state["values"]])
        return replace(batch, times=times, values=values), events


def read_to_the_end(path, servers, topic, out, fails=False, twice=False):
    """Run to the end of the topic in one process; the run file may fail at the last checkpoint."""
    source = KafkaSource(
        topic, ["n", "x"], bootstrap_servers=servers, group_id=f"g-{topic}", follow=False
    )
    sink = KafkaSink(out, bootstrap_servers=servers, transactional_id=f"t-{topic}")
    if not path.exists():
        RunFile.create(path, pipeline="").close()
    with RunFile.open(path, write=True) as run, closing_all(sink, source):
        checkpoint = run.checkpoint

        def fail_at_the_end(*arguments, complete, **rest):
            if complete:
                run.checkpoint = checkpoint
                raise SinkError("the disk is full")
            checkpoint(*arguments, complete=complete, **rest)

        if fails:
            run.checkpoint = fail_at_the_end
        engine = LocalEngine(source, Pipeline([Latest()]), [sink], run)
        if fails:
            with pytest.raises(SinkError, match="the disk is full"):
                engine.run()
        if not fails or twice:
            assert engine.run().complete


@pytest.mark.parametrize("twice", [False, True], ids=["in a new process", "by the same engine"])
def test_the_last_row_comes_out_once_though_the_run_file_does_not_know_it(broker, tmp_path, twice):
    servers = plain(broker)
    topic, out = new_topic(servers), new_topic(servers)
    put(servers, topic, messages(ROWS, 1, 1))
    words = tmp_path / "a.streamlyt", servers, topic, out
    read_to_the_end(*words, fails=True, twice=twice)
    for _ in range(2):
        read_to_the_end(*words)
    assert len(list(stream(servers, out))) == ROWS
    with RunFile.open(words[0]) as run:
        (key,) = run.keys()
        assert run.n_rows(key) == ROWS
