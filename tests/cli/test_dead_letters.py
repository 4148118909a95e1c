import json

import pytest

from streamlyt.config.pipeline_file import dump
from streamlyt.connectors import KafkaSource
from streamlyt.core import DeadLetter
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from tests.cli.running import cli, refused
from tests.connectors.kafka.topics import content, new_topic, plain, put

DEAD_LETTERS = [DeadLetter("t", 0, i, b"k", b"not \xff" * i, "no row", 5) for i in range(3)]


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "a.streamlyt"
    with RunFile.create(path, pipeline="") as opened:
        for letter in (*DEAD_LETTERS, DEAD_LETTERS[1]):
            opened.write_dead_letter(letter)
        opened.checkpoint({}, {})
        opened.write_dead_letter(DeadLetter("t", 0, 9, None, b"", "dropped"))
        opened.discard_pending()
        opened.checkpoint({}, {})
    return path


def test_dead_letters_are_stored_once_until_redriven(run):
    with RunFile.open(run, write=True) as opened:
        assert opened.dead_letters() == DEAD_LETTERS
        opened.mark_redriven(DEAD_LETTERS[:2])
        assert opened.dead_letters() == DEAD_LETTERS[2:]
        assert opened.dead_letters(redriven=True) == DEAD_LETTERS


def test_list_shows_position_reason_and_prefix(run):
    done = cli("dead-letters", "list", run)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["offset"] for line in lines] == [0, 1, 2]
    assert lines[2] == {
        "topic": "t",
        "partition": 0,
        "offset": 2,
        "reason": "no row",
        "value_bytes": 10,
        "value_prefix": "not \\xffnot \\xff",
    }
    assert done.stderr == f"3 dead letters in {run}\n"


def test_a_run_without_dead_letters_has_an_empty_list(tmp_path):
    RunFile.create(tmp_path / "a.streamlyt", pipeline="").close()
    done = cli("dead-letters", "list", tmp_path / "a.streamlyt")
    assert (done.exit_code, done.stdout) == (0, "")
    refused(cli("dead-letters", "list", tmp_path / "b.streamlyt"), 1, "there is no run file")


@pytest.mark.kafka
def test_redrive_resends_the_original_bytes(broker, tmp_path):
    servers = plain(broker)
    topic = new_topic(servers)
    put(servers, topic, [(b"a", b'{"x":1}'), (b"a", b"\xff\x00"), (None, b"{")])
    source = KafkaSource(topic, ["x"], bootstrap_servers=servers, follow=False)
    path = tmp_path / "a.streamlyt"
    with RunFile.create(path, pipeline=dump(source, [])) as opened:
        LocalEngine(source, Pipeline([]), runfile=opened).run()
    source.close()
    assert cli("dead-letters", "redrive", path).stderr.startswith("Redrove 2 dead letters")
    assert cli("dead-letters", "redrive", path).stderr.startswith("Redrove 0 dead letters")
    found = [(message.key, message.value) for message in content(servers, topic)]
    assert found[3:] == [(b"a", b"\xff\x00"), (None, b"{")]
    assert len(cli("dead-letters", "list", path, "--all").stdout.splitlines()) == 2
