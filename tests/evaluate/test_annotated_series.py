import json

import pytest

from streamlyt.core.errors import DataError, FormatError, SourceError
from streamlyt.evaluate import load_annotated


def turing(folder, raw=(1, 2, None, 4), marks=None):
    series = {"name": "mine", "n_obs": 4, "series": [{"label": "V1", "raw": list(raw)}]}
    (folder / "mine.json").write_text(json.dumps(series))
    marks = {"mine": {"6": [2], "7": []}, "absent": {"6": []}} if marks is None else marks
    (folder / "annotations.json").write_text(json.dumps(marks))


def test_turing_collection_is_read_and_missing_values_are_filled(tmp_path):
    turing(tmp_path)
    (series,) = load_annotated(tmp_path)
    assert series.name == "mine"
    assert series.values.tolist() == [[1], [2], [2], [4]]
    assert series.truth == {"6": (2,), "7": ()}


def test_first_value_fills_missing_values_before_it(tmp_path):
    turing(tmp_path, raw=(None, None, 3, 4))
    assert load_annotated(tmp_path)[0].values[:, 0].tolist() == [3, 3, 3, 4]


def test_segmentation_benchmark_is_read(tmp_path):
    (tmp_path / "desc.txt").write_text("B,10,2\nA,10,1,3\n")
    for name in "AB":
        (tmp_path / f"{name}.txt").write_text("0.5\n-1e-3\n2\n7\n")
    first, second = load_annotated(str(tmp_path))
    assert (first.name, second.name) == ("A", "B")
    assert first.truth == {"": (1, 3)}
    assert first.values.tolist() == [[0.5], [-0.001], [2], [7]]


def test_a_custom_folder_is_read(tmp_path):
    (tmp_path / "a.csv").write_text("x,y,label\n1,2,on\n3,,off\n5,6,on\n")
    (tmp_path / "b.csv").write_text("x\n1\n2\n")
    marks = {"a": {"ann": [1], "bob": []}, "b": [1]}
    (tmp_path / "changes.json").write_text(json.dumps(marks))
    first, second = load_annotated(tmp_path)
    assert first.values.tolist() == [[1, 2], [3, 2], [5, 6]]
    assert first.truth == {"ann": (1,), "bob": ()}
    assert second.truth == {"": (1,)}


def test_unreadable_files_are_reported(tmp_path):
    with pytest.raises(
        SourceError, match=r"must contain one of annotations.json, desc.txt, changes.json"
    ):
        load_annotated(tmp_path)
    (tmp_path / "desc.txt").write_text("A,10,1\n")
    with pytest.raises(SourceError, match=r"A.txt does not exist"):
        load_annotated(tmp_path)
    (tmp_path / "A.txt").write_text("1\ntwo\n")
    with pytest.raises(FormatError, match=r"line 1 of desc.txt.*two"):
        load_annotated(tmp_path)
    (tmp_path / "A.txt").write_text("1\n")
    with pytest.raises(
        DataError, match=r"series 'A': annotations must be rows from 0 to 0 .*got 1"
    ):
        load_annotated(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"raw": [None] * 4}, DataError, "each column must have a value"),
        ({"raw": ["x"]}, FormatError, "must be a series of the Turing collection"),
        ({"marks": [1]}, FormatError, "must be {series:"),
        ({"marks": {"mine": {}}}, DataError, "by at least one annotator, got 'none'"),
    ],
)
def test_invalid_series_and_marks_are_rejected(tmp_path, arguments, error, message):
    turing(tmp_path, **arguments)
    with pytest.raises(error, match=message):
        load_annotated(tmp_path)


def test_invalid_json_is_rejected(tmp_path):
    (tmp_path / "changes.json").write_text("{")
    with pytest.raises(FormatError, match="must be JSON"):
        load_annotated(tmp_path)
