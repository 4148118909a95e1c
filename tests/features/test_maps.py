"""The contract of every map, for all responses and constructions."""

import copy
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from streamlyt.core.errors import DataError, ParameterError
from streamlyt.features import FastfoodMap, FourierMap, OpticalMap, PackedBits
from tests._arrays import assert_all, assert_same_bits

MAPS = [
    OpticalMap(300, response=1.0),
    OpticalMap(301, response=2, construction="dense"),
    OpticalMap(130, response=0.7, dtype="float64"),
    OpticalMap(140, response="exp", construction="dense", bias=0.0),
    OpticalMap(2500, response="exp", construction="structured"),
    OpticalMap(260, response="phase", scale=0.4),
    OpticalMap(262, response="phase", scale=0.2, construction="dense", dtype="float64"),
    FourierMap(300, scale=0.3),
    FourierMap(302, construction="dense"),
    FourierMap(4300, construction="structured", dtype="float64"),
    OpticalMap(150, response="centred", scale=0.2, construction="tiles"),
    OpticalMap(2200, response="centred", scale=0.2, bias=0.5),
    OpticalMap(5000, response="phase", scale=0.2, construction="structured-gaussian"),
    FourierMap(302, construction="orthogonal", dtype="float64"),
    FourierMap(300, construction="tiles", scale=0.3),
    FastfoodMap(4200, scale=0.3),
    OpticalMap(2300, response=2, field="real", construction="structured", scale=0.3),
    OpticalMap(260, response="phase", field="real", scale=0.2, construction="orthogonal"),
    OpticalMap(130, response="centred", construction="orthogonal", dtype="float64", scale=0.2),
    OpticalMap(150, response="exp", field="real", construction="tiles", scale=0.4),
    OpticalMap(4100, response=0.7, field="real", construction="structured-gaussian"),
]
each = pytest.mark.parametrize("features", MAPS, ids=repr)


@pytest.mark.bits
@given(
    st.sampled_from(MAPS),
    st.integers(1, 20),
    st.integers(0, 23),
    st.lists(st.integers(0, 23), max_size=4),
    st.integers(0, 99),
)
@settings(deadline=None, derandomize=True, max_examples=60)
def test_features_are_batch_invariant(features, d, n, cuts, seed):
    values = np.random.default_rng(seed).normal(size=(n, d))
    full = features(values)
    edges = [0, *sorted(min(c, n) for c in cuts), n]
    parts = [features(values[a:b]) for a, b in pairwise(edges)]
    assert_same_bits(np.concatenate(parts), full)


@each
def test_input_is_not_modified_and_may_have_any_order_or_be_empty(features):
    values = np.random.default_rng(0).normal(size=(9, 5))
    before = values.copy()
    values.flags.writeable = False
    phi = features(values)
    assert_same_bits(values, before)
    assert phi.shape == (9, features.n_components)
    assert phi.dtype == features.dtype
    assert_same_bits(features(np.asfortranarray(values)), phi)
    assert features(np.empty((0, 5))).shape == (0, features.n_components)


@each
def test_a_copy_draws_the_same_map_and_shows_only_its_parameters(features):
    values = np.random.default_rng(1).normal(size=(3, 4))
    phi = features(values)
    features(values[:, :2])  # another number of inputs in between
    twins = features.clone(), copy.deepcopy(features), eval(repr(features))
    for twin in twins:
        assert twin.get_params() == features.get_params()
        assert_same_bits(twin(values), phi)
    assert_same_bits(features(values), phi)
    assert not any(isinstance(value, np.ndarray) for value in features.get_params().values())
    other = type(features)(**{**features.get_params(), "seed": 1})
    assert np.abs(other(values) - phi).max() > 0.01


@each
def test_with_scale_multiplies_the_inputs(features):
    values = np.random.default_rng(2).normal(size=(4, 6))
    scaled = features.with_scale(0.5)
    assert scaled.scale == 0.5 * features.scale
    np.testing.assert_allclose(scaled(values), features(0.5 * values), atol=1e-6)
    np.testing.assert_allclose(
        scaled.kernel(values, values), features.kernel(values / 2, values / 2), atol=1e-12
    )


@each
def test_single_precision_is_close_to_double(features):
    values = np.random.default_rng(3).normal(size=(20, 30))
    single = type(features)(**{**features.get_params(), "dtype": "float32"})(values)
    double = type(features)(**{**features.get_params(), "dtype": "float64"})(values)
    largest = np.abs(double).max()
    assert np.abs(single - double).max() < 1e-5 * largest


@each
def test_single_precision_rows_equal_their_double_precision_values(features):
    single = np.random.default_rng(8).normal(size=(7, 6)).astype(np.float32)
    phi = features(single.astype(np.float64))
    for same in (single, np.asfortranarray(single), single.astype(">f4"), single.tolist()):
        assert_same_bits(features(same), phi)
    double = features.kernel(single.astype(np.float64), single.astype(np.float64))
    assert_same_bits(features.kernel(single, single), double)


@each
@pytest.mark.parametrize("missing", [math.nan, math.inf, -math.inf])
def test_a_missing_value_is_rejected_with_its_channel(features, missing):
    values = np.random.default_rng(4).normal(size=(6, 5))
    values[2, 1] = missing
    for call in (features, lambda x: features.kernel(x, x), lambda x: features.variance(x, x)):
        with pytest.raises(DataError, match=rf"must be finite as \w+, got {missing} in channel 1;"):
            call(values)
    for same in (np.asfortranarray(values), values.astype(np.float32), sparse.csr_array(values)):
        with pytest.raises(DataError, match=r"finite as .* in channel 1;"):
            features(same)
    clean = np.delete(values, 2, axis=0)
    assert_all(np.isfinite, features(clean))


@each
def test_values_beyond_the_feature_dtype_are_rejected(features):
    values = np.zeros((700, 3))
    values[600, 2] = -1e300
    with pytest.raises(DataError, match=r"finite as float32, got -1e\+300 in channel 2;"):
        type(features)(**{**features.get_params(), "dtype": "float32", "threads": 2})(values)


@pytest.mark.bits
@each
def test_features_do_not_depend_on_threads(features):
    values = np.random.default_rng(5).normal(size=(41, 7))
    shared = type(features)(**{**features.get_params(), "threads": 3})
    assert_same_bits(shared(values), features(values))


@each
def test_sparse_boolean_and_packed_rows_equal_dense_rows(features):
    values = np.random.default_rng(6).random((9, 70)) < 0.3
    numbers = values.astype(float)
    phi = features(numbers)
    for same in (values, sparse.csr_array(numbers), sparse.coo_matrix(values), numbers.tolist()):
        assert_same_bits(features(same), phi)
    assert_same_bits(features(PackedBits.of(values)), phi)
    rows = sparse.csr_array(numbers)
    assert_same_bits(features.kernel(rows, values), features.kernel(numbers, numbers))


@each
def test_complex_rows_are_rejected(features):
    with pytest.raises(DataError, match=r"must be real, got complex128; give real and imaginary"):
        features(np.ones((2, 3), complex))
    with pytest.raises(DataError, match="must be real"):
        features.kernel(np.ones((2, 3), complex), np.ones((2, 3)))


@each
def test_values_without_two_dimensions_are_rejected(features):
    for shape in [(5,), (2, 3, 4), (3, 0)]:
        with pytest.raises(DataError, match=r"shape \(n, d\)"):
            features(np.zeros(shape))
        with pytest.raises(DataError, match=r"shape \(n, d\)"):
            features.kernel(np.zeros(shape), np.zeros((1, 1)))


@pytest.mark.parametrize("kind", [OpticalMap, FourierMap])
@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"n_components": 0}, "n_components must be an integer of at least 1, got 0"),
        ({"n_components": 2.5}, "n_components must be an integer"),
        ({"n_components": True}, "n_components must be an integer"),
        ({"seed": 1.5}, "seed must be an integer of at least 0, got 1.5"),
        ({"seed": -1}, "seed must"),
        ({"seed": None}, "seed must"),
        ({"seed": 2**63}, "seed must"),
        ({"scale": 0.0}, "scale must be a finite number above 0, got 0.0"),
        ({"scale": math.nan}, "scale must"),
        ({"scale": "wide"}, "scale must"),
        ({"construction": "magic"}, "construction must be one of 'auto', .*, got 'magic'"),
        ({"threads": 0}, "threads must be an integer of at least 1, got 0"),
        ({"dtype": "float16"}, "one of 'float32', 'float64', got 'float16'"),
    ],
)
def test_an_invalid_parameter_is_rejected(kind, wrong, match):
    with pytest.raises(ParameterError, match=match):
        kind(**{"n_components": 10, **wrong})


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"response": 0}, "response must be a finite number above 0, got 0"),
        ({"response": -1.0}, "response must"),
        ({"response": "square"}, "response must be one of 'centred', 'exp', 'phase', got 'square'"),
        ({"bias": -1.0}, "bias must be a finite number of at least 0, got -1.0"),
        ({"bias": math.inf}, "bias must"),
        ({"field": "quaternion"}, "field must be one of 'complex', 'real', got 'quaternion'"),
    ],
)
def test_an_invalid_optical_parameter_is_rejected(wrong, match):
    with pytest.raises(ParameterError, match=match):
        OpticalMap(10, **wrong)


def test_an_odd_number_of_cosines_and_sines_is_rejected():
    with pytest.raises(ParameterError, match=r"must be even .* got 7; take 8"):
        FourierMap(7)
    with pytest.raises(ParameterError, match=r"must be even .* got 5; take 6"):
        FastfoodMap(5)
    with pytest.raises(ParameterError, match=r"must be even .* got 9; take 10"):
        OpticalMap(9, response="phase")
