"""What every device promises, as checks that anyone can run on his own."""

import numpy as np

from streamlyt.core import Array
from streamlyt.core.errors import DataError
from streamlyt.core.numerics.array_difference import difference

from .protocol import CameraFrames, Device, DeviceCapabilities

__all__ = ["check_device"]

_PIXELS = 48  # of the patterns and frames of the checks, where the device has as many
_NOISE = 0.1  # of the mean intensity: what a camera may add
_SPREAD = 0.25  # of the mean of 48 exponential intensities: 1.7 standard deviations each way


def check_device(device: Device, *, exposure: float | None = None) -> None:
    """Hold a device to what a reservoir over it relies on.

    It must keep its shapes and types, stay within its counts, leave patterns alone, open and close
    at any time, refuse what it cannot show, answer more light with more counts, give the same
    frames again if it says so, whatever is shown beside them, and have fields whose squares are
    its intensities if it says so.

    Parameters
    ----------
    device
        It is opened, shown some hundred patterns, and closed.
    exposure
        At which a half lit pattern of 48 pixels is well exposed; None tries some.

    Raises
    ------
    AssertionError
        For the first promise that is broken; the message says which.

    Examples
    --------
    >>> from streamlyt.devices import SimulatedDevice
    >>> check_device(SimulatedDevice(levels=2))
    """
    if not isinstance(device, Device):
        raise AssertionError(
            f"a device must have capabilities, open, close and project_intensity, got {device!r}"
        )
    can = device.capabilities
    _capabilities(can)
    device.open()
    device.open()
    try:
        patterns = _patterns(can)
        m = min(_PIXELS, can.max_outputs)
        right = exposure if exposure is not None else _right_exposure(device, patterns, m)
        _frames(device, patterns, m, right)
        _more_light(device, m, right)
        _refusals(device, patterns, m)
        if can.deterministic:
            _same_again(device, patterns, m, right)
        if can.linear:
            _fields(device, patterns, m, right)
        device.close()
        device.close()
        device.open()
        _shown(device, patterns, m, right)
    finally:
        device.close()


def _capabilities(can: DeviceCapabilities) -> None:
    _require(can.max_inputs >= 1 and can.max_outputs >= 1, "have at least one pixel", can)
    _require(can.modulation in ("binary", "amplitude", "phase"), "name a known modulation", can)
    _require(can.levels == 0 or 2 <= can.levels <= 1 << 16, "have 0 or 2 to 65536 levels", can)
    _require(can.modulation != "binary" or can.levels == 2, "have 2 levels if binary", can)
    _require(0 <= can.bits <= 16, "have a camera of 0 to 16 bits", can)
    _require(can.frame_rate_hz > 0, "take frames", can)


def _patterns(can: DeviceCapabilities, rows: int = 12) -> Array:
    rng = np.random.default_rng(0)
    d = min(_PIXELS, can.max_inputs)
    if can.levels == 0:
        return rng.random((rows, d))
    dtype = np.uint8 if can.levels <= 256 else np.uint16
    drawn: Array = rng.integers(0, can.levels, size=(rows, d), dtype=dtype)
    return drawn


def _shown(
    device: Device, patterns: Array, m: int, exposure: float, first: int = 0
) -> CameraFrames:
    n = len(patterns)
    return device.project_intensity(
        patterns, m, exposure=np.full(n, exposure), first=first + np.arange(n)
    )


def _right_exposure(device: Device, patterns: Array, m: int) -> float:
    for power in range(12, -13, -1):
        frames = _shown(device, patterns, m, 2.0**power)
        if device.capabilities.bits == 0:
            return 1.0
        if np.quantile(frames.counts, 0.9) < 0.7 * frames.full_scale:
            return 2.0**power
    raise AssertionError("a device must have an exposure from 2**-12 to 2**12 that is not too long")


def _frames(device: Device, patterns: Array, m: int, exposure: float) -> None:
    bits = device.capabilities.bits
    before = patterns.copy()
    patterns.flags.writeable = False
    frames = _shown(device, patterns, m, exposure)
    patterns.flags.writeable = True
    told = difference(patterns, before, "patterns")
    _require(not told, "leave its patterns alone", told)
    _require(frames.counts.shape == (len(patterns), m), "give (n, m) counts", frames.counts.shape)
    kinds = ("f",) if bits == 0 else ("u",)
    _require(frames.counts.dtype.kind in kinds, "give counts of its kind", frames.counts.dtype)
    if bits:
        _require(int(frames.counts.max()) < 1 << bits, "stay within its bits", frames.counts.max())
        _require(frames.full_scale == (1 << bits) - 1, "tell its highest count", frames.full_scale)
    light = frames.intensity()
    _require(bool(np.isfinite(light).all()), "give finite intensities", light)
    _require(
        bool(np.ptp(frames.counts, axis=1).min() > 0), "scatter: its pixels must differ", light
    )
    none = _shown(device, patterns[:0], m, exposure)
    _require(none.counts.shape == (0, m), "take no pattern at all", none.counts.shape)


def _more_light(device: Device, m: int, exposure: float) -> None:
    can = device.capabilities
    if can.modulation == "phase":
        return  # a dark pixel of a phase modulator is as bright as any other
    d = min(_PIXELS, can.max_inputs)
    dtype = np.float64 if can.levels == 0 else np.uint8 if can.levels <= 256 else np.uint16
    bright = np.full((1, d), max(can.levels - 1, 1), dtype)
    half = bright.copy()
    half[:, : d // 2] = 0
    means = []
    for pattern in (half, bright):
        many = np.repeat(pattern, 16, axis=0)
        means.append(_shown(device, many, m, exposure / 4).intensity().mean())
    _require(means[1] > (1 + _SPREAD) * means[0], "answer more light with more counts", means)
    dark = _shown(device, np.zeros_like(bright), m, exposure / 4).intensity()
    _require(
        abs(float(dark.mean())) < 0.25 * means[0], "be dark behind a dark display", dark.mean()
    )


def _refusals(device: Device, patterns: Array, m: int) -> None:
    can = device.capabilities
    wrong: list[tuple[str, Array, int]] = [
        ("patterns of one dimension", patterns[0], m),
        ("more pixels than its camera has", patterns, can.max_outputs + 1),
    ]
    if can.levels and can.levels < 256:
        wrong.append(("levels that it has not", np.full_like(patterns, can.levels), m))
    if can.max_inputs < 1 << 24:
        large = np.zeros((1, can.max_inputs + 1), patterns.dtype)
        wrong.append(("more pixels than its display has", large, m))
    for what, shown, outputs in wrong:
        n = len(shown)
        try:
            device.project_intensity(shown, outputs, exposure=np.ones(n), first=np.arange(n))
        except DataError:
            continue
        raise AssertionError(f"a device must refuse {what} with a DataError")


def _same_again(device: Device, patterns: Array, m: int, exposure: float) -> None:
    once = _shown(device, patterns, m, exposure, first=5)
    again = _shown(device, patterns, m, exposure, first=5)
    told = difference(again.counts, once.counts, "counts")
    _require(not told, "give the same frames again, as it says", told)
    alone = _shown(device, patterns[3:4], m, exposure, first=8)
    told = difference(alone.counts[0], once.counts[3], "counts")
    _require(not told, "give a frame that depends on nothing shown beside it", told)


def _fields(device: Device, patterns: Array, m: int, exposure: float) -> None:
    project = getattr(device, "project_field", None)
    if project is None:
        raise AssertionError("a linear device must have project_field")
    field = project(patterns, m)
    frames = _shown(device, patterns, m, exposure)
    seen, light = frames.intensity(), np.abs(field) ** 2
    open_ = light * exposure < 0.98 if device.capabilities.bits else np.full(light.shape, True)
    step = 4.0 / (frames.full_scale * exposure) if device.capabilities.bits else 0.0
    off = float(np.abs(seen - light)[open_].mean())
    step += _NOISE * float(light.mean())
    _require(off < step, "have fields whose squares are its intensities", off)


def _require(promise: bool, what: str, got: object) -> None:
    if not promise:
        raise AssertionError(f"a device must {what}, got {got!r}")
