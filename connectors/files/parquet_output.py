"""Output as a directory of Parquet parts, one for each checkpoint."""

import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import SinkError

from .outputs import RowsOutput, check_channels, sync_folder, writing

__all__ = ["ParquetParts"]


class ParquetParts(RowsOutput):
    """A directory of Parquet parts, each named after the number of its first row.

    A part has a hidden name until a checkpoint covers it; so has the directory until the first.

    Parameters
    ----------
    path
        The directory.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._n_rows = 0  # on disk
        self._buffered: list[pa.RecordBatch] = []
        self._schema: Schema | None = None
        self._resumed = False
        self._staged: list[Path] = []  # final paths of flushed parts

    def write(self, batch: Batch) -> None:
        """Buffer rows."""
        names = batch.schema.channel_names
        if self._schema is None:
            self._schema = batch.schema
        check_channels(self.path, self._schema.channel_names, names)
        if not self._resumed:
            self.resume(0)
        columns = [
            pa.array([batch.key] * batch.n_rows, pa.string()),
            pa.array(batch.times),
            *(pa.array(column.copy()) for column in batch.values.T),
        ]
        self._buffered.append(pa.RecordBatch.from_arrays(columns, ["key", "time", *names]))

    def flush(self) -> None:
        """Write the rows as a part with a hidden name."""
        if not self._buffered:
            return
        table = pa.Table.from_batches(self._buffered)
        self._stage(table, self._n_rows)
        self._n_rows += table.num_rows
        self._buffered = []

    def publish(self) -> None:
        """Give the flushed parts, and a new directory, their final names."""
        with writing(self.path):
            for part in self._staged:
                _hidden(part).replace(part)
            if self._staged:
                sync_folder(self._staged[0].parent)
                self._staged = []
                self.publish_new()

    def resume(self, n: int) -> None:
        """Keep the parts of the first ``n`` rows."""
        self._buffered, self._staged, self._resumed = [], [], True
        self._n_rows = 0
        if not n:
            self.check_new()
            with writing(self.path):
                if self.hidden.exists():
                    shutil.rmtree(self.hidden)
            return
        with writing(self.path):
            if not self.path.exists():
                self.publish_new()
            self._publish_leftovers(n)
            self._keep(n)
        if self._n_rows != n:
            raise self.too_few(n, self._n_rows)

    def _publish_leftovers(self, n: int) -> None:
        """Publish the hidden parts that the checkpoint covers; delete the others."""
        for hidden in self.path.glob(".rows-*.parquet.new"):
            part = hidden.with_name(hidden.name.removeprefix(".").removesuffix(".new"))
            if _first_row(part) < n:
                hidden.replace(part)
            else:
                hidden.unlink()

    def _keep(self, n: int) -> None:
        parts = sorted(self.path.glob("rows-*.parquet")) if self.path.is_dir() else []
        for part in parts:
            first = _first_row(part)
            if first >= n:
                part.unlink()
                continue
            try:
                n_rows = parquet.read_metadata(part).num_rows
            except pa.ArrowInvalid as error:
                raise SinkError(
                    f"{part} must be a complete Parquet file of the resumed run, got one that "
                    f"fails with: {error}; restore it, or start a new run"
                ) from error
            if first != self._n_rows:
                return
            if first + n_rows > n:
                self._stage(parquet.read_table(part).slice(0, n - first), first)
                self.publish()
                self._n_rows = n
            else:
                self._n_rows = first + n_rows

    def _stage(self, table: pa.Table, first: int) -> None:
        folder = self.path if self.path.exists() else self.hidden
        part = folder / f"rows-{first:015d}.parquet"
        with writing(self.path):
            if not folder.exists():
                folder.mkdir()
                sync_folder(folder.parent)
            parquet.write_table(table, _hidden(part), compression="zstd")
            for path in (_hidden(part), folder):
                handle = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
        self._staged.append(part)

    def close(self) -> None:
        """Forget the rows that were not flushed."""
        self._buffered = []


def _hidden(part: Path) -> Path:
    return part.with_name(f".{part.name}.new")


def _first_row(part: Path) -> int:
    return int(part.stem.removeprefix("rows-"))
