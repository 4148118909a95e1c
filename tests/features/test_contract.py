"""The contract of kernel and variance: 20 pairs of dense, sparse, one-hot and binary rows."""

import numpy as np
import pytest

from streamlyt.features import FastfoodMap, FourierMap, OpticalMap
from tests.features import naive

RUNS, M, D = 400, 256, 24
rng = np.random.default_rng(7)
DENSE = rng.normal(size=(10, D)) / np.sqrt(D)
DENSE[1::2] = 0.8 * DENSE[::2] + 0.5 * DENSE[1::2]
SPARSE = DENSE * (rng.random((10, D)) < 0.15)
SPARSE[:, 0] += 0.3
ONE_HOT = np.eye(D)[[0, 0, 3, 4, 5, 5, 6, 7, 8, 9]]
BINARY = (rng.random((10, D)) < 0.4) / 3.0
LEFT, RIGHT = (
    np.concatenate([kind[half::2] for kind in (DENSE, SPARSE, ONE_HOT, BINARY)]) for half in (0, 1)
)

# Map, its bias relative to k (or to A, the product of the squared lengths, for "centred"), and the
# ratio of the variance to the published one: equal, or at most and on average.
EXACT, LESS, MORE = (0.9, 1.1), (0.0, 1.0), (0.9, 3.0)
RESPONSES = (1.0, 2.0, "centred", "exp", "phase")


def optical(response, construction, field="complex"):
    return OpticalMap(M, response=response, construction=construction, field=field)


def fourier(construction):
    return FourierMap(M, construction=construction)


CASES = [
    (optical(1.0, "dense"), 0, EXACT),
    (optical(2, "tiles"), 0, EXACT),
    (optical("centred", "dense"), 0, EXACT),
    (optical("exp", "tiles"), 0, EXACT),
    (optical("phase", "dense"), 0, EXACT),
    (optical(1.0, "tiles", "real"), 0, EXACT),
    (optical(2, "dense", "real"), 0, EXACT),
    (optical("centred", "tiles", "real"), 0, EXACT),
    (optical("exp", "dense", "real"), 0, EXACT),
    (optical("phase", "tiles", "real"), 0, EXACT),
    *(
        (optical(response, "structured", field), bias, LESS)
        for field, declared in (
            ("complex", (0.004, 0.015, 0.015, 0.025, 0.05)),
            ("real", (0.02, 0.02, 0.04, 0.02, 0.05)),
        )
        for response, bias in zip(RESPONSES, declared, strict=True)
    ),
    *(
        (optical(response, "orthogonal", field), 0, LESS)
        for field in ("complex", "real")
        for response in RESPONSES
    ),
    (optical(1.0, "structured-gaussian"), 0, MORE),
    (optical("centred", "structured-gaussian"), 0, MORE),
    (optical(2, "structured-gaussian", "real"), 0, MORE),
    (fourier("dense"), 0, EXACT),
    (fourier("tiles"), 0, EXACT),
    (fourier("orthogonal"), 0, LESS),
    (fourier("structured"), 0.02, LESS),
    (FastfoodMap(M), 0, MORE),
]


@naive.compiled_only
@pytest.mark.parametrize(("features", "bias", "ratio"), CASES, ids=lambda value: str(value))
def test_kernel_and_variance_match_the_published_ones(features, bias, ratio):
    found = np.empty((RUNS, len(LEFT)))
    both = np.concatenate([LEFT, RIGHT])
    for seed in range(RUNS):
        phi = type(features)(**{**features.get_params(), "seed": seed})(both).astype(float)
        found[seed] = (phi[: len(LEFT)] * phi[len(LEFT) :]).sum(axis=1)
    kernel = np.diagonal(features.kernel(LEFT, RIGHT))
    variance = np.diagonal(features.variance(LEFT, RIGHT)) / M
    size = kernel
    if getattr(features, "response", None) == "centred":
        size = ((LEFT**2).sum(axis=1) + 1) * ((RIGHT**2).sum(axis=1) + 1)
    error = 4 * found.std(axis=0) / np.sqrt(RUNS) + 1e-6
    np.testing.assert_array_less(np.abs(found.mean(axis=0) - kernel), error + bias * size)
    known = variance > 1e-9  # cosines and sines of equal rows have no variance
    # One variance has an error of 7 %; all 20 together, which share the draws, of about 3 %.
    ratios = found.var(axis=0, ddof=1)[known] / variance[known]
    assert ratio[0] < ratios.mean() < ratio[1]
