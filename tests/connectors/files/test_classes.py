"""Columns of truth values: classes if they are declared, no numbers otherwise."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streamlyt.connectors import FileSource
from streamlyt.core.errors import ParameterError


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": [1.0, 2.0, 3.0], "on": [True, False, True]}), path)
    return path


def test_declared_truth_values_are_classes(table):
    source = FileSource(table, columns=["x"], class_labels={"on": ["false", "true"]})
    batch, _ = next(source.read())
    assert batch.schema.channel_names == ("x", "on")
    assert batch.values.tolist() == [[1.0, 1.0], [2.0, 0.0], [3.0, 1.0]]


def test_truth_values_without_classes_are_rejected(table):
    with pytest.raises(ParameterError, match=r"columns must be numeric, got 'on' .* which is bool"):
        FileSource(table, columns=["x", "on"])
