"""Encodings, recordings, devices by name, and the faults that the device check detects."""

from dataclasses import replace
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core.errors import DataError, FormatError, ParameterError
from streamlyt.devices import (
    Camera,
    CameraFrames,
    DisplayEncoder,
    RecordedDevice,
    RecordingDevice,
    SimulatedDevice,
    check_device,
    device_names,
    get_device,
    plugins,
)


@given(st.floats(0, 1), st.integers(2, 12))
@settings(deadline=None, derandomize=True)
def test_encodings_match_their_definitions(value, p):
    row = np.array([[value]])
    thermometer = [int(value * (p + 1) >= i + 1) for i in range(p)]
    assert DisplayEncoder("thermometer", p)(row, 2)[0].tolist() == thermometer
    code = round(value * (2**p - 1))
    planes = DisplayEncoder("bit-planes", p)(row, 2)[0]
    assert int("".join(map(str, planes)), 2) == code
    bins = DisplayEncoder("bins", p)(row, 2)[0]
    assert bins.tolist() == [int(abs(value - i / (p - 1)) < 1 / p) for i in range(p)]
    assert bins.any()
    assert DisplayEncoder("threshold", p)(row, 2)[0].tolist() == [int(value >= 0.5)] * p
    assert DisplayEncoder("phase", p)(row, 256)[0].tolist() == [int(value * 255 + 0.5)] * p
    assert DisplayEncoder("amplitude", p)(row, 0)[0].tolist() == [value] * p


def test_values_outside_the_range_are_clipped():
    rows = np.array([[-3.0, 7.0]])
    assert DisplayEncoder()(rows, 256).tolist() == [[0, 255]]
    assert DisplayEncoder("thermometer", 2)(rows, 2).tolist() == [[0, 0, 1, 1]]


def test_mean_over_roundings_resolves_values_between_two_levels():
    rows = np.random.default_rng(0).random((1, 50))
    shown = [DisplayEncoder()(rows, 16, turn / 64) for turn in range(64)]
    np.testing.assert_allclose(np.mean(shown, axis=0) / 15, rows, atol=1 / 15 / 60)


def test_power_is_the_mean_intensity_of_uniform_numbers():
    even = np.random.default_rng(1).random((1, 20000))
    for encoding, levels in (("thermometer", 2), ("bins", 2), ("bit-planes", 2), ("amplitude", 0)):
        encoder = DisplayEncoder(encoding, 4)
        assert encoder.power == pytest.approx((encoder(even, levels) ** 2.0).mean(), abs=0.02)


def test_invalid_encodings_are_rejected():
    with pytest.raises(ParameterError, match="encoding must be one of 'amplitude'"):
        DisplayEncoder("colour")
    with pytest.raises(ParameterError, match="pixels must be an integer of at least 2"):
        DisplayEncoder("bins", 1)


def frames_of(device, rows, first=0):
    n = len(rows)
    return device.project_intensity(rows, 30, exposure=np.full(n, 0.1), first=first + np.arange(n))


def test_a_recording_replaces_its_device(tmp_path):
    device = SimulatedDevice(Camera(8, read_noise=3.0), levels=256, seed=4)
    patterns = np.random.default_rng(2).integers(0, 256, (6, 40), dtype=np.uint8)
    recorder = RecordingDevice(device)
    check_device(recorder)
    seen = frames_of(recorder, patterns)
    with pytest.raises(DataError, match=r"frames must have one size, .* got sizes \[30, 48\]"):
        recorder.save(tmp_path / "all.frames")
    recorder = RecordingDevice(device)
    frames_of(recorder, patterns)
    frames_of(recorder, patterns[:2], first=100)
    path = tmp_path / "bench.frames"
    recorder.save(path)
    assert list(tmp_path.iterdir()) == [path]
    again = RecordedDevice(path)
    assert again.capabilities == replace(device.capabilities, linear=False)
    found = frames_of(again, patterns[2:4], first=2)
    np.testing.assert_array_equal(found.counts, seen.counts[2:4])
    np.testing.assert_array_equal(found.intensity(), seen.intensity()[2:4])
    assert not (frames_of(again, patterns[:1], first=100).counts == seen.counts[:1]).all()
    with pytest.raises(DataError, match=r"frame 7 must be in the recording .* of 8 frames"):
        frames_of(again, patterns[:1], first=7)
    assert b"pickle" not in path.read_bytes()


def test_a_file_that_is_no_recording_is_rejected(tmp_path):
    path = tmp_path / "bench.frames"
    path.write_bytes(b"nothing")
    with pytest.raises(
        FormatError, match=r"bench.frames' must be a file written by RecordingDevice.save"
    ):
        RecordedDevice(path)
    with pytest.raises(DataError, match="there must be at least one, got"):
        RecordingDevice(SimulatedDevice()).save(path)


def test_devices_are_found_by_name(monkeypatch):
    point = EntryPoint("bench", "tests.devices.test_devices:Broken", plugins.GROUP)
    none = EntryPoint("none", "builtins:dict", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point, none])
    assert device_names() == ["bench", "none", "recorded", "simulated"]
    assert get_device("simulated", levels=16).capabilities.levels == 16
    assert get_device("bench").wrong == "nothing"
    with pytest.raises(ParameterError, match=r"one of 'bench', 'none', .* got 'opu'"):
        get_device("opu")
    with pytest.raises(ParameterError, match="'simulated' rejects"):
        get_device("simulated", colour=3)
    with pytest.raises(ParameterError, match="'none' must have capabilities, open, close"):
        get_device("none")


class Broken(SimulatedDevice):
    """A device with one fault."""

    def __init__(self, wrong="nothing", levels=4):
        super().__init__(Camera(8), levels=levels)
        self.wrong = wrong
        self.calls = 0

    @property
    def capabilities(self):
        can = super().capabilities
        return replace(can, levels=1) if self.wrong == "levels" else can

    def project_intensity(self, patterns, n_outputs, *, exposure, first):
        self.calls += 1
        if self.wrong == "greedy":
            patterns = np.minimum(patterns, 3)
        frames = super().project_intensity(patterns, n_outputs, exposure=exposure, first=first)
        counts = frames.counts
        if self.wrong == "shape":
            counts = counts[:, :-1]
        elif self.wrong == "type":
            counts = counts.astype(float)
        elif self.wrong == "bits":
            counts = counts.astype(np.uint16)
            counts[:, 0] = 256
        elif self.wrong == "flat":
            counts = np.full_like(counts, 9)
        elif self.wrong == "again":
            counts = np.roll(counts, self.calls, axis=1)
        elif self.wrong == "neighbors" and len(counts):
            counts = counts[::-1]
        elif self.wrong == "bright":
            counts = np.maximum(counts, 40)
        elif self.wrong == "writes":
            patterns[:] = 0
        return CameraFrames(counts, frames.exposure, frames.black_level, frames.full_scale)

    def project_field(self, patterns, n_outputs):
        field = super().project_field(patterns, n_outputs)
        return 2 * field if self.wrong == "field" else field


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("levels", "have 0 or 2 to 65536 levels"),
        ("greedy", "reject levels that it does not have"),
        ("shape", r"return counts of shape \(n, m\)"),
        ("type", "return counts of its type"),
        ("bits", "keep counts within its bits"),
        ("flat", "scatter the light, so that pixels differ"),
        ("again", "reproduce its frames"),
        ("neighbors", "independent of other patterns"),
        ("bright", "be dark for a dark display"),
        ("field", "have fields whose squares equal its intensities"),
    ],
)
def test_device_check_detects_each_fault(wrong, message):
    check_device(Broken())
    with pytest.raises(AssertionError, match=message):
        check_device(Broken(wrong))


def test_device_check_detects_modified_patterns():
    with pytest.raises((AssertionError, ValueError), match="read-only"):
        check_device(Broken("writes"))


def test_an_object_that_is_no_device_is_rejected():
    with pytest.raises(AssertionError, match="must have capabilities, open, close"):
        check_device(object())
