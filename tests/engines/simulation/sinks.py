"""Simulated sinks: one with transactions, and a file that can be truncated."""

from streamlyt.core import Sink


class TransactionSink(Sink):
    """Output and position become durable together, in the topic."""

    is_transactional = True

    def __init__(self, topic, faults):
        self.topic, self.faults, self.held = topic, faults, []

    def __repr__(self):
        return "TransactionSink()"

    def get_params(self):
        return {}

    def init_transactions(self):
        self.faults.call("transaction init")
        self.held = []

    def write_rows(self, batch):
        self.faults.call("transaction rows")
        self.held += rows_of("row", batch)

    def write_late_rows(self, batch):
        self.held += rows_of("late", batch)

    def write_event(self, event):
        self.faults.call("transaction event")
        self.held.append(("event", event.key, repr(event)))

    def write_dead_letter(self, letter):
        self.held.append(("dead letter", str(letter.partition), letter.offset))

    def flush(self):
        raise AssertionError("it is committed")

    def commit_transaction(self, source, position):
        self.faults.call("transaction commit")
        for part, offset in position.items():
            assert offset >= self.topic.committed.get(part, 0), "a position went back"
        self.topic.out += self.held
        self.topic.committed = dict(position)
        self.held = []
        self.faults.call("transaction committed")

    def abort_transaction(self):
        self.faults.call("transaction abort")
        self.held = []


class FileSink(Sink):
    """Lines in a file: written ones are durable once flushed, and may be before.

    Parameters
    ----------
    disk
        The lines on disk, of rows and of events: they outlive the process.
    faults, rng
        Counts the calls; draws how much of unflushed output reaches the disk.
    """

    def __init__(self, disk, faults, rng):
        self.disk, self.faults, self.rng = disk, faults, rng
        self._buffers = {"rows": [], "events": []}

    def __repr__(self):
        return "FileSink()"

    def get_params(self):
        return {}

    def write_rows(self, batch):
        self.faults.call("file rows")
        self._append("rows", rows_of("row", batch))
        self.faults.call("file written")

    def write_event(self, event):
        self.faults.call("file event")
        self._append("events", [("event", event.key, repr(event))])

    def flush(self):
        self.faults.call("file flush")
        for name, buffer in self._buffers.items():
            self._to_disk(name, len(buffer))
        self.faults.call("file flushed")

    def settle(self):
        self.faults.call("file settle")

    def truncate_to(self, rows, events):
        self.faults.call("file truncate")
        for name, n in (("rows", rows), ("events", events)):
            assert len(self.disk[name]) >= n, f"{n} {name} must be durable"
            del self.disk[name][n:]
            self._buffers[name].clear()

    def _append(self, name, lines):
        self._buffers[name] += lines
        if self.rng.random() < 0.1:
            self._to_disk(name, self.rng.randrange(len(self._buffers[name]) + 1))

    def _to_disk(self, name, n):
        self.disk[name] += self._buffers[name][:n]
        del self._buffers[name][:n]


def rows_of(kind, batch):
    """Return the rows of a batch, each as kind, key, time and bytes."""
    return [
        (kind, batch.key, int(time), values.tobytes())
        for time, values in zip(batch.times, batch.values, strict=True)
    ]
