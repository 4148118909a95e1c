"""Contract checks for devices, also for your own."""

import numpy as np

from streamlyt.core import Array
from streamlyt.core.errors import DataError
from streamlyt.core.numerics.array_difference import difference

from .protocol import CameraFrames, Device, DeviceCapabilities

__all__ = ["check_device"]

_PIXELS = 48  # pixels of patterns and frames, if the device has that many
_NOISE = 0.1  # allowed camera error, of the mean intensity
_SPREAD = 0.25  # tolerance of the mean of 48 exponential intensities: 1.7 standard deviations


def check_device(device: Device, *, exposure: float | None = None) -> None:
    """Check that a device satisfies the :class:`Device` contract.

    The device must return the documented shapes and types, keep counts in range, not modify
    patterns, open and close at any time, reject invalid patterns, and return more counts for more
    light. If ``deterministic``, equal frames must be reproducible, whatever other patterns are in
    the call. If ``linear``, the squared fields must equal the intensities.

    Parameters
    ----------
    device
        Device to open, show some hundred patterns, and close.
    exposure
        Exposure suited to a half lit pattern of 48 pixels; None: search for one.

    Raises
    ------
    AssertionError
        For the first violation; the message describes it.

    Examples
    --------
    >>> from streamlyt.devices import SimulatedDevice
    >>> check_device(SimulatedDevice(levels=2))
    """
    if not isinstance(device, Device):
        raise AssertionError(
            f"device must have capabilities, open, close and project_intensity, got {device!r}"
        )
    can = device.capabilities
    _capabilities(can)
    device.open()
    device.open()
    try:
        patterns = _patterns(can)
        m = min(_PIXELS, can.max_outputs)
        tested = exposure if exposure is not None else _find_exposure(device, patterns, m)
        _frames(device, patterns, m, tested)
        _more_light(device, m, tested)
        _rejections(device, patterns, m)
        if can.deterministic:
            _reproducible(device, patterns, m, tested)
        if can.linear:
            _fields(device, patterns, m, tested)
        device.close()
        device.close()
        device.open()
        _shown(device, patterns, m, tested)
    finally:
        device.close()


def _capabilities(can: DeviceCapabilities) -> None:
    _require(can.max_inputs >= 1 and can.max_outputs >= 1, "have at least one pixel", can)
    _require(can.modulation in ("binary", "amplitude", "phase"), "have a known modulation", can)
    _require(can.levels == 0 or 2 <= can.levels <= 1 << 16, "have 0 or 2 to 65536 levels", can)
    _require(can.modulation != "binary" or can.levels == 2, "have 2 levels if binary", can)
    _require(0 <= can.bits <= 16, "have a camera of 0 to 16 bits", can)
    _require(can.frame_rate_hz > 0, "have a positive frame rate", can)


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


def _find_exposure(device: Device, patterns: Array, m: int) -> float:
    for power in range(12, -13, -1):
        frames = _shown(device, patterns, m, 2.0**power)
        if device.capabilities.bits == 0:
            return 1.0
        if np.quantile(frames.counts, 0.9) < 0.7 * frames.full_scale:
            return 2.0**power
    raise AssertionError("device must have an exposure from 2**-12 to 2**12 without saturation")


def _frames(device: Device, patterns: Array, m: int, exposure: float) -> None:
    bits = device.capabilities.bits
    before = patterns.copy()
    patterns.flags.writeable = False
    frames = _shown(device, patterns, m, exposure)
    patterns.flags.writeable = True
    found = difference(patterns, before, "patterns")
    _require(not found, "not modify its patterns", found)
    _require(
        frames.counts.shape == (len(patterns), m),
        "return counts of shape (n, m)",
        frames.counts.shape,
    )
    kinds = ("f",) if bits == 0 else ("u",)
    _require(frames.counts.dtype.kind in kinds, "return counts of its type", frames.counts.dtype)
    if bits:
        _require(
            int(frames.counts.max()) < 1 << bits, "keep counts within its bits", frames.counts.max()
        )
        _require(
            frames.full_scale == (1 << bits) - 1, "report its highest count", frames.full_scale
        )
    light = frames.intensity()
    _require(bool(np.isfinite(light).all()), "return finite intensities", light)
    _require(
        bool(np.ptp(frames.counts, axis=1).min() > 0),
        "scatter the light, so that pixels differ",
        light,
    )
    none = _shown(device, patterns[:0], m, exposure)
    _require(none.counts.shape == (0, m), "accept zero patterns", none.counts.shape)


def _more_light(device: Device, m: int, exposure: float) -> None:
    can = device.capabilities
    if can.modulation == "phase":
        return  # all pixels of a phase modulator are equally bright
    d = min(_PIXELS, can.max_inputs)
    dtype = np.float64 if can.levels == 0 else np.uint8 if can.levels <= 256 else np.uint16
    bright = np.full((1, d), max(can.levels - 1, 1), dtype)
    half = bright.copy()
    half[:, : d // 2] = 0
    means = []
    for pattern in (half, bright):
        many = np.repeat(pattern, 16, axis=0)
        means.append(_shown(device, many, m, exposure / 4).intensity().mean())
    _require(means[1] > (1 + _SPREAD) * means[0], "return more counts for more light", means)
    dark = _shown(device, np.zeros_like(bright), m, exposure / 4).intensity()
    _require(abs(float(dark.mean())) < 0.25 * means[0], "be dark for a dark display", dark.mean())


def _rejections(device: Device, patterns: Array, m: int) -> None:
    can = device.capabilities
    invalid: list[tuple[str, Array, int]] = [
        ("patterns of one dimension", patterns[0], m),
        ("more pixels than its camera has", patterns, can.max_outputs + 1),
    ]
    if can.levels and can.levels < 256:
        invalid.append(("levels that it does not have", np.full_like(patterns, can.levels), m))
    if can.max_inputs < 1 << 24:
        large = np.zeros((1, can.max_inputs + 1), patterns.dtype)
        invalid.append(("more pixels than its display has", large, m))
    for what, rejected, outputs in invalid:
        n = len(rejected)
        try:
            device.project_intensity(rejected, outputs, exposure=np.ones(n), first=np.arange(n))
        except DataError:
            continue
        raise AssertionError(f"device must reject {what} with a DataError")


def _reproducible(device: Device, patterns: Array, m: int, exposure: float) -> None:
    once = _shown(device, patterns, m, exposure, first=5)
    again = _shown(device, patterns, m, exposure, first=5)
    found = difference(again.counts, once.counts, "counts")
    _require(not found, "reproduce its frames, since it is deterministic", found)
    alone = _shown(device, patterns[3:4], m, exposure, first=8)
    found = difference(alone.counts[0], once.counts[3], "counts")
    _require(not found, "return frames independent of other patterns in a call", found)


def _fields(device: Device, patterns: Array, m: int, exposure: float) -> None:
    project = getattr(device, "project_field", None)
    if project is None:
        raise AssertionError("device must have project_field, since it is linear")
    field = project(patterns, m)
    frames = _shown(device, patterns, m, exposure)
    measured, light = frames.intensity(), np.abs(field) ** 2
    unsaturated = (
        light * exposure < 0.98 if device.capabilities.bits else np.full(light.shape, True)
    )
    step = 4.0 / (frames.full_scale * exposure) if device.capabilities.bits else 0.0
    error = float(np.abs(measured - light)[unsaturated].mean())
    step += _NOISE * float(light.mean())
    _require(error < step, "have fields whose squares equal its intensities", error)


def _require(condition: bool, what: str, got: object) -> None:
    if not condition:
        raise AssertionError(f"device must {what}, got {got!r}")
