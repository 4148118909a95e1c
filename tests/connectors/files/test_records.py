import io
import itertools

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamlyt.connectors import FileSource
from streamlyt.connectors.files import text_table
from streamlyt.connectors.files.records import complete_length, open_quote
from streamlyt.core.errors import FormatError

CELLS = st.text(alphabet='a",\n\r', max_size=8)


def parsed(text):
    """Rows of two cells as Arrow divides the text; None where it cannot."""
    if not text.strip():
        return []
    names = ["x", "y"]
    try:
        table = csv.read_csv(
            io.BytesIO(text),
            csv.ReadOptions(use_threads=False, column_names=names),
            csv.ParseOptions(newlines_in_values=True),
            csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid:
        return None
    return table.to_pylist()


@settings(deadline=None, derandomize=True, max_examples=500)
@given(st.lists(st.tuples(CELLS, CELLS), max_size=4), st.integers(0, 40))
@example([('"a""\n"b', "a"), ("1", '"\r\n"')], 3)
@example([('a"b', '5" x'), ('"c', '"')], 5)
def test_complete_records_are_those_of_arrow_wherever_the_text_is_cut(rows, cut):
    """Arrow parses the part that is complete, and the rest, as it parses the whole."""
    text = "".join(f"{x},{y}\n" for x, y in rows).encode()
    whole = parsed(text)
    if whole is None or open_quote(text, b",") is not None:
        return  # rejected, wherever it is cut
    first = complete_length(text[:cut], b",")
    assert parsed(text[:first]) + parsed(text[first:]) == whole


@pytest.mark.parametrize("quote", ["", '"first line\nsecond, {i}"', '"a\n7,b"', 'plain "{i}"'])
def test_quoted_line_ends_are_no_rows_in_a_file_of_several_blocks(tmp_path, monkeypatch, quote):
    monkeypatch.setattr(text_table, "SAMPLE_BYTES", 1 << 12)
    monkeypatch.setattr(text_table, "BLOCK_BYTES", 1 << 14)
    path = tmp_path / "a.csv"
    path.write_text("x,note\n" + "".join(f"{i},{quote.format(i=i)}\n" for i in range(6000)))
    source = FileSource(path, columns=["x"])
    values = np.concatenate([batch.values[:, 0] for batch, _ in source.read()])
    np.testing.assert_array_equal(values, range(6000))
    first = quote.format(i=0)
    notes = [first.strip('"') if first.startswith('"') else first]
    assert source.category_values("note")[:1] == [note for note in notes if note]


@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize(
    ("name", "text", "names", "rows"),
    [
        ("a.csv", "\ufeff1,2\n3,4\n", ("x0", "x1"), [[1, 2], [3, 4]]),
        ("a.csv", "\ufeffx,y\r\n1,2\r\n", ("x", "y"), [[1, 2]]),
        ("a.csv", "\n\nx\n1\n\n2\n", ("x",), [[1], [2]]),
        ("a.csv", "x\r1\r2\r", ("x",), [[1], [2]]),
        ("a.csv", '"x\ny",z\n1,2\n', ("x\ny", "z"), [[1, 2]]),
        ("a.csv", 'x;note\n1;5" pipe\n2;""\n', ("x",), [[1], [2]]),
        ("a.jsonl", '\ufeff\n{"x": 1}\n\n{"x": 2}\n', ("x",), [[1], [2]]),
    ],
)
def test_a_recorded_and_a_followed_file_are_read_in_the_same_way(
    tmp_path, name, text, names, rows, follow
):
    (tmp_path / name).write_bytes(text.encode())
    source = FileSource(tmp_path / name, follow=follow)
    assert source.schema.channel_names == names
    batch, _ = next(source.read())
    assert batch.values.tolist() == rows


@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"x,y\n1,2\n3,\xe9\n4,5\n", r"must be UTF-8, got the byte 0xe9 in line .*iconv"),
        (b"t\xe9,y\n1,2\n", r"must be UTF-8, got the byte 0xe9 in line 1, the header"),
        ("x\n1\n".encode("utf-16"), "must be UTF-8, got the byte 0xff"),
    ],
)
def test_another_encoding_is_rejected_with_its_line(tmp_path, text, message, follow):
    (tmp_path / "a.csv").write_bytes(text)
    with pytest.raises(FormatError, match=message):
        next(FileSource(tmp_path / "a.csv", follow=follow).read())


def test_a_quote_that_is_never_closed_is_rejected_with_its_line(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text('x,y\n1,2\n3,"4\n' + "5,6\n" * 100)
    with pytest.raises(FormatError, match=r"\(line 3\): a quoted cell must be closed"):
        list(FileSource(path).read())
    monkeypatch.setattr(text_table, "LONGEST_RECORD", 100)
    batches = FileSource(path, follow=True).read()
    with pytest.raises(FormatError, match=r"a record must be at most .* starts with b'3,\"4"):
        list(itertools.islice(batches, 9))


def test_the_line_of_an_error_counts_blank_lines_and_lines_of_quoted_cells(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('x,note\n\n1,"a\nb"\n\n2,c\noops,d\n')
    with pytest.raises(FormatError, match=r"\(line 7\).*oops"):
        list(FileSource(path, columns=["x"]).read())
    path = tmp_path / "a.jsonl"
    path.write_text('{"x": 1}\n{"x": 2}{"x": 3}\n')
    with pytest.raises(FormatError, match="one JSON object must be on each line, got 3 in 2 lines"):
        list(FileSource(path).read())
