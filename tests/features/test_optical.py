import math

import numpy as np
import pytest

from streamlyt.features import OpticalMap
from tests._arrays import assert_same_bits
from tests.features import naive

POINTS = np.random.default_rng(5).normal(size=(5, 20)) / np.sqrt(20)
POINTS[1] = 0.9 * POINTS[0] + 0.2 * POINTS[1]
POINTS[2] = np.eye(20)[3]  # one-hot: needs the premix
PAIRS = np.triu_indices(5)
RESPONSES = [0.5, 1.0, 2.0, 3.0, "exp", "phase"]


def estimates(construction, response, runs=200, m=512):
    """Kernel estimates of independent seeds, shape (runs, pairs)."""
    products = []
    for seed in range(runs):
        phi = OpticalMap(m, response=response, construction=construction, seed=seed)(POINTS)
        products.append((phi.astype(float) @ phi.T.astype(float))[PAIRS])
    return np.array(products)


@naive.compiled_only
@pytest.mark.parametrize("response", RESPONSES)
def test_dense_features_have_the_kernel_and_the_variance(response):
    features = OpticalMap(512, response=response)
    kernel = features.kernel(POINTS, POINTS)[PAIRS]
    variance = features.variance(POINTS, POINTS)[PAIRS] / 512
    found = estimates("dense", response)
    error = 4 * np.sqrt(variance / len(found)) + 1e-6  # single precision
    np.testing.assert_array_less(np.abs(found.mean(axis=0) - kernel), error)
    # One value of the variance has an error of 10 %; all of them together a smaller one.
    ratio = found.var(axis=0, ddof=1)[variance > 1e-9] / variance[variance > 1e-9]
    assert np.mean(ratio) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("response", "bias"),
    [(0.5, 0.003), (1.0, 0.005), (2.0, 0.015), (3.0, 0.03), ("exp", 0.025), ("phase", 0.05)],
)
@naive.compiled_only
def test_structured_features_have_the_documented_bias_and_less_variance(response, bias):
    features = OpticalMap(512, response=response)
    kernel = features.kernel(POINTS, POINTS)[PAIRS]
    variance = features.variance(POINTS, POINTS)[PAIRS] / 512
    found = estimates("structured", response)
    error = 4 * found.std(axis=0) / np.sqrt(len(found)) + 1e-6
    np.testing.assert_array_less(np.abs(found.mean(axis=0) - kernel), error + bias * kernel)
    assert found.var(axis=0).sum() < 0.9 * variance.sum()
    if response == 1.0:
        np.testing.assert_array_less(found.var(axis=0), 0.4 * variance)


@pytest.mark.parametrize("response", [0.7, 1.0, 3.0, "exp", "phase"])
def test_kernel_equals_the_integral_over_the_speckle(response):
    features = OpticalMap(8, response=response, bias=0.6, scale=0.8)
    x, y = POINTS[0, :4], POINTS[1, :4] + 0.1
    products = {"exp": lambda a, b: np.exp(-a - b), "phase": lambda a, b: np.cos(a - b)}
    product = products.get(response, lambda a, b: (a * b) ** (response / 2))
    expected = naive.optical_kernel(np.append(0.8 * x, 0.6), np.append(0.8 * y, 0.6), product)
    assert features.kernel(x[None], y[None])[0, 0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("response", [0.7, 1.0, 3.0, "centred", "exp", "phase"])
def test_kernel_and_variance_of_a_real_field_equal_the_integrals_over_the_normals(response):
    features = OpticalMap(8, response=response, field="real", bias=0.6, scale=0.8)
    x, y = POINTS[:1, :4], POINTS[1:2, :4] + 0.1
    z, w = (np.append(0.8 * row, 0.6) for row in (x, y))
    products = {
        "centred": lambda a, b: (a - z @ z) * (b - w @ w),
        "exp": lambda a, b: np.exp(-a - b),
        "phase": lambda a, b: np.cos(a - b),
    }
    product = products.get(response, lambda a, b: (a * b) ** (response / 2))
    mean = naive.real_kernel(z, w, product)
    assert features.kernel(x, y)[0, 0] == pytest.approx(mean, rel=1e-6)
    # A phase has two features: m / 2 draws, each the mean of a cosine and a sine.
    halves = 2 if response == "phase" else 1
    spread = halves * (naive.real_kernel(z, w, lambda a, b: product(a, b) ** 2) - mean**2)
    assert features.variance(x, y)[0, 0] == pytest.approx(spread, rel=1e-5)


def test_moments_of_a_real_field_of_even_exponents_are_polynomials():
    x, y = POINTS[:3], POINTS[2:]
    a = np.outer((x * x).sum(1), (y * y).sum(1))
    c = (x @ y.T) ** 2
    features = OpticalMap(8, response=2, bias=0.0, field="real")
    np.testing.assert_allclose(features.kernel(x, y), a + 2 * c)
    np.testing.assert_allclose(features.variance(x, y), 8 * a**2 + 68 * a * c + 20 * c**2)
    fourth = OpticalMap(8, response=4, bias=0.0, field="real")
    np.testing.assert_allclose(fourth.kernel(x, y), 9 * a**2 + 72 * a * c + 24 * c**2)


@pytest.mark.parametrize("q", [1, 2, 3])
def test_kernel_of_even_exponents_is_a_polynomial(q):
    x, y = POINTS[:3], POINTS[2:]
    a = np.outer((x * x).sum(1), (y * y).sum(1))
    c = (x @ y.T) ** 2
    expected = sum(math.comb(q, i) ** 2 * c**i * a ** (q - i) for i in range(q + 1))
    features = OpticalMap(8, response=2 * q, bias=0.0)
    np.testing.assert_allclose(features.kernel(x, y), math.factorial(q) ** 2 * expected)
    if q == 1:
        expected = a**2 * (3 + 14 * c / a + 3 * (c / a) ** 2)
        np.testing.assert_allclose(features.variance(x, y), expected)


@pytest.mark.parametrize("field", ["complex", "real"])
def test_kernel_of_exponent_one_is_continuous_in_the_exponent_also_for_equal_rows(field):
    near = OpticalMap(8, response=1.0 + 1e-9, field=field).kernel(POINTS, POINTS)
    here = OpticalMap(8, response=1.0, field=field).kernel(POINTS, POINTS)
    np.testing.assert_allclose(here, near, rtol=1e-7)


@pytest.mark.parametrize("field", ["complex", "real"])
@pytest.mark.parametrize("response", RESPONSES)
def test_kernel_of_rows_at_the_origin_is_finite(response, field):
    zero = np.zeros((1, 3))
    features = OpticalMap(8, response=response, bias=0.0, field=field)
    assert features.kernel(zero, zero)[0, 0] == (1.0 if isinstance(response, str) else 0.0)
    assert features.variance(zero, zero)[0, 0] == 0.0


@pytest.mark.parametrize("response", RESPONSES)
@pytest.mark.parametrize(
    ("d", "m", "width", "bias"),
    [(5, 70, 64, 1.0), (63, 2500, 64, 0.5), (128, 300, 128, 0.0), (2100, 5000, 4096, 1)],
)
@pytest.mark.parametrize("field", ["complex", "real"])
def test_structured_loop_matches_the_explicit_matrices(response, d, m, width, bias, field):
    features = OpticalMap(
        m,
        response=response,
        bias=bias,
        field=field,
        scale=0.4,
        construction="structured",
        dtype="float64",
        seed=3,
    )
    values = np.random.default_rng(d).normal(size=(3, d)) / np.sqrt(d)
    u = naive.optical_projections(values, features, width)
    if response == "exp":
        expected = np.exp(-(np.abs(u) ** 2))
    elif response == "phase":
        wave = math.sqrt(2) * np.exp(1j * np.abs(u) ** 2)
        expected = np.hstack([wave.real, wave.imag])
    else:
        n = width / 2 if field == "real" else width
        lack = math.lgamma(n + response) - math.lgamma(n) - response * math.log(n)
        expected = np.abs(u) ** response * math.exp(lack / 2)
    np.testing.assert_allclose(features(values), expected / math.sqrt(m), rtol=1e-8, atol=1e-14)


@pytest.mark.parametrize(("field", "more"), [("complex", 1), ("real", 2)])
def test_square_correction_matches_rows_of_equal_length(field, more):
    options = {"response": 2, "bias": 0.0, "dtype": "float64", "field": field}
    features = OpticalMap(64, construction="structured", **options)
    u = naive.optical_projections(POINTS, features, 64)
    longer = ((64 + more) / 64) ** 0.5
    np.testing.assert_allclose(features(POINTS), np.abs(u) ** 2 * longer / 8)


@pytest.mark.parametrize("field", ["complex", "real"])
def test_intensities_of_orthogonal_rows_add_up_to_the_length_of_the_input(field):
    # 20 rows of squared length 20 in 20 directions at right angles: sum |u|^2 = 20 |x|^2.
    more = 1 if field == "complex" else 2
    options = {"response": 2, "bias": 0.0, "dtype": "float64", "field": field}
    phi = OpticalMap(40, construction="orthogonal", **options)(POINTS)
    for block in (phi[:, :20], phi[:, 20:]):
        expected = ((20 + more) / 20) ** 0.5 * 20 * (POINTS**2).sum(axis=1) / math.sqrt(40)
        np.testing.assert_allclose(block.sum(axis=1), expected)


def test_a_seed_gives_a_fixed_map():
    values = np.array([[0.5, -1.0, 2.0, 0.25, 1.5]])
    for construction, golden in GOLDEN.items():
        phi = OpticalMap(100, seed=11, construction=construction)(values)
        assert phi[0, [0, 1, 50, 99]].tolist() == pytest.approx(golden, rel=2e-6)


def test_a_seed_gives_a_fixed_centered_map():
    phi = OpticalMap(100, response="centred", seed=11)(np.array([[0.5, -1.0, 2.0, 0.25, 1.5]]))
    golden = [-0.550256848, 0.562245846, 0.254593045, -0.40718019]
    assert phi[0, [0, 1, 50, 99]].tolist() == pytest.approx(golden, rel=1e-5)


@pytest.mark.bits
def test_a_seed_gives_a_fixed_binary_map():
    phi = OpticalMap(100, construction="binary", seed=11)(np.array([[1, 0, 1, 0, 1]]))
    assert (10 * phi[0, [0, 1, 50, 99]]) ** 2 == pytest.approx([10, 10, 8, 10], rel=1e-6)


GOLDEN = {
    "structured-gaussian": [0.118025064, 0.212427765, 0.205920622, 0.294638604],
    "tiles": [0.156416669, 0.30316627, 0.34263742, 0.471124947],
    "structured": [0.142841727, 0.361655831, 0.316650003, 0.186013266],
    "dense": [0.156416669, 0.30316627, 0.34263742, 0.471124947],
}


def test_auto_is_dense_for_four_inputs_and_structured_for_more():
    rng = np.random.default_rng(0)
    for d, construction in ((3, "dense"), (4, "structured")):
        values = rng.normal(size=(2, d))
        same = OpticalMap(50, construction=construction)
        assert_same_bits(OpticalMap(50)(values), same(values))


def auc(features, shift, rng, runs=150, n=50, d=10):
    """Probability that two windows with a shift differ more than two without."""

    def distance(step):
        left, right = rng.normal(size=(2, n, d))
        right[:, 0] += step
        return np.linalg.norm(features(left).mean(axis=0) - features(right).mean(axis=0))

    still = np.array([distance(0.0) for _ in range(runs)])
    moved = np.array([distance(shift) for _ in range(runs)])
    return (moved[:, None] > still).mean()


@naive.compiled_only
def test_a_mean_shift_around_zero_needs_a_bias():
    scale = 1 / np.sqrt(20)  # the median rule: half of the squared distance of two rows is 10
    pure = auc(OpticalMap(512, response=2, bias=0.0, scale=scale), 0.6, np.random.default_rng(1))
    biased = auc(OpticalMap(512, response=2, bias=1.0, scale=scale), 0.6, np.random.default_rng(1))
    default = auc(OpticalMap(512, scale=scale), 0.6, np.random.default_rng(1))
    assert abs(pure - 0.5) < 0.12
    assert biased > pure + 0.2
    assert default > pure + 0.2
