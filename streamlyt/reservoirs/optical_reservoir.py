"""Optical reservoir: a loop of display, scattering medium and camera."""

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.core.numerics.counter_rng import bits
from streamlyt.core.validation import check_choice, check_integer, check_number
from streamlyt.devices import Device, DisplayEncoder, SimulatedDevice, get_device, settle_rows

from ._base.display_layout import Display
from ._base.reservoir import Reservoir

__all__ = ["OpticalReservoir"]

_ROUNDING = 30  # random stream of the rounding offsets of the display
_LANE = 40  # bits of the frame number within a lane
_SETTLE = 100  # frames in which an automatic exposure is adjusted; then it is fixed
_SATURATED = 0.01  # target fraction of saturated pixels
_PACE = 0.9  # factor per frame while too many pixels are saturated


class OpticalReservoir(Reservoir):
    r"""Reservoir whose nodes are camera pixels behind a scattering medium.

    .. math::

        x_t = (1 - l)\, x_{t-1} + l\, \min\Big(\Big|\frac{\rho}{\sqrt N} W e(x_{t-1}) +
              \frac{s}{\sqrt d} V e(u_t) + b\, \beta\Big|^2, S\Big)

    with complex normal W, V and :math:`\beta` of variance one, leak rate l (the fraction
    *replaced*; the optical literature states the retained fraction), saturation S and encoding e
    [1]_. State, inputs and a constant share one pattern on the display of a device; the camera
    reads the next state. With the encoding ``"amplitude"``, e(x) is x, from 0 to S, and e(u) is u
    plus ``input_range``, because a display has no negative light. Otherwise each number has
    ``pixels`` pixels with a phase or a binary value, and N and d above count pixels. Binary
    encodings encode 1 - exp(-x / mean), which is uniformly distributed for such light.

    A display with few levels cannot attenuate the parts of a pattern as the scales require. Then
    the stronger parts get several pixels each: a phase or binary display realizes the scales up to
    the rounding of these counts.

    The weights follow from the device. The state has the nodes, the exposures and the frame
    numbers.

    Parameters
    ----------
    n_components
        Number of nodes N, pixels of the camera. With one to four channels, 4090 nodes and their
        constant fill a structured medium exactly.
    device
        A :class:`streamlyt.devices.Device`, or a name for
        :func:`streamlyt.devices.get_device`. None: a simulated device with an 8-bit camera, a
        structured medium and a display with the modulation that the encoding requires.
    encoding, pixels
        Encoding of states and inputs: see :class:`streamlyt.devices.DisplayEncoder`.
    spectral_radius, input_scale, bias_scale
        :math:`\rho`, s and b.
    input_range
        Largest representable input, in units of the inputs; larger values are clipped.
    saturation
        S, the intensity that saturates a camera pixel at the initial exposure.
    leak_rate
        Fraction of the state that is replaced in a step, in (0, 1].
    n_average
        Number of frames of the same pattern whose mean is the state; it reduces noise and, with
        dithering, rounding errors.
    exposure
        ``"fixed"``: an intensity of S saturates a pixel; ``"auto"``: adjusted over the first 100
        frames until one percent of the pixels are saturated, then fixed.
    dither
        Whether the rounding offset of the display differs between the averaged frames, so their
        mean resolves intermediate levels. (The dithering of the camera is its own parameter.)
    seed
        Seed of the simulated device and the dithering.

    Raises
    ------
    ParameterError
        If a parameter is out of its range, or the device cannot display the patterns.

    References
    ----------
    .. [1] M. Rafayelyan, J. Dong, Y. Tan, F. Krzakala, S. Gigan, "Large-scale optical reservoir
       computing for spatiotemporal chaotic systems prediction", Physical Review X 10, 2020
       (arXiv 2001.09131).

    Examples
    --------
    >>> import numpy as np
    >>> from streamlyt.core import Batch, Schema
    >>> batch = Batch("", np.arange(50), np.sin(np.arange(50.0))[:, None], Schema.of("x"))
    >>> OpticalReservoir(100).update(batch)[0].values.shape
    (50, 100)
    """

    def __init__(
        self,
        n_components: int = 4090,
        device: Device | str | None = None,
        *,
        encoding: str = "amplitude",
        pixels: int = 1,
        spectral_radius: float = 0.6,
        input_scale: float = 0.3,
        bias_scale: float = 1.4,
        input_range: float = 4.0,
        saturation: float = 2.5,
        leak_rate: float = 1.0,
        n_average: int = 1,
        exposure: str = "fixed",
        dither: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.n_components = n_components
        self.device = device
        self.encoding = encoding
        self.pixels = pixels
        self.spectral_radius = spectral_radius
        self.input_scale = input_scale
        self.bias_scale = bias_scale
        self.input_range = input_range
        self.saturation = saturation
        self.leak_rate = leak_rate
        self.n_average = n_average
        self.exposure = exposure
        self.dither = dither
        self.seed = seed
        for name in ("n_components", "n_average"):
            check_integer(name, getattr(self, name), 1)
        check_integer("seed", seed, 0)
        for name in ("spectral_radius", "input_scale", "bias_scale"):
            check_number(name, getattr(self, name), positive=False)
        for name in ("input_range", "saturation"):
            check_number(name, getattr(self, name), positive=True)
        if not 0 < leak_rate <= 1:
            raise ParameterError(f"leak_rate must be in (0, 1], got {leak_rate!r}")
        check_choice("exposure", exposure, ("fixed", "auto"))
        self._encoder = DisplayEncoder(encoding, pixels)
        self._device = _resolve_device(device, self._encoder.modulation, seed)
        self._capabilities = self._device.capabilities
        _check_display(
            self._encoder.modulation, self._capabilities.modulation, self._capabilities.levels
        )
        if n_components > self._capabilities.max_outputs:
            raise ParameterError(
                f"n_components must be at most {self._capabilities.max_outputs}, the pixels of the "
                f"camera, got {n_components!r}"
            )
        # Sums of counts are integers that single precision represents exactly; intensities are not.
        exact = self._capabilities.bits > 0 and n_average << self._capabilities.bits <= 1 << 24
        self._dtype = np.dtype(np.float32 if exact else np.float64)
        self._display: Display | None = None
        self._open = False

    def n_outputs(self, width: int) -> int:
        """Return the number of nodes."""
        return self.n_components

    def start(self, lanes: int, width: int) -> dict[str, Array]:
        """Return zero states and the initial exposure."""
        return {
            "nodes": np.zeros((lanes, self.n_components), self._dtype),
            "exposure": np.ones(lanes),
            "frames": np.arange(lanes, dtype=np.int64) << _LANE,
        }

    def run(self, inputs: Floats, memory: dict[str, Array]) -> Array:
        """Drive the nodes; see :class:`Reservoir`."""
        n, lanes, width = inputs.shape
        if self._display is None or self._display.width != width:
            self._display = self._make_display(width)
        if not self._open:
            self._device.open()
            self._open = True
        out = np.empty((n, lanes, self.n_components), self._dtype)
        nodes, taken = memory["nodes"], memory["frames"]
        for row in range(n):
            self._step(self._display, nodes, inputs[row], memory, out[row])
            taken += self.n_average
        return out

    def _step(
        self,
        display: Display,
        nodes: Array,
        inputs: Floats,
        memory: dict[str, Array],
        out: Array,
    ) -> None:
        """Display a pattern of states and inputs; the mean frame gives the next states."""
        exposure = memory["exposure"] * (display.unit / self.saturation)
        patterns = display.patterns(nodes, inputs)
        total = np.zeros_like(nodes) if self.n_average > 1 else np.empty((0, 0), self._dtype)
        for frame in range(self.n_average):
            if display.dithers:
                patterns = display.patterns(nodes, inputs, frame / self.n_average)
            frames = self._device.project_intensity(
                patterns, self.n_components, exposure=exposure, first=memory["frames"] + frame
            )
            if frames.counts.shape != nodes.shape:  # compiled loops would read out of bounds
                raise DataError(
                    f"frames of the device must have shape {nodes.shape!r}, got "
                    f"{frames.counts.shape!r}; test it with streamlyt.devices.check_device"
                )
            if frame < self.n_average - 1:
                frames.add_to(total)
        if self.exposure == "auto" and self._capabilities.bits:
            self._expose(
                frames.counts >= frames.full_scale, frames.intensity() * display.unit, memory
            )
        scale, top, leak = display.unit / self.n_average, self.saturation, self.leak_rate
        frame_data = frames.counts, frames.black_level, frames.light
        settle_rows(nodes, total, *frame_data, scale, top, leak, out)

    def _expose(self, full: Array, light: Floats, memory: dict[str, Array]) -> None:
        """Adjust the exposures of lanes that are still in their first frames."""
        adjusting = (memory["frames"] & ((1 << _LANE) - 1)) < _SETTLE * self.n_average
        saturated = full.mean(axis=1) > _SATURATED
        high = np.quantile(light, 1.0 - _SATURATED, axis=1)
        target = self.saturation / np.maximum(high, 1e-3 * self.saturation)
        moved = np.where(saturated, _PACE * memory["exposure"], target)
        memory["exposure"][adjusting] = np.maximum(moved, 1.0)[adjusting]

    def _make_display(self, width: int) -> Display:
        display = Display(
            self._encoder,
            self._capabilities.levels,
            n_components=self.n_components,
            width=width,
            spectral_radius=self.spectral_radius,
            input_scale=self.input_scale,
            bias_scale=self.bias_scale,
            input_range=self.input_range,
            saturation=self.saturation,
        )
        if display.size > self._capabilities.max_inputs:
            raise ParameterError(
                f"a pattern must fit on the display of {self._capabilities.max_inputs} pixels, got "
                f"{display.size} for {self.n_components} nodes and {width} inputs; use fewer "
                "nodes, a smaller input_scale or a smaller bias_scale"
            )
        if self.dither:
            drawn = bits(self.seed, _ROUNDING, display.n_values) >> np.uint64(11)
            display.rounding = drawn.astype(np.float64) * 2.0**-53
        return display


def _resolve_device(device: Device | str | None, modulation: str, seed: int) -> Device:
    if device is None:
        return SimulatedDevice(
            modulation=modulation, levels=2 * (modulation == "binary"), seed=seed
        )
    if isinstance(device, str):
        return get_device(device)
    if not isinstance(device, Device):
        raise ParameterError(
            f"device must be a device, a name or None, got {device!r}; use SimulatedDevice()"
        )
    return device


def _check_display(required: str, available: str, levels: int) -> None:
    if required != available and not (required == "binary" and available == "amplitude"):
        raise ParameterError(
            f"encoding must fit the display ({required} modulation), got a display of {available} "
            f"modulation with {levels} levels; use another encoding or device"
        )
