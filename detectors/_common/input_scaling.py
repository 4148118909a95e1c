"""Center, scale and kernel width, learned from the first rows and then fixed."""

from collections.abc import MutableMapping

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.numerics.robust_scale import robust_scale
from streamlyt.detectors._kernels.newma import scaled_rows

__all__ = ["HEAD", "RADIUS", "apply_scaling", "collect_warmup", "learn_scale"]

HEAD = 100  # rows; the published recipe takes the kernel width from this many
RADIUS = 100.0  # kernel widths; in single precision the phase of a row farther away has no digits
LARGEST = 1e100  # largest scaled entry; its square is finite


def collect_warmup(values: Floats, state: MutableMapping[str, Array]) -> int:
    """Move rows (n, d) into ``state["head"]`` until it has ``HEAD``; return the number moved."""
    buffered = state.get("head", np.empty((0, values.shape[1])))
    consumed = int(min(HEAD - buffered.shape[0], values.shape[0]))
    state["head"] = np.concatenate([buffered, values[:consumed]])
    return consumed


def learn_scale(head: Floats) -> tuple[Floats, Floats]:
    r"""Return center (d,) and factor (d,): rows enter the feature map as (x - center) * factor.

    Each channel is centered and divided by its spread, both from :func:`robust_scale`; a constant
    channel is only centered. All are then divided by the kernel width :math:`\sigma`, where
    :math:`\sigma^2` is the median of the squared distances between the rows so scaled.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(5.0, 2.0, size=(100, 1))
    >>> center, factor = learn_scale(rows)
    >>> center.round(1), factor.round(1)
    (array([5.1]), array([0.5]))
    """
    middle, spread = robust_scale(head)
    constant = spread == 0
    unit = np.where(constant, 1.0, spread)
    with np.errstate(over="ignore"):  # an overflow is clipped to LARGEST
        rows = np.clip((head - middle) / unit, -LARGEST, LARGEST)
    rows[:, constant] = 0.0
    squares = _squared_distances(rows)
    width = float(np.median(squares)) or float(squares.mean()) or 1.0
    return middle, 1.0 / (unit * np.sqrt(width))


def apply_scaling(values: Floats, center: Floats, factor: Floats) -> Floats:
    """Return the scaled rows; a row beyond ``RADIUS`` is pulled in to that distance."""
    out = np.empty(values.shape)
    scaled_rows(values, center, factor, LARGEST, RADIUS, out)
    return out


def _squared_distances(rows: Floats) -> Floats:
    parts = [((rows[i + 1 :] - rows[i]) ** 2).sum(axis=1) for i in range(len(rows) - 1)]
    return np.concatenate(parts)
