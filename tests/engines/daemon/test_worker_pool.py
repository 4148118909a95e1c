"""Workers of one machine are started and stopped together."""

import os
import sys

import pytest

from streamlyt.engines.daemon._worker_pool import WorkerPool
from tests._waiting import HAPPENS_S, wait_for

PIPELINE = """
[source]
type = "kafka"
topic = "in"
columns = ["x"]
group_id = "g"

[[operators]]
type = "newma"

[[sinks]]
type = "kafka"
topic = "out"
"""


def test_if_a_worker_cannot_be_started_none_is_left_behind(tmp_path, monkeypatch):
    file, started = tmp_path / "p.toml", tmp_path / "pid"
    file.write_text(PIPELINE)
    code = f"import os, time; open({str(started)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    def command(pool, number):
        if number:
            wait_for(lambda: started.exists() and started.read_text(), HAPPENS_S, "a worker")
            return ["/no/such/program"]
        return [sys.executable, "-c", code]

    monkeypatch.setattr(WorkerPool, "_command", command)
    assert WorkerPool(file, 2, tmp_path).run() == 1
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
