"""Followed files: what a writer may do at any moment, and what a reader makes of it."""

import gzip
import logging

import pytest

from streamlyt.connectors import FileSource
from streamlyt.connectors.files import tail
from streamlyt.core.errors import FormatError, SourceError
from tests.connectors.files.followed import play


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(tail, "sleep", lambda seconds: None)


def read_on(batches, position=None):
    """Read until nothing comes; return the values and the last position."""
    values = []
    for batch, at in batches:
        position = at or position
        if not batch.n_rows:
            break
        values += batch.values[:, 0].tolist()
    return values, position


def add(path, text):
    with path.open("ab") as file:
        file.write(text.encode())


@pytest.mark.parametrize("first", range(0, 150, 50))
def test_each_row_comes_out_once_and_in_order_whatever_the_writer_does(first, tmp_path, caplog):
    caplog.set_level(logging.ERROR)
    for seed in range(first, first + 50):
        folder = tmp_path / str(seed)
        folder.mkdir()
        assert play(seed, folder) is None, seed


@pytest.mark.parametrize(
    ("name", "text", "columns"),
    [
        ("a.csv", "t,x\n1,1.5\n2,2.5\n3", ("x",)),
        ("a.csv", "a,b\n1,2.5\n3,4.5\n5,-", ("a", "b")),
        ("a.csv", "a,b\n1,2.5\n3,4.5\n5,1e", ("a", "b")),
        ("a.csv", "a,b\n1,2.5\n3,4.5\n5,6.5", ("a", "b")),
        ("a.csv", 'a,b\n1,2.5\n3,"4.5\n5', ("a", "b")),
        ("a.jsonl", '{"x":1}\n{"x":2}\n{"x', ("x",)),
    ],
)
def test_a_last_line_that_is_half_written_decides_nothing(tmp_path, name, text, columns):
    (tmp_path / name).write_text(text)
    source = FileSource(tmp_path / name, follow=True)
    assert source.schema.channel_names == columns
    assert len(read_on(source.read())[0]) in (1, 2)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "must hold a complete first line to be followed, got 0 bytes"),
        ("x,", {}, "must hold a complete first line to be followed, got 2 bytes"),
        ("x,y\n", {}, "must hold a complete row to be followed, got only a header"),
        (
            "x,y\n1",
            {"columns": ["x"], "time_column": "y"},
            "must hold a complete row to be followed",
        ),
    ],
)
def test_a_file_that_holds_too_little_yet_is_to_be_waited_for(tmp_path, text, options, message):
    """A SourceError, so that a daemon tries again."""
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(SourceError, match=f"{message}.*wait"):
        FileSource(tmp_path / "a.csv", follow=True, **options)


def test_rows_of_named_columns_are_waited_for_after_a_header(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n")
    batches = FileSource(path, follow=True, columns=["x"]).read()
    assert read_on(batches)[0] == []
    add(path, "1,2\n")
    assert read_on(batches)[0] == [1]


def test_a_quoted_cell_that_is_written_in_two_pieces_is_one(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('x,note\n1,"one"\n')
    batches = FileSource(path, columns=["x"], follow=True).read()
    assert read_on(batches)[0] == [1]
    add(path, '2,"one\n')
    assert read_on(batches)[0] == []
    add(path, '3,two"\n4,x\n')
    assert read_on(batches)[0] == [2, 4]


def test_a_file_that_vanishes_between_two_looks_is_waited_for(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n")
    batches = FileSource(path, follow=True).read()
    assert read_on(batches)[0] == [1]
    path.unlink()
    assert read_on(batches)[0] == []
    path.write_text("x\n2\n")
    assert read_on(batches)[0] == [2]


def test_a_file_overwritten_after_the_same_first_bytes_is_read_from_its_start(tmp_path, caplog):
    path = tmp_path / "a.csv"
    zeros = "0,0,0,0,0,0,0,0\n"
    path.write_text("a,b,c,d,e,f,g,h\n" + zeros * 40)
    batches = FileSource(path, columns=["a"], follow=True).read()
    assert len(read_on(batches)[0]) == 40
    path.write_text("a,b,c,d,e,f,g,h\n" + zeros * 20 + "1,2,3,4,5,6,7,8\n" * 40)
    assert read_on(batches)[0] == [0.0] * 20 + [1.0] * 40
    assert "was truncated; reading it from the start" in caplog.text


def test_the_rest_of_a_copied_and_truncated_file_is_read_from_the_copy(tmp_path, caplog):
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n2\n")
    batches = FileSource(path, follow=True).read()
    assert read_on(batches)[0] == [1, 2]
    (tmp_path / "a.csv.1").write_text("x\n1\n2\n3\n")
    path.write_text("x\n4\n")
    assert read_on(batches)[0] == [3, 4]
    assert "reading the rest of its copy" in caplog.text


def test_a_restored_file_is_continued_although_its_inode_differs(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n2\n")
    _, position = read_on(FileSource(path, follow=True).read())
    text = path.read_text()
    path.rename(tmp_path / "elsewhere")
    path.write_text(f"{text}3\n")
    assert read_on(FileSource(path, follow=True).read(position))[0] == [3]


def test_a_file_rotated_twice_between_two_looks_is_reported(tmp_path, caplog):
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n")
    batches = FileSource(path, follow=True).read()
    read_on(batches)
    path.rename(tmp_path / "a.csv.2")
    (tmp_path / "a.csv.1").write_text("x\n2\n")
    path.write_text("x\n3\n")
    assert read_on(batches)[0] == [3]
    assert "rotated more than once" in caplog.text
    assert "a.csv.1 is not read" in caplog.text


@pytest.mark.parametrize("batch_rows", [4, 100])
@pytest.mark.parametrize("n_taken", [1, 2, 3])
def test_a_recorded_file_is_followed_from_any_position(tmp_path, n_taken, batch_rows):
    path = tmp_path / "a.csv"
    path.write_text("k,x\n" + "".join(f"{'ab'[i % 2]},{i}\n" for i in range(10)))
    recorded = FileSource(path, key_column="k", batch_size=batch_rows).read()
    done, position = [], None
    for _, (batch, at) in zip(range(n_taken), recorded, strict=False):
        done += batch.values[:, 0].tolist()
        position = at
    add(path, "a,10\nb,11\n")
    values, position = read_on(
        FileSource(path, key_column="k", batch_size=batch_rows, follow=True).read(position)
    )
    assert sorted(done + values) == list(range(12))
    add(path, "a,12\n")
    rest = FileSource(path, key_column="k").read(position)  # and back: recorded again
    assert [batch.values[:, 0].tolist() for batch, _ in rest] == [[12]]


def test_a_last_row_without_a_line_end_is_not_read_twice_when_the_file_is_followed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n2\n3")
    *_, (_, position) = FileSource(path).read()
    assert position == {"row": 3, "series": 0}
    batches = FileSource(path, follow=True).read(position)
    assert read_on(batches) == ([], position)
    add(path, "\n4\n")
    assert read_on(batches)[0] == [4]


def test_a_file_shorter_than_what_was_read_of_it_is_not_followed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n2\n")
    with pytest.raises(SourceError, match="must hold the 5 rows that were read before, got 2"):
        list(FileSource(path, follow=True).read({"row": 5, "series": 0}))


def test_row_numbers_as_times_go_on_in_the_next_file_of_a_folder(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.csv").write_text("x\n1\n2\n3\n")
    source = FileSource(tmp_path, batch_size=2)
    read = list(source.read())
    times = [batch.times.tolist() for batch, _ in read]
    assert [t for each in times for t in each] == list(range(9))
    for i, (_, position) in enumerate(read):
        assert [batch.times.tolist() for batch, _ in source.read(position)] == times[i + 1 :]


def test_a_new_file_of_a_followed_folder_continues_the_row_numbers(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n2\n")
    _, position = read_on(FileSource(tmp_path, follow=True).read())
    (tmp_path / "b.csv").write_text("x\n3\n")
    batch, _ = next(FileSource(tmp_path, follow=True).read(position))
    assert batch.times.tolist() == [2]


def test_a_compressed_file_that_is_cut_off_is_rejected(tmp_path):
    path = tmp_path / "a.csv.gz"
    packed = gzip.compress(b"x\n" + b"".join(b"%d\n" % i for i in range(100_000)))
    path.write_bytes(packed[: len(packed) * 2 // 3])
    with pytest.raises(FormatError, match="must be undamaged, got 'Truncated compressed stream'"):
        list(FileSource(path).read())


def test_a_folder_or_file_that_has_gone_is_a_source_error(tmp_path):
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "a.csv").write_text("x\n1\n")
    source, one = FileSource(folder), FileSource(folder / "a.csv")
    (folder / "a.csv").unlink()
    with pytest.raises(SourceError, match=r"must be a file that can be read.*No such file"):
        list(one.read())
    folder.rmdir()
    with pytest.raises(SourceError, match="must be a directory that can be read"):
        list(source.read())
