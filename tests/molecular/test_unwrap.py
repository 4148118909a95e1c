import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core.errors import DataError, ParameterError
from streamlyt.molecular import Unwrap
from tests.molecular import naive

BOXES = {
    "cube": [30.0, 30.0, 30.0, 90, 90, 90],
    "brick": [20.0, 35.0, 50.0, 90, 90, 90],
    "octahedron": [30.0, 30.0, 30.0, 70.528779, 109.471221, 70.528779],
    "dodecahedron": [30.0, 30.0, 30.0, 60, 60, 90],
    "skew": [25.0, 30.0, 40.0, 75, 100, 110],
}


def wrapped_chain(rng, box, n=5, atoms=40):
    """A chain longer than the box, and the same with every atom put back into the box."""
    steps = rng.normal(size=(n, atoms, 3))
    steps *= 3.8 / np.linalg.norm(steps, axis=2, keepdims=True)
    chain = steps.cumsum(axis=1) + rng.uniform(0, 50, size=(n, 1, 3))
    vectors = naive.cell(np.asarray(box, dtype=float))
    turns = np.floor(chain @ np.linalg.inv(vectors))
    return chain, chain - turns @ vectors, turns[:, :1] @ vectors


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.sampled_from(sorted(BOXES)), st.integers(0, 2**32 - 1))
def test_a_wrapped_chain_is_the_chain_again(name, seed):
    box = np.array(BOXES[name])
    chain, wrapped, shift = wrapped_chain(np.random.default_rng(seed), box)
    parents = [-1, *range(39)]
    out, _ = Unwrap(parents).update(naive.batch_of(wrapped, np.tile(box, (5, 1))))
    np.testing.assert_allclose(out.values.reshape(chain.shape), chain - shift, atol=1e-9)


@pytest.mark.parametrize("name", BOXES)
def test_rows_equal_those_of_the_twin_that_tries_all_images(name):
    rng = np.random.default_rng(5)
    box = np.array(BOXES[name])
    _, wrapped, _ = wrapped_chain(rng, box, n=4, atoms=12)
    parents = [-1, 0, 1, 1, 2, 4, -1, 6, 7, 8, 8, 9]
    for k in (3, 5, 10, 11):  # branches that are near their parents
        wrapped[:, k] = wrapped[:, parents[k]] + rng.normal(size=(4, 3))
    for k in (4, 9):
        wrapped[:, k] = wrapped[:, parents[k]] + 2.0
    out, _ = Unwrap(parents).update(naive.batch_of(wrapped, np.tile(box, (4, 1))))
    expected = [naive.whole(frame, box, parents) for frame in wrapped]
    np.testing.assert_allclose(out.values.reshape(wrapped.shape), expected, atol=1e-9)


def test_a_parent_may_stand_behind_its_child():
    frames = np.array([[[0.5, 0, 0], [9.5, 0, 0], [8.0, 0, 0]]])
    box = np.array([[10, 10, 10, 90, 90, 90.0]])
    out, _ = Unwrap([1, 2, -1]).update(naive.batch_of(frames, box))
    np.testing.assert_allclose(out.values[0, ::3], [10.5, 9.5, 8.0])


def test_a_box_that_changes_is_followed():
    frames = np.array([[[0.5, 0, 0], [9.5, 0, 0]]] * 2)
    boxes = np.array([[10, 10, 10, 90, 90, 90], [12, 12, 12, 90, 90, 90.0]])
    out, _ = Unwrap([-1, 0]).update(naive.batch_of(frames, boxes))
    np.testing.assert_allclose(out.values[:, 3], [-0.5, -2.5])


def test_box_columns_are_removed():
    batch = naive.batch_of(np.zeros((1, 2, 3)), np.array([[9, 9, 9, 90, 90, 90.0]]))
    out, _ = Unwrap([-1, 0]).update(batch)
    assert out.schema.channel_names == batch.schema.channel_names[:6]


def test_rows_without_a_box_are_rejected():
    with pytest.raises(DataError, match="must end with the six box columns"):
        Unwrap([-1, 0]).update(naive.batch_of(np.zeros((1, 2, 3))))


@pytest.mark.parametrize(
    "bad", [[0, 0, 0, 0, 0, 0], [9, -9, 9, 90, 90, 90], [9, 9, 9, 10, 10, 170]]
)
def test_an_invalid_box_is_rejected_with_its_frame(bad):
    boxes = np.array([[9, 9, 9, 90, 90, 90], bad], dtype=float)
    with pytest.raises(DataError, match=r"box must have positive lengths .* at time 1 step"):
        Unwrap([-1, 0]).update(naive.batch_of(np.zeros((2, 2, 3)), boxes))


@pytest.mark.parametrize(
    ("parents", "message"),
    [([], "must hold"), ([-2, 0], "must hold"), ([-1, 2], "must hold"), ([1, 0], "got a cycle")],
)
def test_parents_that_are_no_tree_are_rejected(parents, message):
    with pytest.raises(ParameterError, match=message):
        Unwrap(parents)


def test_parents_of_another_molecule_are_rejected():
    batch = naive.batch_of(np.zeros((1, 3, 3)), np.array([[9, 9, 9, 90, 90, 90.0]]))
    with pytest.raises(ParameterError, match="each of the 3 atoms of the rows, got 2"):
        Unwrap([-1, 0]).update(batch)
