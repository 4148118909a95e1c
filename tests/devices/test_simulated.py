"""The simulated device: its fields, its random matrix, its frames."""

import numpy as np
import pytest

from streamlyt.core.errors import DataError, ParameterError
from streamlyt.devices import Camera, SimulatedDevice, check_device
from tests._arrays import assert_same_bits
from tests.devices import naive


def shown(device, patterns, m, exposure=1.0, first=0):
    n = len(patterns)
    return device.project_intensity(
        patterns, m, exposure=np.full(n, exposure), first=first + np.arange(n)
    )


DEVICES = [
    SimulatedDevice(levels=2, modulation="binary"),
    SimulatedDevice(levels=256),
    SimulatedDevice(),
    SimulatedDevice(modulation="phase"),
    SimulatedDevice(modulation="phase", levels=256, construction="dense"),
    SimulatedDevice(Camera(12, full_well=5000, read_noise=1.5), seed=3),
    SimulatedDevice(Camera(0), dtype="float64"),
    SimulatedDevice(Camera(8, dither=4), construction="dense"),
    SimulatedDevice(Camera(10), max_inputs=48, max_outputs=48),
]


@pytest.mark.parametrize("device", DEVICES, ids=repr)
def test_simulated_device_satisfies_the_device_contract(device):
    check_device(device)


@pytest.mark.parametrize(("d", "m"), [(5, 64), (64, 64), (100, 30), (3, 500), (1000, 20)])
@pytest.mark.parametrize("modulation", ["amplitude", "phase"])
def test_structured_fields_match_the_explicit_matrix(d, m, modulation):
    device = SimulatedDevice(dtype="float64", modulation=modulation, seed=2)
    patterns = np.random.default_rng(0).random((3, d))
    matrix = naive.structured_matrix(device._tables(d, m)[0], m, d)
    light = patterns if modulation == "amplitude" else np.exp(1j * np.pi * patterns)
    np.testing.assert_allclose(device.project_field(patterns, m), light @ matrix.T, atol=1e-12 * d)


@pytest.mark.parametrize("modulation", ["amplitude", "phase"])
def test_dense_fields_match_the_explicit_matrix(modulation):
    device = SimulatedDevice(construction="dense", dtype="float64", modulation=modulation)
    patterns = np.random.default_rng(0).random((3, 20))
    re, im = device._tables(20, 30)
    light = patterns if modulation == "amplitude" else np.exp(1j * np.pi * patterns)
    expected = light @ (re + 1j * im).T
    np.testing.assert_allclose(device.project_field(patterns, 30), expected, atol=1e-13)


@pytest.mark.parametrize("construction", ["structured", "dense"])
def test_light_behind_the_medium_is_speckle(construction):
    device = SimulatedDevice(Camera(0), construction=construction, dtype="float64")
    patterns = np.random.default_rng(1).random((20, 300))
    light = shown(device, patterns, 500).intensity() / (patterns**2).sum(axis=1)[:, None]
    # Exponential: its mean and its standard deviation are one.
    assert light.mean() == pytest.approx(1.0, abs=0.03)
    assert light.std() == pytest.approx(1.0, abs=0.05)
    assert (light > 3).mean() == pytest.approx(np.exp(-3), rel=0.15)


def test_levels_are_equal_steps_from_dark_to_bright():
    fine = SimulatedDevice(dtype="float64")
    for levels in (2, 16, 256, 1024):
        steps = np.random.default_rng(2).integers(0, levels, (4, 60))
        device = SimulatedDevice(levels=levels, dtype="float64")
        patterns = steps.astype(np.uint8 if levels <= 256 else np.uint16)
        np.testing.assert_allclose(
            device.project_field(patterns, 40),
            fine.project_field(steps / (levels - 1), 40),
            atol=1e-12,
        )


def test_single_precision_stays_near_double():
    patterns = np.random.default_rng(3).random((2, 5000))
    one, two = (
        SimulatedDevice(dtype=t).project_field(patterns, 4096) for t in ("float32", "float64")
    )
    assert 0 < np.abs(one - two).max() < 1e-4 * np.abs(two).max()


@pytest.mark.bits
def test_frames_are_batch_invariant():
    patterns = np.random.default_rng(4).random((9, 70))
    for device in (
        SimulatedDevice(Camera(8, read_noise=2.0)),
        SimulatedDevice(construction="dense"),
    ):
        full = shown(device, patterns, 50, 0.05)
        for at in range(9):
            part = shown(device, patterns[at : at + 1], 50, 0.05, first=at)
            assert_same_bits(part.counts[0], full.counts[at])


@pytest.mark.parametrize("bits", [1, 8, 10, 12, 16])
@pytest.mark.parametrize("dither", [1, 4])
def test_counts_match_the_formula(bits, dither):
    light = np.random.default_rng(5).exponential(0.4, size=(8, 200))
    exposure = np.linspace(0.5, 2.0, 8)
    frames = Camera(bits, dither=dither).read(light, exposure, np.arange(8))
    black = (np.arange(8) % dither + 0.5) / dither
    np.testing.assert_array_equal(frames.counts, naive.counts(light, exposure, bits, black))
    assert frames.counts.dtype == (np.uint8 if bits <= 8 else np.uint16)
    clear = light * exposure[:, None] < 1.0 - 2.0**-bits
    off = np.abs(frames.intensity() - light) * exposure[:, None]
    assert off[clear].max() <= 1.0 / frames.full_scale


def test_the_mean_of_dithered_frames_has_finer_steps():
    light = np.tile(np.random.default_rng(6).random(500) * 0.9, (16, 1))
    errors = {}
    for dither in (1, 16):
        frames = Camera(8, dither=dither).read(light, np.ones(16), np.arange(16))
        errors[dither] = np.abs(frames.intensity().mean(axis=0) - light[0]).max()
    assert errors[1] == pytest.approx(0.5 / 255, rel=0.02)
    assert errors[16] < errors[1] / 15


def test_noise_has_the_documented_variance():
    light = np.full((400, 50), 0.3)
    camera = Camera(12, full_well=4000.0, read_noise=3.0)
    seen = camera.read(light, np.ones(400), np.arange(400)).counts.astype(float)
    expected = 3.0**2 + 0.3 * 4095 * 4095 / 4000 + 1 / 12
    assert seen.var() == pytest.approx(expected, rel=0.03)
    assert seen.mean() == pytest.approx(0.3 * 4095, rel=1e-3)


def test_exposure_changes_the_count_steps_and_not_the_intensity():
    light = np.random.default_rng(7).random((1, 300)) * 0.1
    for exposure in (0.5, 1.0, 8.0):
        frames = Camera(8).read(light, np.full(1, exposure), np.zeros(1, int))
        assert np.abs(frames.intensity() - light).max() <= 0.51 / 255 / exposure


def test_counts_saturate():
    frames = Camera(8).read(np.array([[0.5, 2.0, 1e30]]), np.ones(1), np.zeros(1, int))
    np.testing.assert_array_equal(frames.counts, [[128, 255, 255]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Camera(17), "bits must be at most 16, got 17"),
        (lambda: Camera(-1), "bits must be an integer of at least 0"),
        (lambda: Camera(0, read_noise=1.0), "must be 0 and dither 1 for a camera of 0 bits"),
        (lambda: Camera(8, dither=0), "dither must be an integer of at least 1"),
        (lambda: Camera(8, full_well=-1.0), "full_well must be a finite number"),
        (lambda: SimulatedDevice(levels=1), "levels must be 2 for a binary display, and 0 or 2 to"),
        (lambda: SimulatedDevice(modulation="binary"), r"got 0 with modulation='binary'"),
        (lambda: SimulatedDevice(modulation="color"), "modulation must be one of"),
        (lambda: SimulatedDevice(max_inputs=0), "max_inputs must be an integer of at least 1"),
    ],
)
def test_invalid_parameters_are_rejected(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


@pytest.mark.parametrize(
    ("patterns", "m", "message"),
    [
        (np.zeros((2, 9), np.uint8), 4, r"shape \(n, d\) with 1 to 8 pixels .* got \(2, 9\)"),
        (np.zeros(8, np.uint8), 4, r"shape \(n, d\)"),
        (np.full((1, 8), 4, np.uint8), 4, "levels from 0 to 3, got .*4"),
        (np.zeros((1, 8)), 4, "must be unsigned integers below 4, got dtype"),
        (np.zeros((1, 8), np.uint8), 7, "n_outputs must be 1 to 6 pixels of the camera, got 7"),
    ],
)
def test_invalid_patterns_are_rejected(patterns, m, message):
    device = SimulatedDevice(levels=4, max_inputs=8, max_outputs=6)
    with pytest.raises(DataError, match=message):
        shown(device, patterns, m)


def test_shares_out_of_range_and_missing_values_are_rejected():
    for value in (-0.1, 1.5, np.nan):
        with pytest.raises(DataError, match="patterns must be levels from 0 to 1"):
            shown(SimulatedDevice(), np.full((1, 4), value), 4)
