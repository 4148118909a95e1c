"""Layout of state, inputs and constant on the display of an optical reservoir."""

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.devices import DisplayEncoder

__all__ = ["Display"]

_MAX_COPIES = 1 << 20  # pixels per number; bounds the ratio of the scales


class Display:
    """Layout of the patterns for given numbers of nodes and inputs.

    Each part has a weight: the variance that one of its pixels at full scale adds to the field. A
    continuous amplitude display attenuates the parts of small weight; any other display repeats
    those of large weight on several pixels.

    Parameters
    ----------
    encoder, levels
        Encoder of the numbers; number of levels of the display.
    n_components, width
        Numbers of nodes and inputs.
    spectral_radius, input_scale, bias_scale, input_range, saturation
        Parameters of the reservoir.
    """

    def __init__(
        self,
        encoder: DisplayEncoder,
        levels: int,
        *,
        n_components: int,
        width: int,
        spectral_radius: float,
        input_scale: float,
        bias_scale: float,
        input_range: float,
        saturation: float,
    ) -> None:
        self.width = width
        self.n_values = n_components + width
        self.rounding: Floats | None = None
        self._encoder, self._levels = encoder, levels
        self._range, self._saturation = input_range, saturation
        continuous = encoder.encoding == "amplitude"
        p = encoder.pixels
        state = spectral_radius**2 / (n_components * p) * (saturation**2 if continuous else 1.0)
        inputs = input_scale**2 / (width * p) * (4.0 * input_range**2 if continuous else 1.0)
        weights = np.array([state, inputs, bias_scale**2])
        used = weights[weights > 0]
        self._copies = np.ones(3, np.int64)
        self._gains = np.ones(3)
        if continuous and levels == 0:
            self.unit = float(used.max()) if used.size else 1.0
            self._gains = np.sqrt(weights / self.unit)
        else:
            self.unit = float(used.min()) if used.size else 1.0
            near = np.minimum(weights / self.unit, _MAX_COPIES)
            copies = np.ceil(near * (1 - 1e-12)) if continuous else np.rint(near)
            self._copies = np.maximum(copies, weights > 0).astype(np.int64)
            if continuous:  # correct for the rounding of the counts
                exact = np.maximum(self._copies, 1) * self.unit
                self._gains = np.minimum(np.sqrt(weights / exact), 1.0)
        # Mean that binary encodings use, for uniformly distributed numbers.
        power = encoder.power
        self._mean = float((spectral_radius**2 + input_scale**2) * power + bias_scale**2) or 1.0
        self._even = encoder.modulation == "binary"
        counts = self._copies * np.array([n_components * p, width * p, 1])
        self.size = int(max(counts.sum(), 1))
        self._ends = np.cumsum(counts)
        self._buffer = np.empty((0, self.size))

    @property
    def dithers(self) -> bool:
        """Whether patterns are rounded with variable offsets."""
        return self.rounding is not None and self._levels > 2

    def patterns(self, nodes: Floats, inputs: Floats, turn: float = 0.0) -> Array:
        """Return the patterns (lanes, size) of states (lanes, N) and inputs (lanes, d).

        With dithering, ``turn`` in [0, 1) shifts the rounding offsets. The next call overwrites the
        array.
        """
        n = nodes.shape[1]
        rounding = np.array([0.5]) if self.rounding is None else (self.rounding + turn) % 1.0
        of_nodes, of_inputs = (
            (rounding, rounding) if rounding.size == 1 else (rounding[:n], rounding[n:])
        )
        steps = np.uint8 if self._levels <= 256 else np.uint16
        kind = np.dtype(steps) if self._levels else nodes.dtype
        # For a million pixels, allocating fresh pages costs more than writing them.
        if self._buffer.dtype != kind or len(self._buffer) != len(nodes):
            self._buffer = np.empty((len(nodes), self.size), kind)
        pattern = self._buffer
        self._fill(0, nodes, 1.0 / self._saturation, 0.0, of_nodes, pattern)
        scaled_inputs = np.ascontiguousarray(inputs, nodes.dtype)
        self._fill(1, scaled_inputs, 0.5 / self._range, 0.5, of_inputs, pattern)
        full = self._gains[2] if self._levels == 0 else round(self._gains[2] * (self._levels - 1))
        pattern[:, self._ends[1] :] = full
        return pattern

    def _fill(
        self,
        part_index: int,
        values: Array,
        factor: float,
        offset: float,
        rounding: Floats,
        pattern: Array,
    ) -> None:
        copies, gain = int(self._copies[part_index]), float(self._gains[part_index])
        start = self._ends[0] if part_index else 0
        part = pattern[:, start : self._ends[part_index]]
        if not copies:
            return
        once = part if copies == 1 else np.empty((len(part), part.shape[1] // copies), part.dtype)
        if self._even:
            level = (
                1.0 - np.exp(values / -self._mean) if part_index == 0 else values * factor + offset
            )
            once[:] = self._encoder(level, self._levels)
        else:
            scale, shift = factor * gain, offset * gain
            self._encoder.shade(values, scale, shift, gain, self._levels, rounding, once)
        if copies > 1:
            part[:] = np.tile(once, (1, copies))
