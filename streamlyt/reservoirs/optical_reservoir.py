"""The optical reservoir: from a display through a medium that scatters to a camera, and back."""

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.core.numerics.counter_rng import bits
from streamlyt.core.validation import check_choice, check_integer, check_number
from streamlyt.devices import Device, DisplayEncoder, SimulatedDevice, get_device, settle_rows

from ._base.display_layout import Display
from ._base.reservoir import Reservoir

__all__ = ["OpticalReservoir"]

_ROUNDING = 30  # stream of the seed: by how much each pixel of the display is rounded
_LANE = 40  # bits of the number of a frame that count within a lane
_SETTLE = 100  # frames over which an automatic exposure finds its place; then it stays
_FULL = 0.01  # share of the pixels that a good exposure fills
_PACE = 0.9  # from frame to frame, where too many pixels are full


class OpticalReservoir(Reservoir):
    r"""A reservoir whose nodes are pixels of a camera behind a medium that scatters light.

    .. math::

        x_t = (1 - l)\, x_{t-1} + l\, \min\Big(\Big|\frac{\rho}{\sqrt N} W e(x_{t-1}) +
              \frac{s}{\sqrt d} V e(u_t) + b\, \beta\Big|^2, S\Big)

    with complex normal W, V and :math:`\beta` of variance one, leak rate l (the share *replaced*;
    the literature of optical reservoirs gives the share kept), saturation S and the encoding e
    [1]_. State, inputs and a constant share one pattern on the display of a device; the camera
    reads the next state. With the encoding ``"amplitude"``, e(x) is x, from 0 to S, and e(u) is u
    plus ``input_range``, for a display has no negative light. Otherwise a number has ``pixels``
    pixels of a phase, or lit or dark, and N and d above count pixels; binary encodings see x as
    1 - exp(-x / mean), which is spread evenly for such light.

    Where a display cannot weaken the parts of a pattern as the scales ask, having few levels or
    none between, the stronger parts are shown on several pixels each: scales of a phase or binary
    display are met up to the rounding of these numbers.

    The weights follow from the device; what is saved are the states, the exposures and the numbers
    of frames taken.

    Parameters
    ----------
    n_components
        Number of nodes N, pixels of the camera. Beside one to four channels, 4090 nodes and their
        constant just fill a structured medium.
    device
        A :class:`streamlyt.devices.Device`; None for a simulated one, a camera of 8 bits behind a
        structured medium and a display of the modulation that the encoding needs. Or the name of
        one that :func:`streamlyt.devices.get_device` finds.
    encoding, pixels
        Of states and inputs: see :class:`streamlyt.devices.DisplayEncoder`.
    spectral_radius, input_scale, bias_scale
        :math:`\rho`, s and b.
    input_range
        Largest input that can be told, in units of the inputs; what is beyond is cut off.
    saturation
        S, in units of the intensity: what fills a pixel of the camera at the exposure of rest.
    leak_rate
        Share of the state that is replaced in a step, in (0, 1].
    average
        Frames of the same pattern whose mean is the state: noise, and with dithering the rounding,
        fall with them.
    exposure
        ``"fixed"``: an intensity of S fills a pixel; ``"auto"``: over the first 100 frames it comes
        to where one per cent of the pixels are full, and stays.
    dither
        Whether the display rounds each of the averaged frames at another place, so that their mean
        shows levels in between. (The camera's part of it is a parameter of the camera.)
    seed
        Of the simulated device and the dithering.

    Raises
    ------
    ParameterError
        If a parameter is out of its range, or the device cannot show such patterns.

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
        average: int = 1,
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
        self.average = average
        self.exposure = exposure
        self.dither = dither
        self.seed = seed
        for name in ("n_components", "average"):
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
        self._device = _found(device, self._encoder.modulation, seed)
        self._can = self._device.capabilities
        _check_display(self._encoder.modulation, self._can.modulation, self._can.levels)
        if n_components > self._can.max_outputs:
            raise ParameterError(
                f"n_components must be at most {self._can.max_outputs}, the pixels of the camera, "
                f"got {n_components!r}"
            )
        # Sums of counts are whole numbers that single precision holds; intensities are not.
        whole = self._can.bits > 0 and average << self._can.bits <= 1 << 24
        self._dtype = np.dtype(np.float32 if whole else np.float64)
        self._display: Display | None = None
        self._open = False

    def n_outputs(self, width: int) -> int:
        """Return the number of nodes, whatever the width."""
        return self.n_components

    def start(self, lanes: int, width: int) -> dict[str, Array]:
        """Return dark states, at the exposure of rest."""
        return {
            "nodes": np.zeros((lanes, self.n_components), self._dtype),
            "exposure": np.ones(lanes),
            "frames": np.arange(lanes, dtype=np.int64) << _LANE,
        }

    def run(self, inputs: Floats, memory: dict[str, Array]) -> Array:
        """Drive the nodes; see :class:`Reservoir`."""
        n, lanes, width = inputs.shape
        if self._display is None or self._display.width != width:
            self._display = self._arranged(width)
        if not self._open:
            self._device.open()
            self._open = True
        out = np.empty((n, lanes, self.n_components), self._dtype)
        nodes, taken = memory["nodes"], memory["frames"]
        for row in range(n):
            self._step(self._display, nodes, inputs[row], memory, out[row])
            taken += self.average
        return out

    def _step(
        self,
        display: Display,
        nodes: Array,
        inputs: Floats,
        memory: dict[str, Array],
        out: Array,
    ) -> None:
        """Show a pattern of states and inputs, and take the mean frame for the next states."""
        exposure = memory["exposure"] * (display.unit / self.saturation)
        patterns = display.patterns(nodes, inputs)
        total = np.zeros_like(nodes) if self.average > 1 else np.empty((0, 0), self._dtype)
        for frame in range(self.average):
            if display.dithers:
                patterns = display.patterns(nodes, inputs, frame / self.average)
            frames = self._device.project_intensity(
                patterns, self.n_components, exposure=exposure, first=memory["frames"] + frame
            )
            if frames.counts.shape != nodes.shape:  # compiled loops would read beyond them
                raise DataError(
                    f"frames of the device must have shape {nodes.shape!r}, got "
                    f"{frames.counts.shape!r}; hold it to streamlyt.devices.check_device"
                )
            if frame < self.average - 1:
                frames.add_to(total)
        if self.exposure == "auto" and self._can.bits:
            self._expose(
                frames.counts >= frames.full_scale, frames.intensity() * display.unit, memory
            )
        scale, most, leak = display.unit / self.average, self.saturation, self.leak_rate
        seen = frames.counts, frames.black_level, frames.light
        settle_rows(nodes, total, *seen, scale, most, leak, out)

    def _expose(self, full: Array, light: Floats, memory: dict[str, Array]) -> None:
        """Move the exposures of lanes that are not settled."""
        young = (memory["frames"] & ((1 << _LANE) - 1)) < _SETTLE * self.average
        crowded = full.mean(axis=1) > _FULL
        high = np.quantile(light, 1.0 - _FULL, axis=1)
        wanted = self.saturation / np.maximum(high, 1e-3 * self.saturation)
        moved = np.where(crowded, _PACE * memory["exposure"], wanted)
        memory["exposure"][young] = np.maximum(moved, 1.0)[young]

    def _arranged(self, width: int) -> Display:
        display = Display(
            self._encoder,
            self._can.levels,
            n_components=self.n_components,
            width=width,
            spectral_radius=self.spectral_radius,
            input_scale=self.input_scale,
            bias_scale=self.bias_scale,
            input_range=self.input_range,
            saturation=self.saturation,
        )
        if display.size > self._can.max_inputs:
            raise ParameterError(
                f"a pattern must fit on the display of {self._can.max_inputs} pixels, got "
                f"{display.size} for {self.n_components} nodes and {width} inputs; take fewer "
                "nodes, a smaller input_scale or a smaller bias_scale"
            )
        if self.dither:
            drawn = bits(self.seed, _ROUNDING, display.n_values) >> np.uint64(11)
            display.rounding = drawn.astype(np.float64) * 2.0**-53
        return display


def _found(device: Device | str | None, modulation: str, seed: int) -> Device:
    if device is None:
        return SimulatedDevice(
            modulation=modulation, levels=2 * (modulation == "binary"), seed=seed
        )
    if isinstance(device, str):
        return get_device(device)
    if not isinstance(device, Device):
        raise ParameterError(
            f"device must be a device, the name of one, or None, got {device!r}; take Simulated()"
        )
    return device


def _check_display(wanted: str, has: str, levels: int) -> None:
    if wanted != has and not (wanted == "binary" and has == "amplitude"):
        raise ParameterError(
            f"the encoding needs a display of {wanted} modulation, got one of {has} modulation "
            f"with {levels} levels; take another encoding or another device"
        )
