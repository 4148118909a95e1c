"""Centre, scale and kernel width, learnt from the first rows and then kept."""

from collections.abc import MutableMapping

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.numerics.robust_scale import robust_scale
from streamlyt.detectors._kernels.newma import scaled_rows

__all__ = ["HEAD", "RADIUS", "apply_scaling", "collect_warmup", "learn_scale"]

HEAD = 100  # rows; the published recipe takes the kernel width from this many
RADIUS = 100.0  # kernel widths; in single precision the phase of a row farther out has no digits
LARGEST = 1e100  # a scaled entry whose square is still a number


def collect_warmup(values: Floats, state: MutableMapping[str, Array]) -> int:
    """Move rows (n, d) into ``state["head"]`` until it holds ``HEAD``; return how many it took."""
    held = state.get("head", np.empty((0, values.shape[1])))
    taken = int(min(HEAD - held.shape[0], values.shape[0]))
    state["head"] = np.concatenate([held, values[:taken]])
    return taken


def learn_scale(head: Floats) -> tuple[Floats, Floats]:
    r"""Return centre (d,) and factor (d,): rows enter the feature map as (x - centre) * factor.

    Each channel is centred and divided by its spread as :func:`robust_scale` tells them; a channel
    that stands still is only centred. All are then divided by the kernel width :math:`\sigma`,
    where :math:`\sigma^2` is the median of the squared distances between the rows so scaled.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(5.0, 2.0, size=(100, 1))
    >>> centre, factor = learn_scale(rows)
    >>> centre.round(1), factor.round(1)
    (array([5.1]), array([0.5]))
    """
    middle, spread = robust_scale(head)
    still = spread == 0
    unit = np.where(still, 1.0, spread)
    with np.errstate(over="ignore"):  # an outlier is then the largest there is
        rows = np.clip((head - middle) / unit, -LARGEST, LARGEST)
    rows[:, still] = 0.0
    squares = _squared_distances(rows)
    width = float(np.median(squares)) or float(squares.mean()) or 1.0
    return middle, 1.0 / (unit * np.sqrt(width))


def apply_scaling(values: Floats, centre: Floats, factor: Floats) -> Floats:
    """Return rows as the feature map takes them; those farther out than ``RADIUS`` end there."""
    out = np.empty(values.shape)
    scaled_rows(values, centre, factor, LARGEST, RADIUS, out)
    return out


def _squared_distances(rows: Floats) -> Floats:
    parts = [((rows[i + 1 :] - rows[i]) ** 2).sum(axis=1) for i in range(len(rows) - 1)]
    return np.concatenate(parts)
