"""A difference of arrays is detected in every bit and described by position, count and size."""

import numpy as np
import pytest

from streamlyt.core import Batch, Schema
from streamlyt.core.numerics.array_difference import difference
from tests._arrays import assert_all, assert_same_bits

ROWS = np.arange(12.0).reshape(4, 3)


def changed(position, value):
    rows = ROWS.copy()
    rows[position] = value
    return rows


def test_first_position_count_and_size_are_described():
    other = changed((slice(1, 3), 2), [5.25, 10.0])
    text = "array: 2 of 12 values differ, first at (1, 2): 5.25, not 5.0; by at most 2.0"
    assert difference(other, ROWS) == text
    with pytest.raises(AssertionError, match=r"^actual: 2 of 12 values differ, first at \(1, 2\)"):
        assert_same_bits(other, ROWS)


def test_the_sign_of_zero_and_the_payload_of_nan_are_bits():
    assert "first at (0, 0): -0.0, not 0.0; by at most 0.0" in difference(
        changed((0, 0), -0.0), ROWS
    )
    one, two = np.array([0x7FF8000000000000, 0x7FF8000000000001]).view(np.float64)[:, None]
    assert difference(one, one.copy()) == ""
    text = "array: 1 of 1 values differ, first at (0,): NaN of bits 7ff8000000000001, not 7ff8"
    assert difference(two, one).startswith(text)
    assert "nan, not 1.0" in difference(changed((0, 1), np.nan), ROWS)


def test_types_and_shapes_are_compared_before_values():
    assert difference(ROWS.astype(np.float32), ROWS) == "array has the type float32, not float64"
    assert difference(ROWS[:2], ROWS) == "array has the shape (2, 3), not (4, 3)"
    assert difference(np.zeros((0, 3)), np.zeros((0, 3))) == ""
    assert difference(np.array(["a", "b"]), np.array(["a", "c"])).endswith("(1,): 'b', not 'c'")
    assert "by at most 254.0" in difference(np.array([255], np.uint8), np.array([1], np.uint8))


def test_memory_order_is_no_difference():
    assert_same_bits(np.asfortranarray(ROWS), ROWS)
    assert_same_bits(np.repeat(ROWS, 2, axis=1)[:, ::2], ROWS)


def test_elements_of_sequences_mappings_and_batches_are_named():
    assert_same_bits([ROWS, {"a": ROWS}, "text"], [ROWS.copy(), {"a": ROWS.copy()}, "text"])
    assert difference([ROWS, {"a": ROWS[1]}], [ROWS, {"a": ROWS[0]}]).startswith("array[1]['a']: 3")
    assert difference([ROWS], [ROWS, ROWS]) == "array has 1 parts, not 2"
    assert difference({"a": 1}, {"b": 1}) == "array has the keys ['a'], not ['b']"
    assert difference(["one"], ["two"]) == "array[0] is 'one', not 'two'"
    schema = Schema.of("x", "y", "z")
    batch = Batch("k", np.arange(4), ROWS, schema)
    assert_same_bits(batch, Batch("k", np.arange(4), ROWS.copy(), schema))
    other = Batch("k", np.arange(1, 5), ROWS, schema)
    assert difference(other, batch).startswith("array.times: 4 of 4 values differ, first at (0,)")


def test_failed_condition_states_the_position():
    assert_all(np.isfinite, ROWS)
    with pytest.raises(
        AssertionError, match=r"isfinite fails in 1 of 12 values, first at \(3, 1\)"
    ):
        assert_all(np.isfinite, changed((3, 1), np.nan))
