"""A source that fails at every row of a replay, between the two commits of a checkpoint."""

import shutil

from streamlyt.core.errors import SinkError, SourceError
from tests.connectors.kafka.exactly_once import engine, expected, faults, messages, of_run, of_topic
from tests.connectors.kafka.topics import new_topic, put

KEYS, PARTITIONS = 3, 2


class Failing:
    """Reads a source, and raises after a number of rows, counted over all readings."""

    def __init__(self, source, rows):
        self.left, self._read = rows, source.read

    def read(self, start=None, stop=None):
        for batch, position in self._read(start, stop):
            if batch.n_rows and not self.left:
                raise SourceError("the broker is away")
            self.left -= bool(batch.n_rows)
            yield batch, position


def replayed(rows, broker, folder, report=lambda text: None):
    """Return rows, positions committed before an earlier one, and faults of topic and run file.

    The run file is restored after each failure, so that each row of the replay fails once; after
    the last failure the run resumes to its end.
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
        report(f"failed at row {fail_at} of {rows}")
    _run(words)
    right = expected(sent)
    return len(sent), back, faults(of_topic(servers, out), right), faults(of_run(words[0]), right)


def _run(words, fail_at=None, die=False):
    """Run one process; return the position of the group after it."""
    # Where it dies, one transaction holds all the rows, and the run file is not written after it.
    interval_s = 600.0 if die else 0.15
    one, held = engine(*words, follow=False, batch_messages=1, interval_s=interval_s)
    if fail_at is not None:
        one.source.read = Failing(one.source, fail_at).read
    if die:
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
    """Return a function that saves a run file until there are new rows, and then fails."""
    save, rows = runfile.checkpoint, runfile.meta["rows"]

    def checkpoint(*given, **meta):
        if meta["rows"] > rows:
            raise SinkError("the disk is gone")
        save(*given, **meta)

    return checkpoint
