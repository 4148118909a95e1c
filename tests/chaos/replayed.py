"""A source that fails at every row of a replay, between a transaction and the run file's."""

import shutil

from streamlyt.core.errors import SinkError, SourceError
from tests.connectors.kafka.exactly_once import engine, expected, faults, messages, of_run, of_topic
from tests.connectors.kafka.topics import new_topic, put

KEYS, PARTITIONS = 3, 2


class Failing:
    """Reads a source, and raises before so many rows of it, counted over all its readings."""

    def __init__(self, source, rows):
        self.left, self._read = rows, source.read

    def read(self, start=None, stop=None):
        for batch, position in self._read(start, stop):
            if batch.n_rows and not self.left:
                raise SourceError("the broker is away")
            self.left -= bool(batch.n_rows)
            yield batch, position


def replayed(rows, broker, folder, told=lambda text: None):
    """Return rows, positions that went back, and the faults of the topic and of the run file.

    The run file is put back after each failure, so that each row of the replay is the one that
    fails; then it is left as a failure left it, and the run comes to its end.
    """
    servers = broker.servers["PLAINTEXT"]
    topic, out = new_topic(servers, PARTITIONS), new_topic(servers, PARTITIONS)
    sent = messages(3 * rows, KEYS, PARTITIONS)
    words = folder / "replay.streamlyt", servers, topic, out, f"g-{topic}", "one"
    put(servers, topic, sent[: 2 * rows])
    saved = _run(words, rows)
    committed = _run(words, die=True)
    assert sum(committed.values()) - sum(saved.values()) == rows
    put(servers, topic, sent[2 * rows :])
    kept = folder / "kept.streamlyt"
    shutil.copy(words[0], kept)
    back = 0
    for fail_at in range(rows + 1):
        if fail_at:
            shutil.copy(kept, words[0])
        before, committed = committed, _run(words, fail_at)
        back += any(committed[part] < at for part, at in before.items())
        told(f"failed at row {fail_at} of {rows}")
    _run(words)
    wanted = expected(sent)
    return len(sent), back, faults(of_topic(servers, out), wanted), faults(of_run(words[0]), wanted)


def _run(words, fail_at=None, die=False):
    """Live once; return the position of the group after it."""
    one, held = engine(*words, follow=False, batch_messages=1)
    if fail_at is not None:
        one.source.read = Failing(one.source, fail_at).read
    if die:
        # One transaction holds all the rows, and the run file is not written after it.
        one.checkpoint_s = 600.0
        one.runfile.checkpoint = _failing_with_rows(one.runfile)
    try:
        one.run()
        assert fail_at is None
        assert not die
    except (SourceError, SinkError) as error:
        if "the broker is away" not in str(error) and "the disk is gone" not in str(error):
            raise
    committed = one.source.committed()
    for each in held:
        each.close()
    return committed


def _failing_with_rows(runfile):
    """Return what saves a run file as long as there are no new rows, and then fails."""
    save, rows = runfile.checkpoint, runfile.meta["rows"]

    def checkpoint(*given, **meta):
        if meta["rows"] > rows:
            raise SinkError("the disk is gone")
        save(*given, **meta)

    return checkpoint
