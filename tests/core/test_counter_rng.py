import numpy as np
import pytest
from scipy import stats

from streamlyt.core.numerics import counter_rng
from tests._arrays import assert_same_bits


def test_integers_are_those_of_splitmix64():
    # The published first outputs for state 0, of which ours is a re-keyed counter.
    assert counter_rng._mix_one(0) == 0xE220A8397B1DCDAF
    assert counter_rng._mix_one(0x9E3779B97F4A7C15) == 0x6E789E6AA1B965F4


@pytest.mark.bits
def test_numbers_are_the_same_bits_on_every_machine():
    assert [hex(w) for w in counter_rng.bits(7, 1, 2)] == GOLDEN_BITS
    assert [
        float(v).hex() for part in counter_rng.unit_phases(7, 4, 2) for v in part
    ] == GOLDEN_PHASES
    assert [
        float(v).hex() for part in counter_rng.complex_normals(7, 1, 2) for v in part
    ] == GOLDEN_NORMALS


GOLDEN_BITS = ["0x7010c70c013e27ec", "0x28168ccac4ece17b"]
GOLDEN_PHASES = [
    "0x1.538f5b3fbe61dp-3",
    "0x1.2267654b11e34p-3",
    "-0x1.f8e9de1f2fcfap-1",
    "-0x1.fad3955b2babap-1",
]
GOLDEN_NORMALS = [
    "-0x1.8e0864cd38e00p-1",
    "0x1.8c0255c03728fp-1",
    "0x1.483df185b03a3p-2",
    "0x1.29b9e5e24624cp+0",
]


def test_stream_does_not_depend_on_the_number_of_draws():
    assert_same_bits(counter_rng.bits(3, 5, 1000)[:10], counter_rng.bits(3, 5, 10))


def test_seeds_and_streams_are_unrelated():
    draws = np.stack(
        [counter_rng.signs(seed, stream, 4096) for seed in (0, 1, 2**63 - 1) for stream in (1, 2)]
    )
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlation).max() < 5 / 64


def test_own_series_are_cosine_sine_and_logarithm():
    cosine, sine = counter_rng.unit_phases(1, 1, 5000)
    np.testing.assert_allclose(cosine**2 + sine**2, 1, atol=1e-15)
    word = counter_rng.bits(1, 1, 5000)
    turn = (word >> np.uint64(62)).astype(float) / 4
    angle = 2 * np.pi * turn + counter_rng._fraction(word << np.uint64(2)) * np.pi / 2
    np.testing.assert_allclose(cosine, np.cos(angle), atol=1e-15)
    np.testing.assert_allclose(sine, np.sin(angle), atol=1e-15)
    x = np.concatenate([np.geomspace(2.0**-53, 1, 500), 1 - np.geomspace(1e-16, 0.9, 500)])
    np.testing.assert_allclose(counter_rng._log(x), np.log(x), rtol=4e-16, atol=0)


@pytest.mark.parametrize("part", [0, 1])
def test_normals_are_normal(part):
    draws = counter_rng.complex_normals(2, 1, 100_000)[part] * np.sqrt(2)
    assert stats.kstest(draws, "norm").pvalue > 0.001
    assert abs(np.corrcoef(draws[1:], draws[:-1])[0, 1]) < 4 / np.sqrt(draws.size)


def test_phases_are_uniform():
    cosine, sine = counter_rng.unit_phases(2, 1, 100_000)
    angle = np.arctan2(sine, cosine) / (2 * np.pi) % 1
    assert stats.kstest(angle, "uniform").pvalue > 0.001
