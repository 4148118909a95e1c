"""Codecs in all configurations, for the tests of the contract and for the fuzzer."""

import json

from streamlyt.codecs import ArrowCodec, AvroCodec, CsvCodec, JsonCodec, MsgpackCodec

COLUMNS = ["x", "y z", "θ"]
ALL = {"time_column": "at", "key_column": "who", "time_unit": "ns"}
ORDER = ["who", *COLUMNS, "at"]


def record(**fields):
    listed = [{"name": name, "type": kind} for name, kind in fields.items()]
    return json.dumps({"type": "record", "name": "row", "fields": listed})


PLAIN = record(**dict.fromkeys(COLUMNS, "double"))
FULL = record(
    **{name: ["null", "double"] for name in COLUMNS},
    at={"type": "long", "logicalType": "timestamp-nanos"},
    who="string",
)

BARE = {
    "json": JsonCodec(COLUMNS),
    "json arrays": JsonCodec(COLUMNS, fields=COLUMNS),
    "msgpack": MsgpackCodec(COLUMNS),
    "msgpack arrays": MsgpackCodec(COLUMNS, fields=COLUMNS),
    "csv": CsvCodec(COLUMNS),
    "avro": AvroCodec(COLUMNS, PLAIN),
    "avro registry": AvroCodec(COLUMNS, PLAIN, schema_id=7),
    "arrow": ArrowCodec(COLUMNS),
    "arrow zstd": ArrowCodec(COLUMNS, compression="zstd"),
}
WHOLE = {
    "json": JsonCodec(COLUMNS, **ALL),
    "json arrays": JsonCodec(COLUMNS, **ALL, fields=ORDER),
    "msgpack": MsgpackCodec(COLUMNS, **ALL),
    "msgpack arrays": MsgpackCodec(COLUMNS, **ALL, fields=ORDER),
    "csv": CsvCodec(COLUMNS, **ALL),
    "csv order": CsvCodec(COLUMNS, **ALL, fields=ORDER, delimiter=";"),
    "avro": AvroCodec(COLUMNS, FULL, **ALL),
    "arrow": ArrowCodec(COLUMNS, **ALL),
    "arrow lz4": ArrowCodec(COLUMNS, **ALL, compression="lz4"),
}
CODECS = {f"{name}, bare": codec for name, codec in BARE.items()} | WHOLE


def fuzzed(codec, message):
    """Decode any bytes: rows of the right shape, or a DecodeError with a reason."""
    decoded = codec.decode_all([message])
    rows = decoded.rows
    for number, error in decoded.errors.items():
        assert (number, rows.n) == (0, 0)
        assert str(error)
    assert rows.n == decoded.rows_per_message.sum()
    assert rows.values.shape == (rows.n, len(COLUMNS))
    assert (rows.times is None) == (codec.time_column is None)
    assert (rows.keys is None) == (codec.key_column is None)
    if rows.times is not None:
        assert rows.times.shape == (rows.n,)
        assert rows.times.dtype == "int64"
    if rows.keys is not None:
        assert len(rows.keys) == rows.n
    return decoded
