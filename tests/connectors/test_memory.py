import numpy as np
import pytest

from streamlyt.connectors import MemorySink, MemorySource
from streamlyt.core import Event, Schema
from streamlyt.core.errors import DataError, ParameterError


def test_a_position_resumes_after_the_last_row():
    source = MemorySource(np.arange(10.0), batch_size=4)
    batches = list(source.read())
    assert [batch.n_rows for batch, _ in batches] == [4, 4, 2]
    resumed = [batch for batch, _ in source.read(batches[0][1])]
    np.testing.assert_array_equal(np.concatenate([b.values for b in resumed])[:, 0], range(4, 10))
    assert list(source.read(batches[-1][1])) == []


def test_schema_and_times_are_used():
    schema = Schema.of("a", "b", time_unit="ns")
    source = MemorySource(np.ones((2, 2)), [5, 9], schema, key="k")
    ((batch, _),) = source.read()
    assert (batch.key, batch.schema, batch.times.tolist()) == ("k", schema, [5, 9])
    assert source.clone().schema == schema
    assert source.n_rows == 2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"values": np.ones((2, 2, 2))}, DataError, r"shape \(n, d\) or \(n,\)"),
        ({"values": [1.0], "times": [1, 2]}, DataError, "must have shape"),
        ({"values": [1.0], "batch_size": 0}, ParameterError, "batch_size must be at least 1"),
    ],
)
def test_arrays_that_do_not_match_are_rejected(options, error, message):
    with pytest.raises(error, match=message):
        MemorySource(**options)


def test_the_sink_keeps_series_apart():
    sink = MemorySink()
    for key in ("a", "b", "a"):
        for batch, _ in MemorySource([1.0, 2.0], key=key).read():
            sink.write_rows(batch)
    event = Event("a", "newma", 1, 1, 0, 0, 2.0, 1.0)
    sink.write_event(event)
    sink.flush()
    assert sink.keys() == ["a", "b"]
    assert sink.values("a").shape == (4, 1)
    assert (sink.events, sink.flushes) == ([event], 1)
    with pytest.raises(ParameterError, match=r"key must be one of \['a', 'b'\], got None"):
        sink.values()
