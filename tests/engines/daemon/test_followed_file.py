"""The daemon follows a file that is rotated away while its engine restarts."""

from streamlyt.runfile import RunFile
from tests._waiting import HAPPENS_S, wait_for
from tests.engines.daemon.serving import Served

CODE = """
from streamlyt.cli import main
from streamlyt.engines.daemon import _supervisor
_supervisor._LONGEST_WAIT_S = 0.2
main()
"""
PIPELINE = """
[source]
type = "files"
path = "a.csv"
follow = true

[[operators]]
type = "newma"

[[sinks]]
type = "files"
path = "later/out.csv"

[serve]
run_file = "r.streamlyt"
checkpoint_interval_s = 0.2
"""


def test_the_daemon_waits_for_a_followed_file_that_was_rotated_away(tmp_path):
    """First there is no new file, then a half line of it; the sink has no folder before that."""
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n2\n3\n")
    (tmp_path / "p.toml").write_text(PIPELINE)
    with Served(tmp_path / "p.toml", wait=False, code=CODE) as daemon:
        assert "later/out.csv" in daemon.said("engine_retry")["reason"]
        path.rename(tmp_path / "a.csv.1")
        waits_with(daemon, "does not exist")
        path.write_text("x")
        waits_with(daemon, "wait until it is written")
        (tmp_path / "later").mkdir()
        path.write_text("x\n4\n5\n")
        daemon.until_metric("checkpoints_total", 1)
        assert daemon.end() == 0, daemon.lines
    with RunFile.open(tmp_path / "r.streamlyt") as run:
        assert run.meta["rows"] == 2  # no checkpoint has covered the rows that no sink could take


def waits_with(daemon, words):
    wait_for(
        lambda: any(words in line.get("reason", "") for line in list(daemon.lines)),
        HAPPENS_S,
        lambda: f"it says {words!r}, but {daemon.lines}",
    )
    assert daemon.process.poll() is None, daemon.lines
