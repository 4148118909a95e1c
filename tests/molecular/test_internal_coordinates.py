import numpy as np
import pytest

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.molecular import Dihedrals, Distances
from tests._arrays import assert_same_bits
from tests.molecular import naive

FRAMES = np.random.default_rng(6).normal(size=(50, 9, 3)) * 4


def test_distances_equal_the_norms_of_differences():
    out, _ = Distances([[0, 8], [3, 1]]).update(naive.batch_of(FRAMES))
    expected = np.linalg.norm(FRAMES[:, [0, 3]] - FRAMES[:, [8, 1]], axis=2)
    np.testing.assert_allclose(out.values, expected, rtol=1e-14)
    assert out.schema.channel_names == ("a0-a8", "a3-a1")
    assert [c.group for c in out.schema.channels] == ["R0-R2", "R1-R0"]
    assert out.schema.channels[0].unit == "Angstrom"


def test_without_pairs_all_of_the_atoms_are_paired():
    out, _ = Distances(atoms=[1, 4, 7]).update(naive.batch_of(FRAMES))
    assert out.schema.channel_names == ("a1-a4", "a1-a7", "a4-a7")
    everything, _ = Distances().update(naive.batch_of(FRAMES))
    assert everything.schema.n_channels == 36


def test_dihedrals_equal_those_of_mdanalysis():
    lib = pytest.importorskip("MDAnalysis.lib.distances")
    quads = np.array([[0, 1, 2, 3], [1, 2, 3, 4], [8, 2, 5, 0]])
    out, _ = Dihedrals(quads.tolist()).update(naive.batch_of(FRAMES))
    corners = [FRAMES[:, quads[:, k]].reshape(-1, 3) for k in range(4)]
    # single precision there
    angles = lib.calc_dihedrals(*corners).reshape(50, 3)
    np.testing.assert_allclose(out.values[:, 0::2], np.cos(angles) / np.sqrt(3), atol=1e-6)
    np.testing.assert_allclose(out.values[:, 1::2], np.sin(angles) / np.sqrt(3), atol=1e-6)
    np.testing.assert_allclose((out.values**2).sum(axis=1), 1.0)


def test_dihedrals_are_named_by_label_and_grouped_by_residue():
    quads = [[0, 1, 2, 3], [2, 3, 4, 5]]
    out, _ = Dihedrals(quads, ["R0:phi", "R1:psi"]).update(naive.batch_of(FRAMES))
    assert out.schema.channel_names == ("R0:phi.cos", "R0:phi.sin", "R1:psi.cos", "R1:psi.sin")
    assert [c.group for c in out.schema.channels] == ["R0", "R0", "R1", "R1"]


def test_collinear_atoms_give_zeros_and_no_nan():
    frames = np.zeros((1, 4, 3))
    frames[0, :, 0] = [0, 1, 2, 3]
    out, _ = Dihedrals([[0, 1, 2, 3]]).update(naive.batch_of(frames))
    assert out.values.tolist() == [[0.0, 0.0]]


@pytest.mark.bits
@pytest.mark.parametrize("operator", [Distances(), Dihedrals([[0, 1, 2, 3]])])
def test_any_cut_of_the_stream_gives_the_same_bits(operator):
    whole, _ = operator.update(naive.batch_of(FRAMES))
    parts = [operator.update(naive.batch_of(FRAMES[a:b]))[0] for a, b in [(0, 7), (7, 7), (7, 50)]]
    assert_same_bits(np.vstack([part.values for part in parts]), whole.values)
    assert operator.state == {}


@pytest.mark.parametrize("operator", [Distances(), Dihedrals([[0, 1, 2, 3]])])
def test_a_missing_value_is_rejected(operator):
    frames = FRAMES.copy()
    frames[4, 2, 1] = np.inf
    with pytest.raises(DataError, match=r"finite, got inf in 'a2.y' at time 4"):
        operator.clone().update(naive.batch_of(frames))


def test_columns_that_are_no_atoms_are_rejected():
    batch = Batch("", [0], [[1.0, 2.0, 3.0]], Schema.of("a.x", "a.y", "b.z"))
    with pytest.raises(DataError, match=r"name\.x, name\.y, name\.z"):
        Distances().update(batch)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dihedrals([]), "four atom numbers for each angle"),
        (lambda: Dihedrals([[0, 1, 2]]), "four atom numbers for each angle"),
        (lambda: Dihedrals([[0, 1, 2, 3]], ["a", "b"]), "1 entries, one per angle, got 2"),
        (lambda: Distances([[0, 1, 2]]), "two atom numbers each"),
        (lambda: Distances([[0, 99]]).update(naive.batch_of(FRAMES)), "from 0 to 8"),
        (lambda: Distances(atoms=[3]).update(naive.batch_of(FRAMES)), "atoms must be at least two"),
    ],
)
def test_invalid_parameters_are_rejected(make, message):
    with pytest.raises(ParameterError, match=message):
        make()
