"""How the parts of an optical reservoir share a display: state, inputs, and a constant."""

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.devices import DisplayEncoder

__all__ = ["Display"]

_MOST_COPIES = 1 << 20  # pixels of one number: beyond, scales are too far apart for any display


class Display:
    """The arrangement of patterns for one number of nodes and one width.

    Each part has a weight: the variance that a full pixel of it adds to a field. A continuous
    display of amplitudes weakens the lighter parts; any other shows the heavier ones on several
    pixels.

    Parameters
    ----------
    encoder, levels
        Of the numbers; of the display.
    n_components, width
        Nodes and inputs.
    spectral_radius, input_scale, bias_scale, input_range, saturation
        Those of the reservoir.
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
        shares = encoder.encoding == "amplitude"
        p = encoder.pixels
        state = spectral_radius**2 / (n_components * p) * (saturation**2 if shares else 1.0)
        inputs = input_scale**2 / (width * p) * (4.0 * input_range**2 if shares else 1.0)
        weights = np.array([state, inputs, bias_scale**2])
        used = weights[weights > 0]
        self._copies = np.ones(3, np.int64)
        self._gains = np.ones(3)
        if shares and levels == 0:
            self.unit = float(used.max()) if used.size else 1.0
            self._gains = np.sqrt(weights / self.unit)
        else:
            self.unit = float(used.min()) if used.size else 1.0
            near = np.minimum(weights / self.unit, _MOST_COPIES)
            copies = np.ceil(near * (1 - 1e-12)) if shares else np.rint(near)
            self._copies = np.maximum(copies, weights > 0).astype(np.int64)
            if shares:  # what the whole number of pixels is too bright
                exact = np.maximum(self._copies, 1) * self.unit
                self._gains = np.minimum(np.sqrt(weights / exact), 1.0)
        # Of numbers spread evenly, a mean that binary encodings of the state are made for.
        power = encoder.power
        self._mean = float((spectral_radius**2 + input_scale**2) * power + bias_scale**2) or 1.0
        self._even = encoder.modulation == "binary"
        counts = self._copies * np.array([n_components * p, width * p, 1])
        self.size = int(max(counts.sum(), 1))
        self._ends = np.cumsum(counts)
        self._room = np.empty((0, self.size))

    @property
    def dithers(self) -> bool:
        """Whether patterns are rounded, at places that can be moved."""
        return self.rounding is not None and self._levels > 2

    def patterns(self, nodes: Floats, inputs: Floats, turn: float = 0.0) -> Array:
        """Return the patterns (lanes, size) of states (lanes, N) and inputs (lanes, d).

        With dithering, a turn in [0, 1) moves the place where each value is rounded. The array is
        written anew by the next call.
        """
        n = nodes.shape[1]
        rounding = np.array([0.5]) if self.rounding is None else (self.rounding + turn) % 1.0
        mine, theirs = (rounding, rounding) if rounding.size == 1 else (rounding[:n], rounding[n:])
        steps = np.uint8 if self._levels <= 256 else np.uint16
        kind = np.dtype(steps) if self._levels else nodes.dtype
        # Of a million pixels, fresh pages cost more than what is written to them.
        if self._room.dtype != kind or len(self._room) != len(nodes):
            self._room = np.empty((len(nodes), self.size), kind)
        whole = self._room
        self._fill(0, nodes, 1.0 / self._saturation, 0.0, mine, whole)
        told = np.ascontiguousarray(inputs, nodes.dtype)
        self._fill(1, told, 0.5 / self._range, 0.5, theirs, whole)
        full = self._gains[2] if self._levels == 0 else round(self._gains[2] * (self._levels - 1))
        whole[:, self._ends[1] :] = full
        return whole

    def _fill(
        self,
        which: int,
        values: Array,
        factor: float,
        offset: float,
        rounding: Floats,
        whole: Array,
    ) -> None:
        copies, gain = int(self._copies[which]), float(self._gains[which])
        start = self._ends[0] if which else 0
        part = whole[:, start : self._ends[which]]
        if not copies:
            return
        once = part if copies == 1 else np.empty((len(part), part.shape[1] // copies), part.dtype)
        if self._even:
            share = 1.0 - np.exp(values / -self._mean) if which == 0 else values * factor + offset
            once[:] = self._encoder(share, self._levels)
        else:
            scale, shift = factor * gain, offset * gain
            self._encoder.shade(values, scale, shift, gain, self._levels, rounding, once)
        if copies > 1:
            part[:] = np.tile(once, (1, copies))
