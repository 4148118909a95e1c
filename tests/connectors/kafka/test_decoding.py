"""Messages of one partition to batches of one series each, without a broker."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from streamlyt.connectors.kafka.decoding import (
    codec_of,
    decode_batches,
    group_messages,
    mask_infinite_thresholds,
    schema_of,
    split_codec,
)
from streamlyt.connectors.kafka.missing_values import MissingValuePolicy
from streamlyt.core import Batch, Schema
from streamlyt.core.errors import ParameterError


def records(values, keys=None):
    return [
        SimpleNamespace(
            topic="t",
            partition=0,
            offset=i,
            key=None if keys is None else keys[i],
            value=None if value is None else json.dumps(value).encode(),
            timestamp=1000 + i,
        )
        for i, value in enumerate(values)
    ]


def decoded(records, codec="json", **fields):
    made = codec_of(codec, **{"columns": ["x"], **fields})
    policy = MissingValuePolicy("drop", ["x"])
    return decode_batches(records, made, schema_of(made), policy)


def series_of(result):
    return [
        (batch.key, batch.values[:, 0].tolist(), batch.times.tolist()) for batch in result.batches
    ]


@pytest.mark.parametrize("names", ["a", "ab", "abc", "ba"])
def test_key_of_a_field_separates_the_series(names):
    values = [{"x": i, "k": names[i % len(names)]} for i in range(6)]
    stamps = {i: (1000 + i) * 10**6 for i in range(6)}
    expected = [
        (name, list(range(j, 6, len(names))), [stamps[i] for i in range(j, 6, len(names))])
        for j, name in enumerate(names)
    ]
    assert series_of(decoded(records(values), key_column="k")) == expected


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("names", ["a", "ab", "abc"])
def test_key_of_a_message_separates_the_series(names, rows):
    keys = [names[i % len(names)].encode() for i in range(6)]
    values = [[{"x": 10 * i + j} for j in range(rows)] for i in range(6)]
    expected = {
        name: [10 * i + j for i in range(6) if keys[i] == name.encode() for j in range(rows)]
        for name in names
    }
    found = decoded(records(values, keys))
    assert {batch.key: batch.values[:, 0].tolist() for batch in found.batches} == expected
    for batch in found.batches:
        numbers = batch.values[:, 0].astype(int) // 10
        assert batch.times.tolist() == [(1000 + i) * 10**6 for i in numbers]


def test_dropped_rows_leave_the_keys_of_the_others():
    values = [{"x": 0, "k": "a"}, {"x": None, "k": "a"}, {"x": 2, "k": "b"}, {"x": 3, "k": "a"}]
    found = decoded(records(values), key_column="k")
    assert [(key, rows) for key, rows, _ in series_of(found)] == [("a", [0, 3]), ("b", [2])]
    assert (found.dropped, found.rejected) == (1, 0)


def test_key_that_is_no_utf8_is_a_dead_letter_and_a_tombstone_is_no_row():
    found = decoded(records([{"x": 0}, {"x": 1}, None, {"x": 3}], [b"a", b"\xff", b"a", None]))
    assert [(key, rows) for key, rows, _ in series_of(found)] == [("a", [0]), ("", [3])]
    (letter,) = found.dead_letters
    assert (letter.offset, letter.reason) == (1, "the key must be UTF-8")


def test_undecodable_message_is_a_dead_letter_with_its_own_offset():
    found = decoded(records([{"x": 0}, {"x": "text"}, {"x": 2}]))
    assert [letter.offset for letter in found.dead_letters] == [1]
    assert [rows for _, rows, _ in series_of(found)] == [[0, 2]]


@pytest.mark.parametrize(
    ("unit", "factor"), [("s", 10**9), ("ms", 10**6), ("us", 10**3), ("ns", 1)]
)
def test_time_of_a_field_has_its_unit(unit, factor):
    values = [{"x": i, "t": 5 + i} for i in range(3)]
    found = decoded(records(values), time_column="t", time_unit=unit)
    (batch,) = found.batches
    assert batch.times.tolist() == [(5 + i) * factor for i in range(3)]
    assert batch.schema.time_unit == "ns"


def test_steps_of_a_field_are_steps_and_the_time_of_messages_is_nanoseconds():
    values = [{"x": i, "t": 5 + i} for i in range(3)]
    (batch,) = decoded(records(values), time_column="t", time_unit="step").batches
    assert batch.schema.time_unit == "step"
    assert batch.times.tolist() == [5, 6, 7]
    (batch,) = decoded(records(values), time_column=None, time_unit="step").batches
    assert batch.schema.time_unit == "ns"


def test_time_that_decreases_starts_a_new_batch():
    values = [{"x": i, "t": t} for i, t in enumerate([1, 2, 1, 1, 5])]
    found = decoded(records(values), time_column="t", time_unit="ns")
    assert [batch.times.tolist() for batch in found.batches] == [[1, 2], [1, 1, 5]]


def test_large_columnar_messages_are_decoded_alone():
    columnar = SimpleNamespace(columnar=True, key_column=None)
    sizes = [1, 2**14, 3, 4, 2**14 - 1, 2**15, 2**16, None, 5]
    messages = [SimpleNamespace(value=None if n is None else bytes(n)) for n in sizes]
    groups = [[len(r.value or b"") for r in group] for group in group_messages(messages, columnar)]
    assert groups == [[1], [2**14], [3, 4, 2**14 - 1], [2**15], [2**16], [0, 5]]
    for other in (
        SimpleNamespace(columnar=False, key_column=None),
        SimpleNamespace(columnar=True, key_column="k"),
    ):
        assert [len(group) for group in group_messages(messages, other)] == [len(sizes)]


def test_infinite_thresholds_are_masked_in_a_copy():
    schema = Schema.of("x", "threshold")
    values = np.array([[np.inf, np.inf], [1.0, 2.0]])
    masked = mask_infinite_thresholds(Batch("", [0, 1], values, schema))
    np.testing.assert_array_equal(masked.values, [[np.inf, np.nan], [1.0, 2.0]])
    assert values[0, 1] == np.inf
    other = Batch("", [0], [[np.inf]], Schema.of("x"))
    assert mask_infinite_thresholds(other) is other
    finite = Batch("", [0], [[1.0, 2.0]], schema)
    assert mask_infinite_thresholds(finite) is finite


def test_codec_setting_is_a_name_or_a_table():
    assert split_codec("json") == ("json", {})
    assert split_codec({"type": "csv", "delimiter": ";"}) == ("csv", {"delimiter": ";"})
    with pytest.raises(ParameterError, match="codec must be a name or a table with a type"):
        split_codec({"delimiter": ";"})
    with pytest.raises(ParameterError, match=r"codec 'json' cannot be created from {'wrong': 1}"):
        codec_of({"type": "json", "wrong": 1}, columns=["x"])
