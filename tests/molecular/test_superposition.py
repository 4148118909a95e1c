import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from streamlyt.core.errors import DataError, ParameterError
from streamlyt.molecular import Superposition
from tests._arrays import assert_all, assert_same_bits
from tests.molecular import naive


def superposed(frames, **options):
    out, events = Superposition(**options).update(naive.batch_of(np.asarray(frames, dtype=float)))
    assert events == []
    return out.values.reshape(len(frames), -1, 3)


@pytest.mark.parametrize("atoms", [3, 4, 22, 214])
@pytest.mark.parametrize("spread", [1e-6, 0.3, 30.0])
def test_rows_equal_those_of_the_singular_value_twin(atoms, spread):
    rng = np.random.default_rng(atoms)
    first = rng.normal(size=(atoms, 3)) * [1, 2, 4]
    frames = first + spread * rng.normal(size=(40, atoms, 3))
    frames[0] = first
    turned = np.einsum("nij,naj->nai", Rotation.random(40, rng).as_matrix(), frames) + 7
    expected = [naive.kabsch(frame, turned[0]) for frame in turned]
    np.testing.assert_allclose(superposed(turned), expected, atol=1e-7 * (1 + spread))


def test_a_mirror_image_is_never_undone_by_a_reflection():
    rng = np.random.default_rng(0)
    frame = rng.normal(size=(12, 3))
    mirrored = frame * [1, 1, -1]
    out = superposed([frame, mirrored])
    np.testing.assert_allclose(out[1], naive.kabsch(mirrored, frame), atol=1e-9)
    assert np.abs(out[1] - out[0]).max() > 0.1


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(3, 30), st.floats(1e-3, 1e4))
def test_turning_and_shifting_every_frame_changes_nothing(seed, atoms, size):
    rng = np.random.default_rng(seed)
    first = size * rng.normal(size=(atoms, 3))
    frames = first + 0.1 * size * rng.normal(size=(5, atoms, 3))
    moved = np.einsum("nij,naj->nai", Rotation.random(5, rng).as_matrix(), frames)
    moved = moved + size * rng.normal(size=(5, 1, 3))
    moved[0] = frames[0]  # the reference itself
    # Bodies that are nearly a line leave their last turn to the rounding. Hypothesis fails if it
    # finds too few others.
    assume(np.linalg.svd(first - first.mean(axis=0))[1][1] > 0.1 * size)
    np.testing.assert_allclose(superposed(moved), superposed(frames), atol=1e-6 * size)


def test_identical_frames_come_out_as_the_centred_first():
    frame = np.random.default_rng(1).normal(size=(10, 3))
    out = superposed([frame, frame, frame])
    np.testing.assert_allclose(
        out, np.broadcast_to(frame - frame.mean(axis=0), out.shape), atol=1e-12
    )


@pytest.mark.parametrize(
    "shape",
    [
        [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [3.0, 3.0, 3.0]],
        [[1.0, 1.0, 1.0]] * 4,
        [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0]],
    ],
    ids=["line", "one place", "plane"],
)
def test_shapes_without_a_unique_rotation_still_fall_on_the_first_frame(shape):
    frame = np.array(shape)
    turns = Rotation.random(20, np.random.default_rng(2)).as_matrix()
    frames = [frame, *(frame @ turn.T + 3 for turn in turns), -frame]
    out = superposed(frames)
    np.testing.assert_allclose(out[:-1], np.broadcast_to(out[0], out[:-1].shape), atol=1e-7)
    assert_all(np.isfinite, out)


def test_only_output_atoms_are_emitted_in_the_frame_of_the_fit():
    rng = np.random.default_rng(3)
    frames = rng.normal(size=(6, 9, 3))
    operator = Superposition(fit=[0, 2, 4, 6], output_atoms=[8, 1])
    out, _ = operator.update(naive.batch_of(frames))
    assert out.schema.channel_names == ("a8.x", "a8.y", "a8.z", "a1.x", "a1.y", "a1.z")
    expected = [naive.kabsch(f, frames[0], [0, 2, 4, 6])[[8, 1]].ravel() for f in frames]
    np.testing.assert_allclose(out.values, expected, atol=1e-9)


@pytest.mark.bits
def test_any_cut_of_the_stream_and_a_restored_state_give_the_same_bits():
    frames = np.random.default_rng(4).normal(size=(30, 8, 3))
    whole, _ = Superposition().update(naive.batch_of(frames))
    first, second = Superposition(), Superposition()
    head, _ = first.update(naive.batch_of(frames[:11]))
    empty, _ = first.update(naive.batch_of(frames[:0]))
    second.state = {name: array.copy() for name, array in first.state.items()}
    tail, _ = second.update(naive.batch_of(frames[11:], start=11))
    assert_same_bits(np.vstack([head.values, empty.values, tail.values]), whole.values)


def test_a_heartbeat_leaves_no_trace():
    operator = Superposition()
    operator.update(naive.batch_of(np.empty((0, 4, 3))))
    assert operator.state == {}


def test_a_missing_coordinate_is_rejected_with_its_position():
    frames = np.zeros((3, 3, 3))
    frames[1, 1, 2] = np.nan
    with pytest.raises(DataError, match=r"finite, got nan in 'a1.z' at time 1 step"):
        Superposition().update(naive.batch_of(frames))


@pytest.mark.parametrize(("atoms", "fit"), [(1, []), (2, []), (5, [0, 3])])
def test_fewer_than_three_atoms_are_rejected(atoms, fit):
    with pytest.raises(ParameterError, match=r"fit must name at least 3 atoms.*or use distances"):
        superposed(np.zeros((1, atoms, 3)), fit=fit)


def test_unknown_atom_numbers_are_rejected():
    with pytest.raises(ParameterError, match="fit must be atom numbers from 0 to 1, got 2"):
        superposed(np.zeros((1, 2, 3)), fit=[0, 2])


def test_box_columns_are_rejected_with_advice():
    batch = naive.batch_of(np.zeros((1, 2, 3)), np.array([[9, 9, 9, 90, 90, 90.0]]))
    with pytest.raises(DataError, match="add the unwrap operator before it"):
        Superposition().update(batch)
