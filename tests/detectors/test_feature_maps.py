"""Feature maps that detectors accept by name."""

import numpy as np
import pytest

from streamlyt.core.errors import ParameterError
from streamlyt.detectors._common.feature_maps import feature_map
from streamlyt.features import FourierMap, OpticalMap


def test_named_maps_have_the_given_size_and_seed():
    optical, fourier = (feature_map(name, 128, 7) for name in ("optical", "fourier"))
    assert isinstance(optical, OpticalMap)
    assert isinstance(fourier, FourierMap)
    assert {(each.n_components, each.seed) for each in (optical, fourier)} == {(128, 7)}


def test_a_map_instance_is_used_unchanged():
    own = OpticalMap(64, response=2.0)
    assert feature_map(own, 128, 7) is own


def test_both_named_maps_have_kernel_width_one():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    x /= np.linalg.norm(x, axis=1)[:, None]
    y = x[::-1] + 0.2
    gaussian = np.exp(-((x[:, None] - y[None]) ** 2).sum(axis=2) / 2)
    for name, tolerance in (("optical", 0.25), ("fourier", 1e-12)):
        assert np.abs(feature_map(name, 64, 0).kernel(x, y) - gaussian).max() < tolerance


@pytest.mark.parametrize("name", ["optical", "fourier"])
def test_both_named_maps_respond_to_a_shift_of_the_mean(name):
    rng = np.random.default_rng(1)
    at_rest, moved = rng.normal(size=(2, 4000, 2)) * 0.5
    phi = feature_map(name, 512, 0)
    gap = phi(at_rest).mean(axis=0) - phi(moved + np.array([0.5, 0])).mean(axis=0)
    none = phi(at_rest[:2000]).mean(axis=0) - phi(at_rest[2000:]).mean(axis=0)
    assert gap @ gap > 50 * (none @ none)


def test_an_unknown_name_is_rejected():
    with pytest.raises(ParameterError, match="features must be 'optical', 'fourier' or a map, got"):
        feature_map("camera", 64, 0)
