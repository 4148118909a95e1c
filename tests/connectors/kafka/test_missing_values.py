"""Policies for rows with missing values in messages, by channel."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from streamlyt.codecs import JsonCodec, MessageRows
from streamlyt.connectors import KafkaSink, KafkaSource, MemorySink
from streamlyt.connectors.kafka.decoding import codec_of, decode_batches, group_messages, schema_of
from streamlyt.connectors.kafka.missing_values import MissingValuePolicy
from streamlyt.core.errors import ParameterError
from streamlyt.engines import LocalEngine, RunMetrics
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from streamlyt.transforms import MissingValues
from tests.connectors.kafka.topics import content, new_topic, plain, put

XY = ["x", "y"]


def records(*values, key=b"a"):
    return [
        SimpleNamespace(topic="t", partition=0, offset=i, key=key, value=value, timestamp=i)
        for i, value in enumerate(values)
    ]


def taken(policy, values, codec="json", **fields):
    """Decode messages; return the rows that are left, and what else came of them."""
    made = codec_of(codec, columns=XY, **fields)
    got = decode_batches(records(*values), made, schema_of(made), MissingValuePolicy(policy, XY))
    return [row for batch in got.batches for row in batch.values.tolist()], got


MESSAGES = [
    b'[{"x":1,"y":2},{"x":3,"y":null},{"x":null,"y":6},{"x":7,"y":8}]',
    b'{"x":9,"y":null}',
    b'{"x":0,"y":0}',
]


def test_rejected_rows_are_dead_letters_and_the_other_rows_pass():
    rows, got = taken("dead_letter", MESSAGES)
    assert rows == [[1, 2], [7, 8], [0, 0]]
    assert (got.dropped, got.rejected) == (0, 3)
    part, whole = got.dead_letters
    assert (part.offset, json.loads(part.value)) == (0, [{"x": 3, "y": None}, {"x": None, "y": 6}])
    assert part.reason == "'y' must not be missing, got no number in row 1 of 4; 2 rows rejected"
    assert (whole.offset, whole.value) == (1, MESSAGES[1])
    # What was refused, read once more, is refused again; nothing else comes a second time.
    again, same = taken("dead_letter", [part.value, whole.value])
    assert (again, same.rejected) == ([], 3)


def test_each_channel_has_its_own_policy():
    rows, got = taken({"x": "drop", "y": "dead_letter"}, MESSAGES)
    assert rows == [[1, 2], [7, 8], [0, 0]]
    assert (got.dropped, got.rejected) == (1, 2)
    rows, got = taken({"y": "drop"}, MESSAGES)
    np.testing.assert_array_equal(rows, [[1, 2], [np.nan, 6], [7, 8], [0, 0]])
    assert (got.dropped, got.rejected, got.dead_letters) == (2, 0, [])
    for policy, reason in (
        ("fill", "missing must be one of"),
        ({"x": "fill"}, r"missing\.x must be one of"),
        ({"z": "drop"}, "channel of missing"),
    ):
        with pytest.raises(ParameterError, match=reason):
            KafkaSource("t", XY, missing=policy)


@pytest.mark.parametrize("codec", ["json", "msgpack", "csv", "arrow"])
def test_rejected_rows_keep_time_and_key_in_every_format(codec):
    fields = {"time_column": "at", "key_column": "who", "time_unit": "ns"}
    made = codec_of(codec, columns=XY, **fields)
    plain = JsonCodec(XY, **fields).decode(
        b'[{"at":5,"who":"p","x":1,"y":2},{"at":6,"who":"q","x":3,"y":null}]'
    )
    rows, got = taken("dead_letter", [made.encode(plain)], codec, **fields)
    assert rows == [[1, 2]]
    back = made.decode(got.dead_letters[0].value)
    np.testing.assert_array_equal(back.values, [[3, np.nan]])
    assert (back.times.tolist(), back.keys) == ([6], ("q",))


def test_large_messages_of_columns_are_decoded_alone_and_nothing_else_changes():
    codec = codec_of("arrow", columns=["x"])
    sizes = [3, 4000, 1, 2, 5000, 6000, 7]
    values = np.split(np.arange(float(sum(sizes))), np.cumsum(sizes)[:-1])

    all_of_them = records(*(codec.encode(MessageRows(each[:, None])) for each in values), None)
    cut = [len(part) for part in group_messages(all_of_them, codec)]
    assert cut == [1, 1, 2, 1, 1, 2]
    schema, policy = schema_of(codec), MissingValuePolicy("pass", ["x"])
    found = [
        batch.values
        for part in group_messages(all_of_them, codec)
        for batch in decode_batches(part, codec, schema, policy).batches
    ]
    (joined,) = decode_batches(all_of_them, codec, schema, policy).batches
    np.testing.assert_array_equal(np.concatenate(found), joined.values)
    assert list(group_messages(all_of_them, codec_of("json", columns=["x"]))) == [all_of_them]


@pytest.mark.kafka
@pytest.mark.parametrize("policy", ["drop", "dead_letter", "ffill"])
def test_one_in_a_hundred_corrupt_and_one_row_in_twenty_with_a_missing_value(
    broker, tmp_path, policy
):
    servers = plain(broker)
    topic, dead = new_topic(servers, 2), new_topic(servers)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 20, 2))
    values[rng.random((400, 20)) < 0.05, 1] = np.nan
    sent, bad = [], set()
    for i, rows in enumerate(values):
        listed = [{"x": x, "y": None if y != y else y} for x, y in rows.tolist()]
        value = json.dumps(listed).encode()
        if i % 100 == 50:
            value = value[: rng.integers(1, len(value))]
            bad.add((i % 2, i // 2))
        sent.append((b"k%d" % (i % 2), value, i % 2))
    put(servers, topic, sent)
    fit = [rows for i, rows in enumerate(values) if i % 100 != 50]
    holes = sum(int(np.isnan(rows).any(axis=1).sum()) for rows in fit)
    source = KafkaSource(
        topic,
        XY,
        bootstrap_servers=servers,
        follow=False,
        missing="pass" if policy == "ffill" else policy,
    )
    sink, side, metrics = (
        MemorySink(),
        KafkaSink(dead_letter_topic=dead, bootstrap_servers=servers),
        RunMetrics(),
    )
    pipeline = Pipeline([MissingValues("ffill")] if policy == "ffill" else [])
    with RunFile.create(tmp_path / "a.streamlyt", pipeline="") as run:
        LocalEngine(source, pipeline, [sink, side], run, metrics=metrics).run()
        letters = run.dead_letters()
    source.close()
    side.close()
    every = 20 * len(fit)
    assert holes > every / 30
    left = sum(len(sink.values(key)) for key in sink.keys())  # noqa: SIM118 - no mapping
    corrupt = {(one.partition, one.offset) for one in letters if "must not be" not in one.reason}
    assert corrupt == bad
    assert all((one.topic, bool(one.reason)) == (topic, True) for one in letters)
    if policy == "ffill":
        assert not any(np.isnan(batch.values).any() for batch in sink.batches)
        assert (metrics.missing_values, metrics.dropped_rows, metrics.rejected_rows) == (
            holes,
            0,
            0,
        )
        assert left == every  # the first rows of both series are whole
    else:
        assert left == every - holes
        counted = (metrics.dropped_rows, metrics.rejected_rows)
        assert counted == ((holes, 0) if policy == "drop" else (0, holes))
    held = sum(
        len(found) if isinstance(found := json.loads(one.value), list) else 1
        for one in letters
        if "must not be" in one.reason
    )
    assert held == (holes if policy == "dead_letter" else 0)
    assert len(content(servers, dead)) == len(letters) == metrics.dead_letters
