"""Compiled loops of the simulated device: fields behind a medium, and counts.

Each row is processed alone in a fixed order, so results do not depend on the batch size. The
transforms are those of the feature maps: clear the numba cache after a change there.
"""

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.hadamard import hadamard_transform
from streamlyt.core.numerics.jit import jit

__all__ = [
    "add_rows",
    "count_rows",
    "dense_fields",
    "intensities",
    "settle_rows",
    "shade_rows",
    "structured_fields",
]


@jit()
def _behind(x_re: Array, x_im: Array, tables: Array, work: Array, stages: int) -> tuple:  # type: ignore[type-arg] # numba infers the element types
    # The field behind H D H B: B the signs of tables[0], D the phases of tables[1] and [2].
    signs, cos, sin = tables[0], tables[1], tables[2]
    d, m = x_re.size, signs.size
    a, b, c = work[0], work[1], work[2]
    for i in range(d):
        a[i] = x_re[i] * signs[i]
    a[d:] = 0
    y = hadamard_transform(a, b, stages)
    free = b if y is a else a
    if x_im.size:
        e, f = work[3], work[4]
        for i in range(d):
            e[i] = x_im[i] * signs[i]
        e[d:] = 0
        z = hadamard_transform(e, f, stages)
        spare = f if z is e else e
        for i in range(m):
            c[i] = y[i] * sin[i] + z[i] * cos[i]
            y[i] = y[i] * cos[i] - z[i] * sin[i]
        return hadamard_transform(y, free, stages), hadamard_transform(c, spare, stages)
    for i in range(m):
        c[i] = y[i] * sin[i]
        y[i] = y[i] * cos[i]
    return hadamard_transform(y, free, stages), hadamard_transform(c, work[3], stages)


@jit()
def structured_fields(
    x_re: Array, x_im: Array, tables: Array, factor: float, work: Array, re: Array, im: Array
) -> None:
    """Compute the fields after two transforms with random phases between them.

    Parameters
    ----------
    x_re, x_im
        Shape (n, d); the second one (n, 0) for real patterns.
    tables
        Shape (3, M), M a power of two of at least d: signs, and the two parts of phases.
    factor
        Factor on every output.
    work
        Shape (5, M), overwritten.
    re, im
        Shape (n, m), m at most M; if ``im`` has no row, ``re`` receives the intensities.
    """
    m = tables.shape[1]
    stages = 0
    while (1 << stages) < m:
        stages += 1
    t = re.dtype.type
    for row in range(x_re.shape[0]):
        f, g = _behind(x_re[row], x_im[row], tables, work, stages)
        to = re[row]
        if im.shape[0]:
            other = im[row]
            for i in range(to.size):
                to[i] = f[i] * t(factor)
                other[i] = g[i] * t(factor)
        else:
            square = t(factor * factor)
            for i in range(to.size):
                to[i] = (f[i] * f[i] + g[i] * g[i]) * square


@jit()
def dense_fields(x_re: Array, x_im: Array, u_re: Array, u_im: Array, re: Array, im: Array) -> None:
    """Compute the fields after a matrix U (m, d), row by row."""
    for row in range(x_re.shape[0]):
        re[row] = np.dot(u_re, x_re[row])
        im[row] = np.dot(u_im, x_re[row])
        if x_im.shape[1]:
            re[row] -= np.dot(u_im, x_im[row])
            im[row] += np.dot(u_re, x_im[row])


@jit()
def intensities(re: Array, im: Array) -> None:
    """Write the squared moduli to ``re``."""
    for row in range(re.shape[0]):
        a, b = re[row], im[row]
        for i in range(a.size):
            a[i] = a[i] * a[i] + b[i] * b[i]


@jit()
def count_rows(light: Array, exposure: Array, top: float, offset: Array, counts: Array) -> None:
    """Add the offset of each row to intensities (n, m), and round down to counts 0 to ``top``."""
    t = light.dtype.type
    for row in range(light.shape[0]):
        x, to = light[row], counts[row]
        scale, o, highest = t(exposure[row] * top), t(offset[row]), t(top)
        for i in range(x.size):
            to[i] = np.int32(min(max(min(x[i] * scale, highest) + o, t(0.0)), highest))


@jit()
def add_rows(counts: Array, black: Array, scale: Array, total: Array) -> None:
    """Add (counts - black) * scale, with one black and one scale a row, to ``total`` (n, m)."""
    t = total.dtype.type
    for row in range(counts.shape[0]):
        x, to = counts[row], total[row]
        factor, shift = t(scale[row]), t(black[row] * scale[row])
        for i in range(x.size):
            to[i] += t(x[i]) * factor - shift


@jit()
def settle_rows(
    nodes: Array,
    total: Array,
    counts: Array,
    black: Array,
    light: Array,
    scale: float,
    most: float,
    leak: float,
    out: Array,
) -> None:
    """Add the last frame and update leaky nodes in one pass.

    Parameters
    ----------
    nodes
        Shape (n, m), overwritten.
    total
        Sum of the earlier frames, shape (n, m); (0, 0) if there are none.
    counts, black, light
        Shapes (n, m), (n,) and (n,): the last frame is (counts - black) * light.
    scale, most
        The new node value is min(sum * scale, most).
    leak
        Leak rate: share of the new value.
    out
        Copy of the nodes, shape (n, m).
    """
    t = nodes.dtype.type
    several = total.shape[0] > 0
    for row in range(nodes.shape[0]):
        x, frame, to = nodes[row], counts[row], out[row]
        factor, shift = t(light[row]), t(black[row] * light[row])
        for i in range(x.size):
            new = t(frame[i]) * factor - shift
            if several:
                new = total[row, i] + new
            new = min(new * t(scale), t(most))
            if leak != 1.0:
                new = x[i] + t(leak) * (new - x[i])
            x[i] = new
            to[i] = new


@jit()
def shade_rows(
    values: Array, factor: float, offset: float, most: float, top: int, rounding: Array, out: Array
) -> None:
    """Compute display levels of values (n, k) after a factor and an offset.

    Parameters
    ----------
    values
        Shape (n, k).
    factor, offset, most
        The share is value * factor + offset, clipped to [0, most].
    top
        Highest level; 0 for unquantized shares.
    rounding
        Added to share * ``top`` before rounding down, shape (k,) or (1,).
    out
        Shape (n, k), overwritten.
    """
    t = values.dtype.type
    for row in range(values.shape[0]):
        x, to = values[row], out[row]
        if top == 0:
            for i in range(x.size):
                to[i] = min(max(x[i] * t(factor) + t(offset), t(0.0)), t(most))
        else:
            for i in range(x.size):
                share = min(max(x[i] * t(factor) + t(offset), t(0.0)), t(most)) * t(top)
                to[i] = min(np.int32(share + rounding[i % rounding.size]), top)
