"""Optical reservoir: equation, limit, devices and validation."""

import numpy as np
import pytest

from streamlyt.core.batch import example_batch
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.core.state import pack, unpack
from streamlyt.devices import Camera, CameraFrames, RecordedDevice, RecordingDevice, SimulatedDevice
from streamlyt.operator_checks import check_operator
from streamlyt.reservoirs import OpticalReservoir, ReservoirForecaster, recurrent_kernel
from streamlyt.systems import Lorenz
from tests._arrays import assert_same_bits

ROWS = np.random.default_rng(0).normal(size=(30, 3)).clip(-3.9, 3.9)
IDEAL = {"camera": Camera(0), "dtype": "float64"}


def states(reservoir, rows=ROWS):
    return reservoir.run(rows[:, None], reservoir.start(1, rows.shape[1]))[:, 0]


def by_hand(optical, light, rows):
    """States of a reservoir of amplitudes over an ideal device, from its own fields."""
    n = optical.n_components
    gains = [
        optical.spectral_radius / np.sqrt(n),
        optical.input_scale / np.sqrt(rows.shape[1]),
        optical.bias_scale,
    ]
    x, found = np.zeros(n), []
    for row in rows:
        parts = (x, row + optical.input_range, np.ones(1))
        pattern = np.concatenate([g * part for g, part in zip(gains, parts, strict=True)])
        peak = pattern.max()
        field = peak * light.project_field(pattern[None] / peak, n)[0]
        new = np.minimum(np.abs(field) ** 2, optical.saturation)
        x = (1 - optical.leak_rate) * x + optical.leak_rate * new
        found.append(x)
    return np.array(found)


@pytest.mark.parametrize("construction", ["structured", "dense"])
@pytest.mark.parametrize("leak_rate", [1.0, 0.3])
def test_steps_match_the_equation(construction, leak_rate):
    light = SimulatedDevice(construction=construction, seed=3, **IDEAL)
    optical = OpticalReservoir(60, light, leak_rate=leak_rate, saturation=2.0)
    np.testing.assert_allclose(states(optical), by_hand(optical, light, ROWS), atol=1e-12)


class Watched(SimulatedDevice):
    """A device whose frames are kept, or cut short."""

    def __init__(self, camera, lost=0):
        super().__init__(camera)
        self.lost, self.seen = lost, []

    def project_intensity(self, patterns, n_outputs, **how):
        frames = super().project_intensity(patterns, n_outputs, **how)
        self.seen.append(frames.intensity())
        return CameraFrames(
            frames.counts[:, self.lost :], frames.exposure, frames.black_level, frames.full_scale
        )


@pytest.mark.parametrize("average", [1, 2, 4])
@pytest.mark.parametrize("leak_rate", [1.0, 0.3])
def test_states_approach_the_mean_of_the_frames(average, leak_rate):
    light = Watched(Camera(8, dither=average))
    optical = OpticalReservoir(80, light, n_average=average, leak_rate=leak_rate, saturation=1.5)
    inputs = np.stack([ROWS, ROWS[::-1]], axis=1)
    found = optical.run(inputs, optical.start(2, 3))
    unit, x = optical._display.unit, np.zeros((2, 80))
    for row, state in enumerate(found):
        frames = light.seen[row * average : (row + 1) * average]
        new = np.minimum(np.mean(frames, axis=0) * unit, optical.saturation)
        x = (1 - leak_rate) * x + leak_rate * new
        np.testing.assert_allclose(state, x, rtol=1e-5, atol=1e-6)
    assert len(light.seen) == average * len(ROWS)


def test_frames_of_another_size_are_rejected():
    optical = OpticalReservoir(80, Watched(Camera(8), lost=1))
    with pytest.raises(DataError, match=r"must have shape \(1, 80\), got \(1, 79\)"):
        states(optical)


@pytest.mark.parametrize("levels", [64, 1024])
def test_a_quantized_display_has_the_same_scales(levels):
    # The stronger parts stand on several pixels: another medium, the same law.
    fine = states(OpticalReservoir(900, SimulatedDevice(**IDEAL), saturation=4.0))
    coarse = states(OpticalReservoir(900, SimulatedDevice(levels=levels, **IDEAL), saturation=4.0))
    np.testing.assert_allclose(coarse.mean(axis=1), fine.mean(axis=1), rtol=0.15)
    np.testing.assert_allclose(coarse.std(axis=1), fine.std(axis=1), rtol=0.2)


@pytest.mark.parametrize("construction", ["structured", "dense"])
def test_finite_reservoirs_converge_as_one_over_the_root_of_their_size(construction):
    scales = {"spectral_radius": 0.3, "input_scale": 0.1, "bias_scale": 0.8}
    series = np.random.default_rng(1).normal(size=(8, 6, 3)).clip(-4, 4)
    sizes = np.array([60, 250, 1020])
    errors = []
    for size in sizes:
        squares = []
        for seed in range(12):
            light = SimulatedDevice(construction=construction, seed=seed, **IDEAL)
            optical = OpticalReservoir(int(size), light, saturation=1e9, **scales)
            found = optical.run(series.transpose(1, 0, 2), optical.start(8, 3))[-1]
            products = found @ found.T / size
            for i in range(8):
                for j in range(i):
                    # The display sees the inputs from the end of their range on.
                    exact = recurrent_kernel(
                        series[i] + 4.0, series[j] + 4.0, activation="intensity", **scales
                    )
                    squares.append((products[i, j] / exact[-1, 0] - 1) ** 2)
        errors.append(np.sqrt(np.mean(squares)))
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert -0.6 < slope < -0.4
    assert errors[-1] < 0.12


@pytest.mark.parametrize(
    "optical",
    [
        OpticalReservoir(40),
        OpticalReservoir(40, n_average=3, exposure="auto", leak_rate=0.5),
        OpticalReservoir(
            40, SimulatedDevice(Camera(8, read_noise=2.0, full_well=5000), levels=256), dither=True
        ),
        OpticalReservoir(40, encoding="phase", bias_scale=0.0, input_scale=0.5),
        OpticalReservoir(40, encoding="thermometer", pixels=4, bias_scale=0.3),
        OpticalReservoir(40, "simulated"),
    ],
    ids=["plain", "averaged", "noisy", "phase", "thermometer", "by name"],
)
def test_optical_reservoir_satisfies_the_operator_contract(optical):
    check_operator(optical, example_batch(150))


def test_an_optical_forecaster_satisfies_the_operator_contract():
    optical = OpticalReservoir(30, SimulatedDevice(Camera(8, read_noise=1.0)), exposure="auto")
    model = ReservoirForecaster(optical, washout=20, ridge=1e-6, input_noise=1e-2)
    check_operator(model, example_batch(100))


@pytest.mark.parametrize("encoding", ["threshold", "thermometer", "bins", "bit-planes", "phase"])
def test_every_encoding_preserves_the_input(encoding):
    # From the states the newest input is read by least squares.
    rows = np.random.default_rng(2).uniform(-2, 2, size=(1500, 1))
    scales = {"spectral_radius": 0.3, "input_scale": 1.0, "bias_scale": 0.5, "input_range": 2.0}
    optical = OpticalReservoir(250, encoding=encoding, pixels=4, **scales)
    seen = np.hstack([states(optical, rows), np.ones((1500, 1))])
    weights = np.linalg.lstsq(seen[:1000], rows[:1000], rcond=None)[0]
    left = (seen[1000:] @ weights - rows[1000:]).std() / rows.std()
    assert left < (0.65 if encoding == "threshold" else 0.35)


def test_averaging_dithered_frames_reduces_camera_quantization():
    ideal = states(OpticalReservoir(500, SimulatedDevice(**IDEAL)))
    off = {}
    for average in (1, 16):
        light = SimulatedDevice(Camera(8, dither=average), dtype="float64")
        off[average] = np.abs(
            states(OpticalReservoir(500, light, n_average=average)) - ideal
        ).mean()
    assert off[16] < off[1] / 8


def test_a_dithered_display_reduces_quantization():
    off = {}
    for dither in (False, True):
        pair = []
        for levels in (64, 16384):
            light = SimulatedDevice(Camera(0), levels=levels, dtype="float64")
            optical = OpticalReservoir(300, light, n_average=16, dither=dither, saturation=4.0)
            pair.append(states(optical))
        # The mean of squares is larger than the square of the mean, by much the same each time.
        off[dither] = (pair[0] - pair[1]).std(axis=0).mean()
    assert off[True] < 0.4 * off[False]


def test_automatic_exposure_saturates_one_percent_and_then_is_fixed():
    rows = np.random.default_rng(3).normal(size=(200, 1)).clip(-3, 3)
    dim = {"spectral_radius": 0.2, "input_scale": 0.1, "bias_scale": 0.7}
    optical = OpticalReservoir(2000, exposure="auto", saturation=40.0, **dim)
    memory = optical.start(1, 1)
    optical.run(rows[:100, None], memory)
    settled = memory["exposure"].copy()
    found = optical.run(rows[100:, None], memory)
    np.testing.assert_array_equal(memory["exposure"], settled)
    assert settled[0] > 2.0
    full = (found >= 40.0 / settled[0] * 0.999).mean()
    assert 0.001 < full < 0.05


@pytest.mark.bits
def test_lanes_are_independent():
    rows = np.random.default_rng(4).normal(size=(20, 3, 2))
    optical = OpticalReservoir(50, exposure="auto")
    together = optical.run(rows, optical.start(3, 2))
    for lane in range(3):
        assert_same_bits(together[:, lane], states(optical, rows[:, lane]))


@pytest.mark.bits
def test_a_saved_state_has_no_matrix_and_resumes_with_the_same_bits():
    optical = OpticalReservoir(300, SimulatedDevice(Camera(8, read_noise=2.0)))
    memory = optical.start(1, 3)
    optical.run(ROWS[:10, None], memory)
    blob = pack(memory)
    assert len(blob) < 300 * 8 + 2000
    again = optical.clone().run(ROWS[10:, None], unpack(blob))
    assert_same_bits(again, optical.run(ROWS[10:, None], memory))


def test_a_recording_replaces_the_device(tmp_path):
    recorder = RecordingDevice(SimulatedDevice(Camera(8, read_noise=2.0), levels=256))
    seen = states(OpticalReservoir(80, recorder, bias_scale=0.3))
    recorder.save(tmp_path / "run.frames")
    replayed = OpticalReservoir(80, RecordedDevice(tmp_path / "run.frames"), bias_scale=0.3)
    np.testing.assert_array_equal(states(replayed), seen)
    with pytest.raises(DataError, match=r"frame 0 must be in the recording"):
        states(replayed, ROWS[::-1])


def test_lorenz_is_forecast_with_an_8_bit_camera():
    rows = Lorenz(seed=5).sample(4500)
    model = ReservoirForecaster(OpticalReservoir(500), ridge=1e-9)
    model.predict_and_learn(rows[:4000])
    steps = int(1.5 / 0.906 / 0.02)
    assert np.abs(model.forecast(steps) - rows[4000 : 4000 + steps]).max() < 5.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OpticalReservoir(n_average=0), "n_average must be an integer of at least 1"),
        (lambda: OpticalReservoir(leak_rate=2.0), r"leak_rate must be in \(0, 1\], got 2.0"),
        (lambda: OpticalReservoir(saturation=0.0), "saturation must be a finite number above 0"),
        (lambda: OpticalReservoir(exposure="long"), "exposure must be one of 'fixed', 'auto'"),
        (lambda: OpticalReservoir(encoding="color"), "encoding must be one of"),
        (
            lambda: OpticalReservoir(10, 3),
            "device must be a device, a name or None, got 3",
        ),
        (
            lambda: OpticalReservoir(10, "opu"),
            "device must be one of 'recorded', 'simulated', got 'opu'",
        ),
        (
            lambda: OpticalReservoir(10, SimulatedDevice(modulation="phase")),
            "must fit the display \\(amplitude modulation\\), got a display of phase",
        ),
        (
            lambda: OpticalReservoir(100, SimulatedDevice(max_outputs=64)),
            "n_components must be at most 64, the pixels of the camera, got 100",
        ),
        (
            lambda: states(OpticalReservoir(100, SimulatedDevice(levels=256, max_inputs=128))),
            r"must fit on the display of 128 pixels, got \d+ for 100 nodes and 3 inputs",
        ),
    ],
)
def test_invalid_parameters_are_rejected(make, message):
    with pytest.raises(ParameterError, match=message):
        make()
