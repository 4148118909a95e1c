"""Partitions move between two daemons, and the memory of their series with them."""

from threading import Thread

import numpy as np
import pytest

from streamlyt.connectors import KafkaSource, MemorySource
from streamlyt.engines import LocalEngine, SharedStates
from streamlyt.errors import ParameterError
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from tests._waiting import HAPPENS_S, joined, wait_for
from tests.connectors.topics import new_topic, plain
from tests.daemon.handover import Pair, taken_over


@pytest.mark.slow
@pytest.mark.kafka
def test_one_of_two_is_killed_and_comes_back_and_every_row_comes_once(broker, tmp_path):
    pair = Pair(plain(broker), tmp_path, 8000)
    read = taken_over(pair, 2000)
    assert pair.faults() == (0, 0, 0)
    # What the other one had done came from the folder: its 2000 rows were not read again.
    assert read < 3000
    assert len(list((tmp_path / "states").glob("*.states"))) == 4


def test_shared_states_pass_over_a_damaged_file_for_the_one_before(tmp_path, caplog):
    shared = SharedStates(tmp_path, "a/b")
    assert shared.load("0") is None
    for at in (5, 9):
        shared.save("0", at, {"k": {"op": {"sum": np.arange(at)}}})
    assert shared.load("0")[0] == 9
    (path,) = tmp_path.glob("*.states")
    whole = path.read_bytes()
    for damaged in (
        whole[:-1],
        whole[:40],
        b"",
        whole[:200] + bytes([whole[200] ^ 1]) + whole[201:],
    ):
        path.write_bytes(damaged)
        at, memory = shared.load("0")
        assert (at, memory["k"]["op"]["sum"].tolist()) == (5, list(range(5)))
    assert "passed over" in caplog.text


def test_shared_states_of_a_source_without_partitions_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="source in partitions and a run file"):
        LocalEngine(MemorySource([1.0]), Pipeline([]), shared=SharedStates(tmp_path, "a"))


@pytest.mark.kafka
def test_a_stop_while_the_group_has_not_decided_ends_the_run(broker, tmp_path):
    servers = plain(broker)
    topic = new_topic(servers)
    first, second = (
        KafkaSource(topic, ["x"], servers=servers, group=f"g-{topic}", member=member)
        for member in ("one", "two")
    )
    first.owned()  # the only partition: the second waits for one that never comes
    with RunFile.create(tmp_path / "a.streamlyt", pipeline="") as run:
        engine = LocalEngine(second, Pipeline([]), [], run)
        waiting = Thread(target=engine.run)
        waiting.start()
        wait_for(
            lambda: second._consumer is not None, HAPPENS_S, "the second member asks the group"
        )
        engine.stop()
        joined(waiting, "the run that waits for its group ends")
    second.close()
    first.close()
