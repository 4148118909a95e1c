"""Recurrent kernels: against quadrature and the limit of finite reservoirs."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate
from scipy.special import erf

from streamlyt.core.errors import DataError, ParameterError
from streamlyt.reservoirs import KERNELS, EchoStateNetwork, recurrent_kernel
from tests._arrays import assert_all

PAIRS = [(0.3, 1.0, 0.8), (-0.5, 0.7, 1.9), (0.0, 1.0, 1.0), (0.97, 1.0, 1.0)]
SMOOTH = {"erf": erf, "cos": np.cos}


def by_quadrature(name, p, pp, qq):
    """The mean of the product of two answers over Gaussian sums, right to 1e-11."""
    c = p / np.sqrt(pp * qq)
    if name in SMOOTH:
        nodes, weights = np.polynomial.hermite_e.hermegauss(120)
        weights = weights / weights.sum()
        a = np.sqrt(pp) * nodes[:, None]
        b = np.sqrt(qq) * (c * nodes[:, None] + np.sqrt(1 - c * c) * nodes[None, :])
        return weights @ (SMOOTH[name](a) * SMOOTH[name](b)) @ weights
    if name == "rbf":  # two cosines of a uniform phase; the phase by the trapezoid rule is exact
        phases = 2 * np.pi * np.arange(64) / 64
        nodes, weights = np.polynomial.hermite_e.hermegauss(120)
        spread = np.sqrt(pp + qq - 2 * p)
        inner = np.array([(np.cos(f) * np.cos(f + spread * nodes)) @ weights for f in phases])
        return 2 * inner.mean() / weights.sum()
    # Answers that depend on the direction and a power of the length: an angle, and a moment.
    angle = np.arccos(c)
    if name in ("intensity", "modulus"):
        return by_bessel(name, c) * (pp * qq) ** (1.0 if name == "intensity" else 0.5)
    kinks = sorted(
        {
            np.pi / 2,
            3 * np.pi / 2,
            *(k % (2 * np.pi) for k in (angle - np.pi / 2, angle + np.pi / 2)),
        }
    )
    shape = {
        "sign": lambda t: np.sign(np.cos(t)) * np.sign(np.cos(t - angle)),
        "heaviside": lambda t: (np.cos(t) > 0) * (np.cos(t - angle) > 0) * 1.0,
        "relu": lambda t: max(np.cos(t), 0.0) * max(np.cos(t - angle), 0.0),
    }[name]
    edges = [0.0, *kinks, 2 * np.pi]
    total = sum(
        integrate.quad(shape, a, b, epsabs=1e-14, epsrel=1e-13)[0]
        for a, b in pairwise(edges)
        if b - a > 1e-12
    )
    moment = 2.0 * np.sqrt(pp * qq) if name == "relu" else 1.0
    return moment * total / (2 * np.pi)


def by_bessel(name, c):
    """Over the moduli a, b of two complex normals of correlation c: a density with I_0."""
    from scipy.special import ive

    rest = 1 - c * c
    power = 2.0 if name == "intensity" else 1.0

    def density(b, a):
        bessel = ive(0, 2 * abs(c) * a * b / rest)
        lengths = np.exp(-(a * a + b * b - 2 * abs(c) * a * b) / rest)
        return (a * b) ** power * 4 * a * b / rest * bessel * lengths

    nodes, weights = np.polynomial.legendre.leggauss(400)
    a, w = 4.5 * (nodes + 1), 4.5 * weights
    return w @ density(a[:, None], a[None, :]) @ w


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("pair", PAIRS)
def test_kernels_match_quadrature(name, pair):
    p, pp, qq = (np.array([value]) for value in pair)
    assert KERNELS[name](p, pp, qq)[0] == pytest.approx(by_quadrature(name, *pair), abs=1e-10)


@pytest.mark.parametrize("name", KERNELS)
def test_kernel_of_a_series_with_itself_has_equal_columns(name):
    x = np.random.default_rng(0).normal(size=(5, 2))
    found = recurrent_kernel(x, x, activation=name, spectral_radius=0.3, bias_scale=0.2)
    np.testing.assert_allclose(found, found[:, :1] + np.zeros(3), rtol=1e-12)
    assert_all(np.isfinite, recurrent_kernel(0 * x, 0 * x, activation=name))


@pytest.mark.parametrize("activation", ["erf", "sign", "heaviside", "relu", "cos"])
@pytest.mark.parametrize("construction", ["structured", "dense"])
def test_finite_reservoirs_converge_as_one_over_the_root_of_their_size(activation, construction):
    scales = {"spectral_radius": 0.7, "input_scale": 0.9, "bias_scale": 0.3}
    rng = np.random.default_rng(1)
    series = rng.normal(size=(8, 6, 3))
    sizes = np.array([61, 253, 1021])
    errors = []
    for size in sizes:
        squares = []
        for seed in range(12):
            echo = EchoStateNetwork(
                int(size), construction=construction, activation=activation, seed=seed, **scales
            )
            states = echo.run(series.transpose(1, 0, 2), echo.start(8, 3))[-1]
            found = states @ states.T / size
            for i in range(8):
                for j in range(i):
                    exact = recurrent_kernel(series[i], series[j], activation=activation, **scales)
                    squares.append((found[i, j] - exact[-1, 0]) ** 2)
        errors.append(np.sqrt(np.mean(squares)))
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert -0.6 < slope < -0.4
    assert errors[-1] < 0.05


def test_activations_without_a_kernel_are_rejected():
    x = np.zeros((4, 2))
    with pytest.raises(ParameterError, match=r"activation must be one of erf, .* got 'tanh'"):
        recurrent_kernel(x, x, activation="tanh")
    with pytest.raises(DataError, match="x and y must have the same shape"):
        recurrent_kernel(x, x[:2])
