"""Packed binary rows, and the binary construction."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from streamlyt.core.errors import DataError
from streamlyt.features import OpticalMap, PackedBits
from tests._arrays import assert_same_bits
from tests.features import naive


@given(st.integers(0, 9), st.integers(1, 200), st.integers(0, 99))
@settings(deadline=None, derandomize=True, max_examples=50)
def test_packing_and_unpacking_round_trips(n, d, seed):
    values = np.random.default_rng(seed).random((n, d)) < 0.5
    packed, ones = PackedBits.of(values), values.astype(float)
    assert packed.shape == (n, d)
    assert packed.words.shape == (n, -(-d // 64))
    assert_same_bits(packed.toarray(), ones)
    assert_same_bits(packed[1:].toarray(), ones[1:])
    assert_same_bits(PackedBits(packed.words, d).toarray(), ones)


def explicit(features, bits):
    """The features from the matrix in memory; its sums are integers over the root of two."""
    d, m = bits.shape[1], features.n_components
    parts = features._bits(d, m // 2 if features.response == "phase" else m)
    root = 1.0 if features.field == "real" else math.sqrt(0.5)
    on, constant = (
        np.dtype(features.dtype).type(root * size) for size in (features.scale, features.bias)
    )
    sums = [on * np.rint(bits @ part[:d] / root).astype(features.dtype) for part in parts]
    if features.bias:
        for found, part in zip(sums, parts, strict=True):
            found += constant * np.sign(part[d]).astype(features.dtype)
    return sums if len(sums) == 2 else (sums[0], np.zeros_like(sums[0]))


@pytest.mark.bits
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("d", "m"), [(1, 3), (64, 64), (65, 200), (1030, 130), (2500, 70)])
@pytest.mark.parametrize("bias", [0.0, 1.3])
@pytest.mark.parametrize("field", ["complex", "real"])
def test_binary_features_equal_the_explicit_matrix_bit_for_bit(d, m, bias, dtype, field):
    bits = (np.random.default_rng(d).random((5, d)) < 0.4).astype(float)
    options = {"response": 2, "bias": bias, "scale": 0.7, "dtype": dtype, "field": field}
    features = OpticalMap(m, construction="binary", seed=4, **options)
    re, im = explicit(features, bits)
    factor = np.dtype(dtype).type(1 / math.sqrt(m))
    expected = factor * (re * re + im * im)
    assert_same_bits(features(bits), expected)
    assert_same_bits(features(PackedBits.of(bits)), expected)
    assert_same_bits(features(sparse.csr_array(bits)), expected)
    shared = OpticalMap(**{**features.get_params(), "threads": 2})
    assert_same_bits(shared(bits > 0), expected)
    assert_same_bits(np.concatenate([features(bits[:2]), features(bits[2:])]), expected)


@pytest.mark.parametrize("response", [1.0, 0.5, "centred", "exp", "phase"])
@pytest.mark.parametrize("field", ["complex", "real"])
def test_every_response_matches_the_explicit_matrix(response, field):
    bits = (np.random.default_rng(1).random((4, 90)) < 0.4).astype(float)
    options = {"response": response, "scale": 0.1, "dtype": "float64", "bias": 0.5, "field": field}
    features = OpticalMap(100, construction="binary", **options)
    re, im = explicit(features, bits)
    square = re**2 + im**2
    if response == "centred":
        expected = square - 0.01 * bits.sum(axis=1)[:, None] - 0.25
    elif response == "exp":
        expected = np.exp(-square)
    elif response == "phase":
        expected = math.sqrt(2) * np.hstack([np.cos(square), np.sin(square)])
    else:
        expected = square ** (response / 2)
    np.testing.assert_allclose(features(bits), expected / 10, atol=1e-12)


@pytest.mark.parametrize("wrong", [[[0.0, 2.0]], [[math.nan, 1.0]], [[-1.0, 1.0]]])
def test_values_other_than_bits_are_rejected(wrong):
    with pytest.raises(DataError, match="must be 0 or 1 to be packed"):
        OpticalMap(8, construction="binary")(np.array(wrong))
    with pytest.raises(DataError, match="must be 0 or 1 to be packed"):
        PackedBits.of(np.array(wrong))


def test_invalid_words_are_rejected():
    good = np.zeros((2, 1), np.uint64)
    for words, d in ((good.astype(float), 3), (good[0], 3), (good, 65), (good, 0)):
        with pytest.raises(DataError, match="words must be unsigned 64-bit"):
            PackedBits(words, d)
    with pytest.raises(DataError, match="words must be zero from bit 3 on"):
        PackedBits(good + np.uint64(8), 3)
    with pytest.raises(DataError, match=r"shape \(n, d\)"):
        PackedBits.of(np.zeros(4))


@naive.compiled_only
@pytest.mark.parametrize("response", [2.0, "centred"])
@pytest.mark.parametrize("field", ["complex", "real"])
def test_binary_kernel_is_exact_where_documented(response, field):
    bits = (np.random.default_rng(2).random((7, 12)) < 0.5).astype(float)
    found = []
    for seed in range(400):
        options = {"response": response, "field": field, "scale": 0.3, "bias": 0.4, "seed": seed}
        phi = OpticalMap(256, construction="binary", dtype="float64", **options)(bits)
        found.append(phi @ phi.T)
    kernel = OpticalMap(256, construction="binary", **options).kernel(bits, bits)
    error = np.std(found, axis=0) / math.sqrt(len(found))
    np.testing.assert_array_less(np.abs(np.mean(found, axis=0) - kernel), 4 * error + 1e-12)
