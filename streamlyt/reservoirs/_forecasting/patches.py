"""Where the channels of a field go: patches with a halo, one reservoir each."""

import math

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError

__all__ = ["Patches", "reach_of"]


class Patches:
    """The windows of a row: all channels at once, or patches of a field with what lies beside.

    Parameters
    ----------
    width
        Channels d.
    patch
        Channels of a patch, a divisor of d; None for one window of all.
    reach
        Channels of the halo on each side.
    ring
        Whether the last channel lies beside the first; if not, zeros lie beyond the ends.
    """

    def __init__(self, width: int, patch: int | None, reach: int, ring: bool) -> None:
        self.size = width if patch is None else patch
        if width % self.size:
            near = [n for n in range(1, width + 1) if width % n == 0]
            raise DataError(
                f"patch must divide the number of channels ({width}), got {patch}; "
                f"take one of {near!r}"
            )
        self.lanes = width // self.size
        self.whole = patch is None
        self._ring = ring
        around = 0 if patch is None else reach
        if ring:  # no channel stands in a window twice
            around = min(around, (width - self.size) // 2)
        starts = self.size * np.arange(self.lanes)[:, None] - around
        places = starts + np.arange(self.size + 2 * around)
        if ring:
            self._places = places % width
        else:  # a column of zeros stands at the end
            self._places = np.where((places < 0) | (places >= width), width, places)
        self.width = places.shape[1]

    def windows(self, rows: Floats) -> Floats:
        """Return the windows (n, lanes, w) of rows (n, d)."""
        if self.whole:
            return rows[:, None, :]
        if not self._ring:
            rows = np.hstack([rows, np.zeros((len(rows), 1))])
        cut: Array = rows[:, self._places]
        return cut

    def own(self, rows: Floats) -> Floats:
        """Return the channels of the patches themselves, (n * lanes, patch)."""
        return rows.reshape(-1, self.size)


def reach_of(halo: float, spacing: float) -> int:
    """Return the channels that a halo spans."""
    return math.ceil(halo / spacing - 1e-9)
