"""Partitions move between two daemons, and the states of their series with them."""

import shutil
from threading import Thread

import numpy as np
import pytest

from streamlyt.connectors import KafkaSource, MemorySource
from streamlyt.core.errors import ParameterError, StateError
from streamlyt.engines import LocalEngine, SharedStateStore
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from streamlyt.runfile.user_key import KEY_FILE
from tests._waiting import HAPPENS_S, joined, wait_for
from tests.connectors.kafka.topics import new_topic, plain
from tests.engines.daemon.handover import Pair, taken_over


@pytest.mark.slow
@pytest.mark.kafka
def test_one_of_two_is_killed_and_comes_back_and_every_row_comes_once(broker, tmp_path):
    pair = Pair(plain(broker), tmp_path, 8000)
    read = taken_over(pair, 2000)
    assert pair.faults() == (0, 0, 0)
    # States came from the folder: the 2000 rows of the other daemon were not read again.
    assert read < 3000
    assert len(list((tmp_path / "states").glob("*.states"))) == 4


def test_a_damaged_file_of_shared_states_is_skipped_for_the_previous_one(tmp_path, caplog):
    shared = SharedStateStore(tmp_path, "a/b")
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
        at, states = shared.load("0")
        assert (at, states["k"]["op"]["sum"].tolist()) == (5, list(range(5)))
    assert "passed over" in caplog.text


def test_shared_states_without_the_mark_of_the_key_are_rejected_or_trusted(tmp_path, monkeypatch):
    states = {"k": {"op": {"sum": np.arange(3)}}}
    SharedStateStore(tmp_path, "a").save("0", 5, states)
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "of-another"))
    with pytest.raises(StateError, match=r"must carry the mark.*STREAMLYT_KEY_FILE.*--trust"):
        SharedStateStore(tmp_path, "a").load("0")
    assert SharedStateStore(tmp_path, "a", trust=True).load("0")[0] == 5
    SharedStateStore(tmp_path, "a").save("0", 6, states)
    assert SharedStateStore(tmp_path, "a").load("0")[0] == 6
    # A file of another partition or pipeline does not verify.
    (path,) = tmp_path.glob("a-0.states")
    for name in ("a-1.states", "b-0.states"):
        shutil.copy(path, tmp_path / name)
    for name, part in (("a", "1"), ("b", "0")):
        with pytest.raises(StateError, match="must carry the mark"):
            SharedStateStore(tmp_path, name).load(part)


def test_shared_states_where_no_key_can_be_kept_need_trust(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "file" / "key"))
    shared = SharedStateStore(tmp_path, "a")
    shared.save("0", 5, {"k": {"op": {"sum": np.arange(3)}}})
    with pytest.raises(StateError, match="must carry the mark"):
        shared.load("0")
    assert SharedStateStore(tmp_path, "a", trust=True).load("0")[0] == 5


def test_shared_states_of_a_source_without_partitions_are_rejected(tmp_path):
    with pytest.raises(ParameterError, match="source in partitions and a run file"):
        LocalEngine(MemorySource([1.0]), Pipeline([]), state_store=SharedStateStore(tmp_path, "a"))


@pytest.mark.kafka
def test_a_stop_while_the_group_has_not_decided_ends_the_run(broker, tmp_path):
    servers = plain(broker)
    topic = new_topic(servers)
    first, second = (
        KafkaSource(
            topic, ["x"], bootstrap_servers=servers, group_id=f"g-{topic}", group_instance_id=member
        )
        for member in ("one", "two")
    )
    first.assigned_partitions()  # the only partition: the second waits for one in vain
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
