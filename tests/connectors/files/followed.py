"""A followed file whose writer moves only while its reader sleeps: one round for each seed.

The writer appends any number of bytes, so that it may pause within a record, a quoted cell or a
character; it renames, copies and truncates the file. The reader stops and resumes, as a followed or
a recorded file. Rows must come out once and in order.
"""

import json
import random
import shutil
from pathlib import Path
from unittest.mock import patch

from streamlyt.connectors import FileSource
from streamlyt.connectors.files import source as source_module
from streamlyt.connectors.files import tail as tail_module
from streamlyt.core.errors import SourceError

WORDS = ("plain", "two\nlines", "a,b;c", 'say "hi"', '5" pipe', "ü€😀", "line\r\nend\n", "", " x")
ACTIONS = ("append", "rename", "copy and truncate", "truncate", "append")


class Writer:
    """Writes rows 0, 1, 2, ... to a file, or to those that replace it."""

    def __init__(self, folder, rng):
        self.rng, self.folder = rng, folder
        self.json = rng.random() < 0.3
        self.path = folder / ("a.jsonl" if self.json else "a.csv")
        self.end = rng.choice(["\n", "\r\n"])
        self.mark = rng.choice([b"", b"\xef\xbb\xbf"])
        self.delimiter = rng.choice(",;\t")
        self.has_header = not self.json and rng.random() < 0.8
        self.column = "x" if self.json or self.has_header else "x1"
        self.n = self.n_renamed = self.first = 0
        self.pending = b""
        self.finished = False  # while the file is read as a recorded one
        self.committed = 0  # rows that the reader will not ask for again
        self.begin()

    def begin(self):
        """Begin a file."""
        self.first = self.n
        self.pending = self.mark
        if self.has_header:
            blank = self.rng.choice(["", self.end])
            head = self.delimiter.join(["t", "x", '"the\nnote"'])
            self.pending += f"{blank}{head}{self.end}".encode()
        self.pending += self.record()

    def record(self):
        number, self.n = self.n, self.n + 1
        word = self.rng.choice(WORDS)
        if self.json:
            text = json.dumps({"x": number, "note": word}, ensure_ascii=False)
        elif not self.has_header:
            text = f"{number}{self.delimiter}{number}"
        else:
            note = word
            if any(c in word for c in "\n\r,;") or self.rng.random() < 0.3:
                note = '"' + word.replace('"', '""') + '"'
            text = self.delimiter.join([str(number), str(number), note])
        blank = self.end if self.rng.random() < 0.05 else ""
        return f"{text}{self.end}{blank}".encode()

    def write(self, n_bytes):
        with self.path.open("ab") as file:
            file.write(self.pending[:n_bytes])
        self.pending = self.pending[n_bytes:]

    def act(self, *_):
        """Do some random things."""
        for _ in range(0 if self.finished else self.rng.randrange(1, 5)):
            self.act_once()

    def act_once(self):
        rng = self.rng
        if self.pending:
            whole = rng.random() < 0.4
            self.write(len(self.pending) if whole else rng.randrange(1, len(self.pending) + 1))
            return
        action = rng.choice(ACTIONS)
        if action == "append":
            self.pending = b"".join(self.record() for _ in range(rng.randrange(1, 6)))
        elif self.committed <= self.first:
            return  # the reader knows nothing of this file yet, and would not find it again
        elif action == "rename":
            self.path.rename(self.next_name())
            self.begin()
        elif action == "copy and truncate":
            shutil.copyfile(self.path, self.next_name())
            self.path.write_bytes(b"")
            self.begin()
        elif self.committed == self.n:
            self.path.write_bytes(b"")
            self.begin()

    def next_name(self):
        self.n_renamed += 1
        return self.folder / f"{self.path.name}.{self.n_renamed}"

    def complete(self):
        self.write(len(self.pending))


class Reader:
    """Reads what the writer has written, in several lives."""

    def __init__(self, writer):
        self.writer, self.position = writer, None
        self.values, self.times, self.pending = [], [], []

    def open(self, follow):
        batch_rows = self.writer.rng.choice([1, 3, 4096])
        return FileSource(
            self.writer.path, columns=[self.writer.column], follow=follow, batch_size=batch_rows
        )

    def wait_until_open(self):
        while True:
            try:
                return self.open(True)
            except SourceError:  # missing, empty, or without a complete line
                self.writer.act()

    def take(self, batches, n_beats):
        """Take batches up to a number of heartbeats, or to the end of a recorded file."""
        for batch, position in batches:
            self.pending.append((batch.values.ravel().tolist(), batch.times.tolist()))
            if position is not None:
                for values, times in self.pending:
                    self.values += values
                    self.times += times
                self.position, self.pending = position, []
                self.writer.committed = len(self.values)
            n_beats -= not batch.n_rows
            if n_beats <= 0:
                break
        self.pending = []
        batches.close()


def play(seed, folder):
    """Play one round; return what is wrong, or None."""
    rng = random.Random(seed)
    writer = Writer(Path(folder), rng)
    reader = Reader(writer)
    if rng.random() < 0.3:  # as a recorded file first
        writer.complete()
        reader.take(reader.open(False).read(), 10**9)
    with (
        patch.object(tail_module, "sleep", writer.act),
        patch.object(source_module, "sleep", writer.act),
    ):
        for _ in range(rng.randrange(1, 5)):
            source = reader.wait_until_open()
            reader.take(source.read(reader.position), rng.randrange(1, 20))
            for _ in range(rng.randrange(3)):
                writer.act()
            if rng.random() < 0.2 and not writer.pending and "offset" in (reader.position or {}):
                writer.finished = True
                reader.take(reader.open(False).read(reader.position), 10**9)
                writer.finished = False
        writer.complete()
        writer.finished = True
        reader.take(reader.open(True).read(reader.position), 4)
    wanted = [float(i) for i in range(writer.n)]
    if reader.values != wanted:
        missing = sorted(set(wanted) - set(reader.values))[:5]
        return f"rows: {len(reader.values)} instead of {writer.n}, missing {missing}"
    if reader.times != list(range(writer.n)):
        return f"times: {reader.times}"
    once = [v for batch, _ in reader.open(False).read() for v in batch.values.ravel().tolist()]
    if once != wanted[writer.first :]:
        return f"the last file at once: {once} instead of {wanted[writer.first :]}"
    return None
