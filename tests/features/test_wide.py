"""Maps with many features: complete groups of blocks in working order, and the remainder."""

import math

import numpy as np
import pytest

from streamlyt.features import FourierMap, OpticalMap
from streamlyt.features._kernels.projection import structured_rows
from tests._arrays import assert_same_bits
from tests.features import naive

SIZES = [(5, 4100), (100, 2048), (200, 6200), (400, 4096), (900, 6000), (2000, 4100), (5000, 9000)]


def in_natural_order(features, values):
    """The features from the loop with all blocks in their natural order."""
    draws = features._draw(values.shape[1])
    inputs = np.zeros((len(values), draws.width), features.dtype)
    inputs[:, : values.shape[1]] = values * draws.weights
    if draws.constant:
        inputs[:, values.shape[1]] = draws.constant
    out = np.empty((len(values), features.n_components), features.dtype)
    kind, exponent = features._kind, draws.offset or features._exponent
    structured_rows(inputs, draws.first, draws.second, kind, exponent, draws.factor, out)
    return out


@pytest.mark.bits
@naive.compiled_only
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("d", "m"), SIZES)
def test_complete_groups_equal_consecutive_blocks_bit_for_bit(d, m, dtype):
    values = np.random.default_rng(d).normal(size=(11, d)) / math.sqrt(d)
    maps = [
        OpticalMap(m, construction="structured", dtype=dtype),
        OpticalMap(2 * m, response="phase", construction="structured", dtype=dtype),
        OpticalMap(m, response="centred", construction="structured-gaussian", dtype=dtype),
        FourierMap(2 * m, construction="structured", dtype=dtype),
        OpticalMap(m, response=2, field="real", construction="structured", dtype=dtype),
    ]
    for features in maps:
        assert features._drawn(d).n_ordered > 0
        assert_same_bits(features(values), in_natural_order(features, values))


@naive.compiled_only
def test_a_long_transform_preserves_lengths_and_matches_its_matrix_at_sampled_entries():
    d = 1 << 17
    values = np.random.default_rng(0).normal(size=(1, d)) / math.sqrt(d)
    features = OpticalMap(d, response=2, bias=0.0, construction="structured", dtype="float64")
    phi = features(values)[0]
    # The rows of U are orthogonal, each of squared length D, and |U x|^2 sums to D |x|^2.
    factor = math.sqrt((d + 1) / d) / math.sqrt(d)
    assert phi.sum() == pytest.approx(factor * d * (values**2).sum(), rel=1e-10)
    signs = naive.signs(0, 3, d)
    cosine, sine = naive.unit_phases(0, 4, d)
    phases = cosine + 1j * sine
    place = np.arange(d)

    def row(j):
        return 1.0 - 2.0 * (np.bitwise_count(place & j) % 2)

    # U_j x = sum_i H_ji phase_i (H B x)_i / sqrt(D); its mean over a few j by plain sums.
    mixed = signs * values[0]
    for stage in range(17):
        pairs = mixed.reshape(-1, 2, 1 << stage)
        mixed = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], 1).reshape(-1)
    for j in (0, 1, 77, 4096, 70_001, d - 1):
        u = (row(j) * phases * mixed).sum() / math.sqrt(d)
        assert phi[j] == pytest.approx(abs(u) ** 2 * factor, rel=1e-9)
