import gzip

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from streamlyt.connectors import FileSource
from streamlyt.core.errors import DataError, FormatError, ParameterError, SourceError

VALUES = np.random.default_rng(0).normal(size=(1000, 3))


@pytest.fixture(params=["csv", "csv.gz", "tsv", "npy", "parquet"])
def recorded(request, tmp_path):
    path = tmp_path / f"table.{request.param}"
    mark = "\t" if request.param == "tsv" else ","
    rows = [mark.join(map(repr, row)) for row in VALUES.tolist()]
    text = "\n".join([mark.join(["x0", "x1", "x2"]), *rows, ""])
    if request.param == "npy":
        np.save(path, VALUES)
    elif request.param == "parquet":
        table = pa.table({f"x{i}": VALUES[:, i] for i in range(3)})
        parquet.write_table(table, path, row_group_size=300)
    elif request.param == "csv.gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def written(path, text):
    path.write_text(text)
    return path


def all_rows(source, start=None):
    return np.concatenate([batch.values for batch, _ in source.read(start)])


def test_every_format_gives_the_same_rows(recorded):
    source = FileSource(recorded, batch_size=128)
    batches = [batch for batch, _ in source.read()]
    assert {batch.n_rows for batch in batches[:-1]} == {128}
    assert source.schema.channel_names == ("x0", "x1", "x2")
    assert source.schema.time_unit == "step"
    np.testing.assert_array_equal(all_rows(source), VALUES)
    np.testing.assert_array_equal(np.concatenate([b.times for b in batches]), range(1000))
    assert source.n_rows == (None if "sv" in recorded.name else 1000)


def test_reading_resumes_from_every_position(recorded):
    source = FileSource(recorded, columns=["x2", "x0"], batch_size=130)
    done = 0
    for batch, position in source.read():
        done += batch.n_rows
        rest = all_rows(source, position) if done < 1000 else np.empty((0, 2))
        np.testing.assert_array_equal(rest, VALUES[done:, [2, 0]])
    assert list(source.read(position)) == []


def test_no_file_is_written_next_to_the_table(recorded):
    before = sorted(recorded.parent.iterdir())
    all_rows(FileSource(recorded))
    assert sorted(recorded.parent.iterdir()) == before


def test_one_array_axis_is_one_column(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(5, dtype=">i4"))
    source = FileSource(tmp_path / "x.npy")
    assert source.schema.channel_names == ("x0",)
    assert all_rows(source)[:, 0].tolist() == [0, 1, 2, 3, 4]


def test_empty_cells_and_nan_come_as_nan(tmp_path):
    path = written(tmp_path / "x.csv", "a,b\n1,2\n,NaN\n3,nan\n")
    np.testing.assert_array_equal(
        all_rows(FileSource(path)), [[1, 2], [np.nan, np.nan], [3, np.nan]]
    )


def test_text_columns_are_left_out_and_a_column_empty_at_first_is_not(tmp_path):
    path = written(tmp_path / "x.csv", "a;state;b\n1;on;\n2;off;\n")
    assert FileSource(path).schema.channel_names == ("a", "b")


def test_a_file_without_a_header_has_numbered_columns(tmp_path):
    source = FileSource(written(tmp_path / "x.csv", "1,2\n3,4\n"))
    assert source.schema.channel_names == ("x0", "x1")
    assert all_rows(source).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("cells", "unit", "expected"),
    [
        (["3", "5"], "step", [3, 5]),
        (["0.5", "2"], "ns", [500_000_000, 2_000_000_000]),
        (["1970-01-01T00:00:01", "1970-01-01T00:00:02.000000005"], "ns", [10**9, 2 * 10**9 + 5]),
        (["1970-01-01 00:00:01Z", "1970-01-01 01:00:02+01:00"], "ns", [10**9, 2 * 10**9]),
        (["1970-01-02", "1970-01-03"], "ns", [86400 * 10**9, 2 * 86400 * 10**9]),
    ],
)
def test_times_are_whole_numbers_of_a_known_unit(tmp_path, cells, unit, expected):
    path = written(tmp_path / "x.csv", "t,v\n" + "".join(f"{cell},1\n" for cell in cells))
    source = FileSource(path, time_column="t")
    ((batch, _),) = source.read()
    assert (source.schema.time_unit, batch.times.tolist()) == (unit, expected)
    assert source.schema.channel_names == ("v",)


def test_timestamps_of_parquet_become_nanoseconds(tmp_path):
    stamps = pa.array([0, 1500], type=pa.timestamp("ms", tz="Europe/Berlin"))
    parquet.write_table(pa.table({"t": stamps, "v": [1, 2]}), tmp_path / "x.parquet")
    ((batch, _),) = FileSource(tmp_path / "x.parquet", time_column="t").read()
    assert batch.times.tolist() == [0, 1_500_000_000]


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=40), st.integers(1, 9))
def test_each_series_keeps_its_order_and_every_position_loses_nothing(
    tmp_path_factory, keys, batch_rows
):
    path = tmp_path_factory.mktemp("keys") / "x.csv"
    written(path, "who,v\n" + "".join(f"{key},{i}\n" for i, key in enumerate(keys)))
    source = FileSource(path, key_column="who", batch_size=batch_rows)
    read = list(source.read())
    for expected in set(keys):
        got = [v for batch, _ in read if batch.key == expected for v in batch.values[:, 0]]
        assert got == [i for i, key in enumerate(keys) if key == expected]
    for at, (_, position) in enumerate(read):
        rest = [(b.key, b.values.tolist()) for b, _ in source.read(position)]
        assert rest == [(b.key, b.values.tolist()) for b, _ in read[at + 1 :]]


@pytest.mark.parametrize(
    ("name", "text", "options", "error", "message"),
    [
        ("x.xls", "a\n1\n", {}, ParameterError, r"must end in one of \.csv"),
        ("x.csv", "", {}, FormatError, "got an empty file"),
        ("x.npy", "a\n1\n", {}, FormatError, "must be a complete NPY file"),
        ("x.parquet", "a\n1\n", {}, FormatError, "must be a complete Parquet file"),
        ("x.csv", "who\nme\n", {}, FormatError, "must have a numeric column"),
        ("x.csv", "a,a\n1,2\n", {}, FormatError, "must be unique"),
        ("x.csv", "heat\n1\n", {"columns": ["heart"]}, ParameterError, r"did you mean 'heat'"),
        (
            "x.csv",
            "a,b\n1,2\n",
            {"time_column": "z"},
            ParameterError,
            r"time_column must be a column .*use one of 'a', 'b'",
        ),
        ("x.csv", "a,b\n1,on\n", {"time_column": "b"}, FormatError, "ISO 8601"),
        (
            "x.csv",
            "a,b\n1,2\n",
            {"time_column": "a", "columns": ["a"]},
            ParameterError,
            "different",
        ),
        ("x.csv", "a\n1\n", {"batch_size": 0}, ParameterError, "batch_size must be"),
    ],
)
def test_bad_files_and_parameters_are_rejected_early(tmp_path, name, text, options, error, message):
    path = written(tmp_path / name, text)
    with pytest.raises(error, match=message):
        FileSource(path, **options)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"no\.csv', which does not exist"):
        FileSource(tmp_path / "no.csv")


@pytest.mark.parametrize("array", [np.array(["a"]), np.zeros((2, 2, 2)), np.array([1j])])
def test_arrays_of_another_dtype_or_shape_are_rejected(tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(FormatError, match=r"numbers of shape \(n,\) or \(n, d\)"):
        FileSource(tmp_path / "x.npy")


def test_text_in_a_numeric_column_is_rejected_with_its_line(tmp_path):
    path = tmp_path / "x.csv"
    written(path, "a\n" + "1\n" * 600_000 + "oops\n" + "1\n" * 5)
    with pytest.raises(FormatError, match=r"x\.csv \(line 600002\).*oops"):
        all_rows(FileSource(path))


def test_a_row_of_another_length_is_rejected(tmp_path):
    with pytest.raises(FormatError, match="Expected 2 columns, got 3"):
        all_rows(FileSource(written(tmp_path / "x.csv", "a,b\n1,2\n1,2,3\n")))


def test_a_missing_time_is_rejected_with_its_row(tmp_path):
    path = written(tmp_path / "x.csv", "t,v\n1,1\n,2\n3,3\n")
    with pytest.raises(DataError, match="got none in 't' of row 1"):
        all_rows(FileSource(path, time_column="t"))


def test_decreasing_time_is_rejected_across_batches(tmp_path):
    path = written(tmp_path / "x.csv", "t,v\n1,1\n2,2\n1,3\n")
    for batch_rows in (2, 10):
        with pytest.raises(DataError, match="got 1 after 2 step near row"):
            all_rows(FileSource(path, time_column="t", batch_size=batch_rows))


def test_out_of_order_rows_pass_with_disorder_pass(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("t,k,x\n3,a,1\n1,a,2\n2,b,3\n5,a,4\n4,b,5\n3,b,6\n")
    source = FileSource(path, time_column="t", key_column="k", out_of_order="allow")
    read = [(b.key, b.times.tolist(), position) for b, position in source.read()]
    assert [each[:2] for each in read] == [
        ("a", [3]),
        ("a", [1, 5]),
        ("b", [2, 4]),
        ("b", [3]),
    ]
    assert [each[2] for each in read] == [
        None,
        {"row": 0, "end": 6, "series": 1},
        None,
        {"row": 6, "series": 0},
    ]
    with pytest.raises(ParameterError, match="out_of_order must be 'raise' or 'allow', got 'sort'"):
        FileSource(path, out_of_order="sort")


def test_words_are_read_as_the_numbers_of_their_classes(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,kind\n1,red\n2,\n3,blue\n4,red\n")
    source = FileSource(path)
    assert source.category_values("kind") == ["red", "blue"]
    source = FileSource(path, class_labels={"kind": ["red", "blue"]})
    assert source.schema.channel_names == ("x", "kind")
    values = np.vstack([batch.values for batch, _ in source.read()])
    np.testing.assert_array_equal(values[:, 1], [0, np.nan, 1, 0])
    with pytest.raises(DataError, match="must be one of its 1 classes, got 'blue' in row 2"):
        list(FileSource(path, class_labels={"kind": ["red"]}).read())
    with pytest.raises(ParameterError, match="class_labels must be a column"):
        FileSource(path, class_labels={"kin": []})
