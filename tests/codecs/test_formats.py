"""Each format against a reference reader, and the input it rejects."""

import io
import json
import math
import struct

import fastavro
import msgpack
import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.codecs import ArrowCodec, AvroCodec, CsvCodec, JsonCodec, MessageRows, MsgpackCodec
from streamlyt.core.errors import DataError, DecodeError, ParameterError
from tests.codecs.codecs import record

XY = ["x", "y"]
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)


@settings(deadline=None, derandomize=True)
@given(NUMBERS, st.none() | NUMBERS)
def test_json_and_messagepack_agree_with_the_reference_readers(x, y):
    expected = [float(x), math.nan if y is None else float(y)]
    got = JsonCodec(XY).decode(json.dumps({"x": x, "more": [{}], "y": y}).encode())
    np.testing.assert_array_equal(got.values, [expected])
    if all(-(2**63) <= v < 2**64 for v in (x, y or 0)):
        got = MsgpackCodec(XY, fields=XY).decode(msgpack.packb([x, y]))
        np.testing.assert_array_equal(got.values, [expected])


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "truncated"),
        (b'{"x":1}', "missing required field `y`"),
        (b'{"x":1,"y":"2"}', r"Expected `float \| null`, got `str`"),
        (b'{"x":1,"y":true}', r"Expected `float \| null`, got `bool`"),
        (b'{"x":1,"y":NaN}', "invalid"),
        (b'{"x":1,"y":1e400}', "out of range"),
        (b'{"x":1,"y":2}{"x":1,"y":2}', "trailing"),
        (b'[{"x":1,"y":2},{"x":1,"y":[]}]', r"got `array` - at `\$\[1\]\.y`"),
        (b"[" * 100_000, "array"),
        (b'{"x":1,"y":2,"z":' + b"[" * 100_000, "recursion|truncated"),
        (b'\xff{"x":1,"y":2}', "invalid"),
        (b"null", "got `null`"),
    ],
)
def test_invalid_json_row_is_rejected(message, reason):
    with pytest.raises(DecodeError, match=reason):
        JsonCodec(XY).decode(message)


@pytest.mark.parametrize("message", [b"[1]", b"[1,2,3]", b"[[1,2],[3]]", b'{"x":1,"y":2}'])
def test_array_must_have_exactly_the_fields(message):
    with pytest.raises(DecodeError):
        JsonCodec(XY, fields=XY).decode(message)


def test_json_cannot_represent_infinity():
    with pytest.raises(DataError, match="cannot represent infinity"):
        JsonCodec(XY).encode(MessageRows(np.array([[1.0, np.inf]])))


@pytest.mark.parametrize(
    ("line", "values"),
    [
        (b"1,2\n", [[1, 2]]),
        (b"1,2\r\n-.5e-3,+4.\r\n", [[1, 2], [-0.0005, 4]]),
        (b' 1.5 ,"2"', [[1.5, 2]]),
        (b",nan", [[np.nan, np.nan]]),
        (b"null,-inf", [[np.nan, -np.inf]]),
    ],
)
def test_csv_numbers_are_decoded(line, values):
    np.testing.assert_array_equal(CsvCodec(XY).decode(line).values, values)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1", "a line must have 2 fields, got 1"),
        (b"1,2,3", "a line must have 2 fields, got 3"),
        (b"1,2\n\n", "a line must have 2 fields, got 1"),
        (b"1,1_000", "'y' must be a number, got '1_000'"),
        ("1,٣".encode(), "'y' must be a number"),
        (b"1,0x10", "'y' must be a number"),
        (b"1,1e999", "'y' is out of range: '1e999'"),
        (b"1,1.2.3", "'y' must be a number"),
        (b'1,"2', "text must be CSV"),
        (b"1,\xff", "text must be UTF-8"),
    ],
)
def test_invalid_csv_row_is_rejected(line, reason):
    with pytest.raises(DecodeError, match=reason):
        CsvCodec(XY).decode(line)


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", "1", "e", "-", "."])
def test_delimiter_that_is_part_of_numbers_is_rejected(delimiter):
    with pytest.raises(ParameterError, match="delimiter must be one character"):
        CsvCodec(XY, delimiter=delimiter)


SCHEMA = record(
    skip=["null", "string", "boolean"],
    i="int",
    n="long",
    f="float",
    d=["null", "double"],
    raw="bytes",
    pick={"type": "enum", "name": "e", "symbols": ["A", "B"]},
    four={"type": "fixed", "name": "q", "size": 4},
    at={"type": "long", "logicalType": "timestamp-micros"},
    who="string",
)


@settings(deadline=None, derandomize=True)
@given(
    st.none() | st.text() | st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(width=32),
    st.none() | st.floats(),
    st.binary(),
    st.integers(-(2**53), 2**53),
    st.text(),
)
def test_avro_reads_what_fastavro_wrote(skip, i, n, f, d, raw, at, key):
    row = {"skip": skip, "i": i, "n": n, "f": f, "d": d, "raw": raw, "pick": "B"}
    row |= {"four": b"1234", "at": at, "who": key}
    output = io.BytesIO()
    plain = json.loads(SCHEMA)
    plain["fields"][8]["type"] = "long"
    fastavro.schemaless_writer(output, fastavro.parse_schema(plain), row)
    codec = AvroCodec(["i", "n", "f", "d"], SCHEMA, time_column="at", key_column="who")
    got = codec.decode(output.getvalue())
    expected = [[i, n, f, math.nan if d is None else d]]
    np.testing.assert_array_equal(got.values, np.array(expected, float))
    assert (got.times.tolist(), got.keys) == ([at * 1000], (key,))


@settings(deadline=None, derandomize=True)
@given(st.floats(), st.integers(-(2**50), 2**50), st.text())
def test_fastavro_reads_what_avro_wrote(x, at, key):
    schema = record(x="double", at="long", who="string")
    codec = AvroCodec(["x"], schema, time_column="at", key_column="who", time_unit="ns")
    message = codec.encode(MessageRows(np.array([[x]]), np.array([at]), (key,)))
    got = fastavro.schemaless_reader(io.BytesIO(message), fastavro.parse_schema(json.loads(schema)))
    np.testing.assert_equal(got, {"x": x, "at": at, "who": key})


ONE = record(n="long", s="string")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "no record of the schema"),
        (b"\x02", "no record of the schema: .* after 1 fields"),
        (b"\x02\x02a!", "a record ends at byte 3 of a message of 4 bytes"),
        (b"\x02\x06a", "a text of 3 bytes where 1 are left"),
        (b"\x02\x01", "a text of -1 bytes"),
        (b"\x02\x02\xff", "utf-8"),
        (b"\xff" * 12 + b"\x01\x00", "a whole number of more than 10 bytes"),
        (b"\xff" * 9 + b"\x7f\x00", "a long out of its range"),
    ],
)
def test_invalid_avro_record_is_rejected(message, reason):
    with pytest.raises(DecodeError, match=reason):
        AvroCodec(["n"], ONE).decode(message)


def test_schema_id_is_checked():
    codec = AvroCodec(["x"], record(x="double"), schema_id=258)
    message = codec.encode(MessageRows(np.ones((1, 1))))
    assert message[:5] == b"\0\0\0\1\2"
    with pytest.raises(DecodeError, match="must begin with the schema's number 258"):
        codec.decode(message[5:])
    with pytest.raises(DecodeError, match="must begin with the schema's number 258"):
        codec.decode(b"\0\0\0\1\3" + message[5:])


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ("{", "must be JSON"),
        ('{"type": "int"}', "must be that of a record"),
        ('{"type": "record", "fields": [{"name": "x"}]}', "must list fields"),
        (record(y="double"), "must have a field 'x' of .* got 'no such field'"),
        (record(x="string"), r"must have a field 'x' of .* got \['string'\]"),
        (record(x="double", y={"type": "array", "items": "null"}), "got field 'y' of 'array'"),
        ("not there.avsc", "the Avro schema cannot be read"),
    ],
)
def test_schema_of_other_than_flat_records_is_rejected(schema, reason):
    with pytest.raises(ParameterError, match=reason):
        AvroCodec(["x"], schema)


def test_avro_rejects_numbers_outside_the_type_of_the_field():
    codec = AvroCodec(["i", "f"], record(i="int", f="float"))
    assert codec.decode(codec.encode(MessageRows(np.array([[-3.0, 0.5]])))).values.tolist() == [
        [-3, 0.5]
    ]
    for values in ([0.5, 0.5], [2.0**40, 0.5], [1.0, 0.1], [np.nan, 0.5]):
        with pytest.raises(DataError, match="cannot represent"):
            codec.encode(MessageRows(np.array([values])))


def arrow(**columns):
    batch = pa.record_batch(columns)
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def test_arrow_accepts_all_number_types_and_timestamp_units():
    message = arrow(
        x=pa.array([1, None, 3], pa.int16()),
        y=pa.array([0.5, 1.5, None], pa.float32()),
        at=pa.array([1, 2, 3], pa.timestamp("us")),
    )
    rows = ArrowCodec(XY, time_column="at").decode(message)
    np.testing.assert_array_equal(rows.values, [[1, 0.5], [np.nan, 1.5], [3, np.nan]])
    assert rows.times.tolist() == [1000, 2000, 3000]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"x": [1.0]}, "there must be one field 'y', got 0"),
        ({"x": [1.0], "y": ["2"], "at": [1]}, "field 'y' must be numbers, got string"),
        ({"x": [1.0], "y": [True], "at": [1]}, "field 'y' must be numbers, got bool"),
        ({"x": [1.0], "y": [1.0], "at": [1.5]}, "must be timestamps or whole"),
        ({"x": [1.0], "y": [1.0], "at": pa.array([None], pa.int64())}, "got a null in 'at'"),
        ({"x": [1.0], "y": [1.0], "at": pa.array([10**10], pa.timestamp("s"))}, "out of range"),
        (dict.fromkeys(("x", "y", "at"), np.zeros(2**20 + 1, np.int8)), "at most 1048576"),
        ({"x": pa.nulls(2**21), "y": pa.nulls(2**21), "at": pa.nulls(2**21)}, "got null"),
    ],
)
def test_invalid_arrow_columns_are_rejected(columns, reason):
    with pytest.raises(DecodeError, match=reason):
        ArrowCodec(XY, time_column="at").decode(arrow(**columns))


def test_truncated_arrow_stream_is_rejected():
    message = arrow(x=[1.0] * 100, y=[1.0] * 100)
    for cut in (0, 7, 100, len(message) // 2):
        with pytest.raises(DecodeError):
            ArrowCodec(XY).decode(message[:cut])


def test_doubles_equal_their_bytes():
    assert MsgpackCodec(["x"]).decode(b"\x81\xa1x\xcb" + struct.pack(">d", 0.1)).values == 0.1
