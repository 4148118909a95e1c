"""Patches of a field with a halo, one reservoir each."""

import math

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError

__all__ = ["Patches", "halo_channels"]


class Patches:
    """Windows of a row: all channels at once, or patches of a field with their halos.

    Parameters
    ----------
    width
        Number of channels d.
    patch
        Channels of a patch, a divisor of d; None for one window over all.
    reach
        Channels of the halo on each side.
    ring
        Whether the last channel is next to the first; otherwise zeros extend the field.
    """

    def __init__(self, width: int, patch: int | None, reach: int, ring: bool) -> None:
        self.size = width if patch is None else patch
        if width % self.size:
            near = [n for n in range(1, width + 1) if width % n == 0]
            raise DataError(
                f"patch_size must divide the number of channels ({width}), got {patch}; "
                f"use one of {near!r}"
            )
        self.lanes = width // self.size
        self.is_single = patch is None
        self._ring = ring
        around = 0 if patch is None else reach
        if ring:  # a window must not contain a channel twice
            around = min(around, (width - self.size) // 2)
        starts = self.size * np.arange(self.lanes)[:, None] - around
        columns = starts + np.arange(self.size + 2 * around)
        if ring:
            self._columns = columns % width
        else:  # index of an appended column of zeros
            self._columns = np.where((columns < 0) | (columns >= width), width, columns)
        self.width = columns.shape[1]

    def windows(self, rows: Floats) -> Floats:
        """Return the windows (n, lanes, w) of rows (n, d)."""
        if self.is_single:
            return rows[:, None, :]
        if not self._ring:
            rows = np.hstack([rows, np.zeros((len(rows), 1))])
        cut: Array = rows[:, self._columns]
        return cut

    def own(self, rows: Floats) -> Floats:
        """Return the channels of the patches without halos, (n * lanes, patch)."""
        return rows.reshape(-1, self.size)


def halo_channels(halo: float, spacing: float) -> int:
    """Return the number of channels in a halo."""
    return math.ceil(halo / spacing - 1e-9)
