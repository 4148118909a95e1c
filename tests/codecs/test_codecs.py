"""Contract of all codecs: exact round trips, and rows or a DecodeError for any bytes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from streamlyt.codecs import ArrowCodec, CsvCodec, JsonCodec, MessageRows
from streamlyt.core.errors import DataError, DecodeError, ParameterError
from streamlyt.registry import component_to_table, get_component
from tests._arrays import assert_same_bits
from tests.codecs.codecs import BARE, CODECS, COLUMNS, WHOLE, fuzzed

FINITE = st.floats(allow_nan=True, allow_infinity=False)
KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5)
TIMES = st.integers(-(2**62), 2**62)


def many(name):
    return 1 if "avro" in name else 5


@st.composite
def rows_of(draw, most):
    n = draw(st.integers(1, most))
    return MessageRows(
        draw(arrays(np.float64, (n, len(COLUMNS)), elements=FINITE)),
        np.array(draw(st.lists(TIMES, min_size=n, max_size=n)), np.int64),
        tuple(draw(st.lists(KEYS, min_size=n, max_size=n))),
    )


@pytest.mark.parametrize("name", CODECS)
def test_round_trip_preserves_every_bit(name):
    codec = CODECS[name]

    @settings(deadline=None, derandomize=True, max_examples=60)
    @given(rows_of(many(name)))
    def holds(rows):
        got = codec.decode(codec.encode(rows))
        missing = np.isnan(rows.values)
        assert_same_bits(np.isnan(got.values), missing)
        assert_same_bits(got.values[~missing], rows.values[~missing])
        if codec.time_column is not None:
            assert_same_bits(got.times, rows.times)
            assert got.keys == rows.keys

    holds()


@pytest.mark.parametrize("name", CODECS)
def test_any_bytes_give_rows_or_an_error(name):
    codec = CODECS[name]

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(st.binary(max_size=80) | st.text(max_size=40).map(str.encode))
    def holds(message):
        fuzzed(codec, message)

    holds()


@pytest.mark.parametrize("name", CODECS)
def test_damaged_message_gives_rows_or_an_error(name):
    codec = CODECS[name]

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(rows_of(many(name)), st.data())
    def holds(rows, data):
        message = bytearray(codec.encode(rows))
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, len(message) - 1))
            message[at] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(0, len(message)) | st.just(len(message)))
        fuzzed(codec, bytes(message[:cut]))

    holds()


@pytest.mark.parametrize("name", WHOLE)
def test_many_messages_are_decoded_like_single_ones(name):
    codec = WHOLE[name]
    rng = np.random.default_rng(0)
    messages = []
    for i in range(6):
        n = 1 if "avro" in name else i % 3 + 1
        messages.append(
            codec.encode(MessageRows(rng.normal(size=(n, 3)), np.arange(n) + i, ("a",) * n))
        )
    messages[1], messages[4] = b"\xffnot this", b"\0"
    decoded = codec.decode_all(messages)
    assert set(decoded.errors) == {1, 4}
    apart = [codec.decode(messages[i]) for i in (0, 2, 3, 5)]
    assert decoded.rows_per_message.tolist() == [
        apart[0].n,
        0,
        apart[1].n,
        apart[2].n,
        0,
        apart[3].n,
    ]
    assert_same_bits(decoded.rows.values, np.concatenate([rows.values for rows in apart]))
    assert_same_bits(decoded.rows.times, np.concatenate([rows.times for rows in apart]))
    assert decoded.rows.keys == sum((rows.keys for rows in apart), ())


@pytest.mark.parametrize("name", CODECS)
def test_no_messages_give_no_rows(name):
    decoded = CODECS[name].decode_all([])
    assert decoded.rows.values.shape == (0, 3)
    assert (decoded.rows.times is None) == (CODECS[name].time_column is None)


@pytest.mark.parametrize("name", BARE)
def test_rows_that_the_format_cannot_represent_are_rejected(name):
    with pytest.raises(DataError, match=r"columns .*got 2"):
        BARE[name].encode(MessageRows(np.ones((1, 2))))
    with pytest.raises(DataError, match=r"rows must have (times|keys), got none"):
        get_component("codecs", "json")(COLUMNS, **{"time_column": "at"}).encode(
            MessageRows(np.ones((1, 3)))
        )


@pytest.mark.parametrize(
    ("unit", "text", "time"),
    [
        ("ms", "1700000000123", 1700000000123 * 10**6),
        ("s", "1.5", 1_500_000_000),
        ("ns", "-7", -7),
        ("us", '"1970-01-01T00:00:01.123456789Z"', 1_123_456_789),
        ("ms", '"1970-01-02"', 86_400 * 10**9),
        ("ms", '"1970-01-01 01:00+01:00"', 0),
        ("step", "12.0", 12),
    ],
)
def test_times_are_integer_nanoseconds_or_steps(unit, text, time):
    rows = JsonCodec(["x"], time_column="t", time_unit=unit).decode(
        f'{{"x":1,"t":{text}}}'.encode()
    )
    assert rows.times.tolist() == [time]
    if '"' not in text:
        rows = CsvCodec(["x"], time_column="t", time_unit=unit).decode(f"{text},1".encode())
        assert rows.times.tolist() == [time]


@pytest.mark.parametrize(
    ("unit", "text", "reason"),
    [
        ("ms", "null", "null"),
        ("ms", "true", "bool"),
        ("s", "9300000000", "out of range"),
        ("ns", "1e300", "out of range"),
        ("ms", '"yesterday"', "must be ISO 8601 .*got 'yesterday'"),
        ("ms", '"2024-02-30T00:00:00Z"', "must be an existing day and time"),
        ("step", "1.5", "must be a whole number of step, got 1.5"),
        ("step", '"2024-01-01"', "must be a whole number, got '2024-01-01'"),
    ],
)
def test_invalid_time_is_rejected(unit, text, reason):
    codec = JsonCodec(["x"], time_column="t", time_unit=unit)
    with pytest.raises(DecodeError, match=reason):
        codec.decode(f'{{"x":1,"t":{text}}}'.encode())


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"columns": []}, "columns must name at least one field"),
        (
            {"columns": ["x", "x"]},
            "columns must name at least one field, and time_column and key_column others",
        ),
        ({"columns": ["x"], "time_column": "x"}, "time_column and key_column others"),
        ({"columns": ["x"], "time_unit": "h"}, r"time_unit must be one of \['ns'.*got 'h'"),
        ({"columns": ["x"], "fields": ["y"]}, "fields must name every field once"),
        ({"columns": ['a"b']}, "invalid field name"),
    ],
)
def test_invalid_options_are_rejected(options, reason):
    with pytest.raises(ParameterError, match=reason):
        JsonCodec(**options)


def test_registry_finds_codecs_by_name():
    assert get_component("codecs", "arrow") is ArrowCodec
    assert component_to_table(CsvCodec(["x"], delimiter=";")) == {
        "type": "csv",
        "columns": ["x"],
        "time_unit": "ms",
        "delimiter": ";",
    }
