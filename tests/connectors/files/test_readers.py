import bz2
import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as parquet
import pytest

from streamlyt.connectors import FileSource
from streamlyt.core.errors import FormatError, ParameterError, SourceError
from tests._arrays import assert_same_bits

N = 1000
VALUES = np.random.default_rng(0).normal(size=(N, 2))
KEYS = ["ab"[i // 10 % 2] for i in range(N)]


def as_csv(rows=range(N)):
    return (
        "".join(
            ["t,k,x,y\n", *(f"{i},{KEYS[i]},{VALUES[i, 0]!r},{VALUES[i, 1]!r}\n" for i in rows)]
        )
        .replace("np.float64(", "")
        .replace(")", "")
    )


def as_json(rows=range(N)):
    return "".join(
        json.dumps({"t": i, "note": "-", "k": KEYS[i], "x": VALUES[i, 0], "y": VALUES[i, 1]}) + "\n"
        for i in rows
    )


def as_table():
    return pa.table({"t": range(N), "k": KEYS, "x": VALUES[:, 0], "y": VALUES[:, 1]})


def write(path):
    """Write the table in the format that the ending says."""
    ends = path.name.split(".")[1:]
    if ends[0] == "parquet":
        parquet.write_table(as_table(), path)
    elif ends[0] in ("arrow", "feather"):
        with ipc.new_file(path, as_table().schema) as writer:
            writer.write_table(as_table(), max_chunksize=300)
    elif ends[0] == "arrows":
        with ipc.new_stream(path, as_table().schema) as writer:
            writer.write_table(as_table(), max_chunksize=300)
    else:
        text = (as_csv() if ends[0] == "csv" else as_json()).encode()
        if ends[-1] == "gz":
            text = gzip.compress(text)
        elif ends[-1] == "bz2":
            text = bz2.compress(text)
        elif ends[-1] in ("zst", "lz4"):
            with pa.output_stream(path) as stream:  # by the ending
                stream.write(text)
            return
        path.write_bytes(text)


def rows(source, start=None):
    return [
        (b.key, int(t), *row)
        for b, _ in source.read(start)
        for t, row in zip(b.times, b.values.tolist(), strict=True)
    ]


ENDINGS = [
    "csv",
    *(f"csv.{packed}" for packed in ("gz", "bz2", "zst", "lz4")),
    "jsonl",
    "ndjson",
    *(f"jsonl.{packed}" for packed in ("gz", "bz2", "zst", "lz4")),
    "arrow",
    "arrows",
    "feather",
    "parquet",
]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_is_the_same_whatever_the_format(ending, tmp_path):
    path = tmp_path / f"table.{ending}"
    write(path)
    source = FileSource(path, time_column="t", key_column="k", batch_size=128)
    assert source.schema.channel_names == ("x", "y")
    found = rows(source)
    by_key = sorted(range(N), key=lambda i: (i // 128, KEYS[i] != KEYS[i // 128 * 128]))
    assert found == [(KEYS[i], i, *VALUES[i].tolist()) for i in by_key]
    batches = list(source.read())
    for i in (0, 5, len(batches) - 2):  # going on from any position gives the rest
        again = [batch for batch, _ in source.read(batches[i][1])]
        assert_same_bits(again, [batch for batch, _ in batches[i + 1 :]])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.arrow", b"ARROW1 but no more", "must be a complete Arrow IPC file"),
        ("a.arrows", b"nothing of the kind", "must be a complete Arrow IPC file"),
        ("a.jsonl", b'{"x": 1}\n{"x": 2\n', "fix the line"),
        ("a.jsonl.gz", b"no gzip", "must be undamaged"),
    ],
)
def test_a_file_with_a_wrong_suffix_is_reported(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError, match=message):
        list(FileSource(tmp_path / name).read())


def test_a_folder_is_read_in_the_order_of_names_as_one_table(tmp_path):
    (tmp_path / "2.csv").write_text(as_csv(range(400, 700)))
    (tmp_path / "1.jsonl").write_text(as_json(range(400)))
    (tmp_path / ".3.csv").write_text("not yet whole")
    (tmp_path / "readme.txt").write_text("hello")
    (tmp_path / "3.csv").write_text(as_csv(range(700, N)))
    source = FileSource(tmp_path, time_column="t", columns=["x", "y"], batch_size=128)
    assert [row[1] for row in rows(source)] == list(range(N))
    batches = list(source.read())
    for batch, position in batches:
        rest = rows(source, position)
        assert [row[1] for row in rest] == list(range(int(batch.times[-1]) + 1, N))


def test_a_directory_without_tables_or_columns_is_reported(tmp_path):
    with pytest.raises(SourceError, match="must hold a file that ends in one of"):
        FileSource(tmp_path)
    (tmp_path / "1.csv").write_text("x,y\n1,2\n")
    (tmp_path / "2.csv").write_text("x,z\n1,2\n")
    with pytest.raises(FormatError, match=r"2\.csv must have the columns \['y'\]"):
        list(FileSource(tmp_path).read())


@pytest.mark.parametrize("name", ["a.csv.gz", "a.parquet"])
def test_only_plain_lines_are_followed(name, tmp_path):
    write(tmp_path / name)
    with pytest.raises(ParameterError, match=r"follow needs a directory or a file that ends"):
        FileSource(tmp_path / name, follow=True)
