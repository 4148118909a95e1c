"""What a table shows of its columns: a wrong guess blinds a detector or hides a measurement."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from streamlyt.connectors import FileSource

N = 400
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=N)


def looked(tmp_path, held, **options):
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table(held), path)
    source = FileSource(path, **options)
    return source, source.inferred_schema()


@pytest.mark.parametrize(
    "name",
    ["time", "Time", "timestamp", "eventTime", "event_time", "t", "t (ps)", "time_s", "date",
     "index", "Unnamed: 0", ""],
)  # fmt: skip
def test_a_column_called_like_a_clock_that_never_goes_back_is_left_out(tmp_path, name):
    source, look = looked(tmp_path, {name: np.arange(N) // 2, "v": NOISE})
    assert source.schema.channel_names == ("v",)
    assert look.left_out == {name: "time"}


@pytest.mark.parametrize("name", ["heat", "tin", "runtime_error", "t_in", "update"])
def test_a_column_with_another_name_is_watched_and_said_to_count(tmp_path, name):
    source, look = looked(tmp_path, {name: np.arange(N), "v": NOISE})
    assert source.schema.channel_names == (name, "v")
    assert (look.left_out, look.counting) == ({}, (name,))


def test_a_clock_that_goes_back_is_a_measurement(tmp_path):
    source, look = looked(tmp_path, {"reaction time": np.abs(NOISE), "v": NOISE})
    assert source.schema.channel_names == ("reaction time", "v")
    assert look.counting == ()


def test_a_clock_that_stands_still_says_nothing_and_is_watched(tmp_path):
    assert looked(tmp_path, {"t": np.zeros(N), "v": NOISE})[0].schema.channel_names == ("t", "v")


@pytest.mark.parametrize("key", [None, "pump"])
def test_a_clock_that_restarts_for_each_series_is_excluded(tmp_path, key):
    columns = {"pump": ["a"] * 200 + ["b"] * 200, "t": [*range(200), *range(200)], "v": NOISE}
    assert looked(tmp_path, columns, key_column=key)[0].schema.channel_names == ("v",)


def test_columns_that_are_named_are_watched_whatever_they_are(tmp_path):
    columns = {"time": np.arange(N), "v": NOISE}
    assert looked(tmp_path, columns, columns=["time", "v"])[0].schema.channel_names == ("time", "v")


def test_a_clock_alone_is_watched_for_want_of_anything_else(tmp_path):
    assert looked(tmp_path, {"time": np.arange(N)})[0].schema.channel_names == ("time",)


def test_whole_numbers_of_nanoseconds_keep_their_order(tmp_path):
    times = 1_700_000_000_000_000_000 + np.arange(N)  # as floats they would all be alike
    assert looked(tmp_path, {"ticks": times, "v": NOISE})[1].counting == ("ticks",)


def test_missing_values_and_few_rows_are_no_counter(tmp_path):
    missing = np.arange(N, dtype=float)
    missing[5] = np.nan
    assert looked(tmp_path, {"a": missing, "v": NOISE})[1].counting == ()
    assert looked(tmp_path, {"a": [1, 2, 3]})[1].counting == ()
    assert looked(tmp_path, {"a": pa.nulls(N), "v": NOISE})[1].counting == ()


def test_non_numeric_columns_are_excluded_with_their_kind(tmp_path):
    columns = {
        "at": pa.array(np.arange(N), pa.timestamp("s")),
        "on": NOISE > 0,
        "state": ["on"] * N,
        "heat": [f"{v:.2f}".replace(".", ",") for v in NOISE],
        "v": NOISE,
    }
    _, look = looked(tmp_path, columns)
    assert look.left_out == {
        "at": "time",
        "on": "true or false",
        "state": "text",
        "heat": "text with decimal commas",
    }


def test_text_of_few_values_may_name_series_and_other_text_not(tmp_path):
    columns = {
        "pump": ["a", "b"] * 200,
        "same": ["x"] * N,
        "id": [str(i) for i in range(N)],
        "v": NOISE,
    }
    assert looked(tmp_path, columns)[1].repeating == {"pump": 2}


def test_the_series_of_a_key_are_counted(tmp_path):
    columns = {"id": [str(i) for i in range(N)], "v": NOISE}
    _, look = looked(tmp_path, columns, key_column="id")
    assert (look.series, look.rows) == (N, N)


def test_a_batch_ends_before_the_first_missing_value_and_reading_resumes_there(tmp_path):
    values = np.arange(20.0).reshape(-1, 1)
    values[[4, 5, 13]] = np.nan
    np.save(tmp_path / "x.npy", values)
    source = FileSource(tmp_path / "x.npy", batch_size=8)
    parts = list(source.read())
    assert [batch.n_rows for batch, _ in parts] == [4, 8, 1, 7]
    whole = np.concatenate([batch.values for batch, _ in parts])
    np.testing.assert_array_equal(whole, values)
    done = 0
    for batch, position in parts[:-1]:
        done += batch.n_rows
        rest = [b.values for b, _ in source.read(position)]
        np.testing.assert_array_equal(np.concatenate(rest), values[done:])
