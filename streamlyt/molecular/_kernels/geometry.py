"""Compiled loops over frames: unwrapping, superposition, distances, dihedrals."""

import math
from typing import Any

import numpy as np

from streamlyt.core.numerics.jit import jit

__all__ = ["dihedral_rows", "distance_rows", "superpose_rows", "unwrap_rows"]

# Slope of the quartic at its largest root: the product of the gaps to the other three, at most 2.4.
# Below this the root is nearly double: Newton and the adjugate lose digits that the slower Jacobi
# sweep keeps.
_DEGENERATE = 1e-3


@jit()
def unwrap_rows(rows: Any, cells: Any, order: Any, parents: Any, out: Any) -> None:
    """Move each atom to the image nearest its parent, in the cell (xx, yx, yy, zx, zy, zz)."""
    for n in range(rows.shape[0]):
        xx, yx, yy = cells[n, 0], cells[n, 1], cells[n, 2]
        zx, zy, zz = cells[n, 3], cells[n, 4], cells[n, 5]
        for k in range(order.shape[0]):
            i = 3 * order[k]
            p = 3 * parents[order[k]]
            if p < 0:
                out[n, i], out[n, i + 1], out[n, i + 2] = rows[n, i], rows[n, i + 1], rows[n, i + 2]
                continue
            dx = rows[n, i] - out[n, p]
            dy = rows[n, i + 1] - out[n, p + 1]
            dz = rows[n, i + 2] - out[n, p + 2]
            # Row by row of a lower triangular cell: exact below half its smallest diagonal.
            turns = math.floor(dz / zz + 0.5)
            dx -= turns * zx
            dy -= turns * zy
            dz -= turns * zz
            turns = math.floor(dy / yy + 0.5)
            dx -= turns * yx
            dy -= turns * yy
            dx -= math.floor(dx / xx + 0.5) * xx
            out[n, i] = out[n, p] + dx
            out[n, i + 1] = out[n, p + 1] + dy
            out[n, i + 2] = out[n, p + 2] + dz


@jit()
def distance_rows(rows: Any, pairs: Any, out: Any) -> None:
    """Write the distance of each pair of atoms."""
    for n in range(rows.shape[0]):
        for k in range(pairs.shape[0]):
            i, j = 3 * pairs[k, 0], 3 * pairs[k, 1]
            x = rows[n, i] - rows[n, j]
            y = rows[n, i + 1] - rows[n, j + 1]
            z = rows[n, i + 2] - rows[n, j + 2]
            out[n, k] = math.sqrt(x * x + y * y + z * z)


@jit()
def dihedral_rows(rows: Any, quads: Any, scale: float, out: Any) -> None:
    """Write scale cos and scale sin of each dihedral; both 0 if three atoms are collinear."""
    for n in range(rows.shape[0]):
        for k in range(quads.shape[0]):
            i, j, p, q = 3 * quads[k, 0], 3 * quads[k, 1], 3 * quads[k, 2], 3 * quads[k, 3]
            ax, bx, cx = rows[n, j] - rows[n, i], rows[n, p] - rows[n, j], rows[n, q] - rows[n, p]
            i, j, p, q = i + 1, j + 1, p + 1, q + 1
            ay, by, cy = rows[n, j] - rows[n, i], rows[n, p] - rows[n, j], rows[n, q] - rows[n, p]
            i, j, p, q = i + 1, j + 1, p + 1, q + 1
            az, bz, cz = rows[n, j] - rows[n, i], rows[n, p] - rows[n, j], rows[n, q] - rows[n, p]
            ux, uy, uz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
            vx, vy, vz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
            x = ux * vx + uy * vy + uz * vz
            y = math.sqrt(bx * bx + by * by + bz * bz) * (ax * vx + ay * vy + az * vz)
            length = math.sqrt(x * x + y * y)
            factor = scale / length if length > 0.0 else 0.0
            out[n, 2 * k] = factor * x
            out[n, 2 * k + 1] = factor * y


@jit()
def _minor(m: Any, i: int, j: int) -> Any:
    """Return the signed 3x3 minor of a 4x4 matrix without row i and column j."""
    a, b, c = (0 if i > 0 else 1), (1 if i > 1 else 2), (2 if i > 2 else 3)
    d, e, f = (0 if j > 0 else 1), (1 if j > 1 else 2), (2 if j > 2 else 3)
    value = (
        m[a, d] * (m[b, e] * m[c, f] - m[b, f] * m[c, e])
        - m[a, e] * (m[b, d] * m[c, f] - m[b, f] * m[c, d])
        + m[a, f] * (m[b, d] * m[c, e] - m[b, e] * m[c, d])
    )
    return value if (i + j) % 2 == 0 else -value


@jit()
def _jacobi(m: Any, q: Any) -> None:
    """Write the eigenvector of the largest eigenvalue of the symmetric 4x4 m; overwrites m."""
    v = np.eye(4)
    for _ in range(30):
        off = 0.0
        for i in range(3):
            for j in range(i + 1, 4):
                off += m[i, j] * m[i, j]
        if off < 1e-32:
            break
        for i in range(3):
            for j in range(i + 1, 4):
                if m[i, j] == 0.0:
                    continue
                theta = 0.5 * (m[j, j] - m[i, i]) / m[i, j]
                t = 1.0 / (abs(theta) + math.sqrt(theta * theta + 1.0))
                t = -t if theta < 0.0 else t
                c = 1.0 / math.sqrt(t * t + 1.0)
                s = t * c
                for k in range(4):
                    left, right = m[k, i], m[k, j]
                    m[k, i], m[k, j] = c * left - s * right, s * left + c * right
                for k in range(4):
                    left, right = m[i, k], m[j, k]
                    m[i, k], m[j, k] = c * left - s * right, s * left + c * right
                for k in range(4):
                    left, right = v[k, i], v[k, j]
                    v[k, i], v[k, j] = c * left - s * right, s * left + c * right
    best = 0
    for i in range(1, 4):
        if m[i, i] > m[best, best]:
            best = i
    for k in range(4):
        q[k] = v[k, best]


@jit()
def _quaternion(s: Any, m: Any, q: Any) -> None:
    """Write the unit quaternion rotating x onto r, given s = sum of x r^T over (|x|^2 + |r|^2)/2.

    Theobald's method: the largest root of the quartic by Newton from its upper bound 1, then a
    column of the adjugate.
    """
    m[0, 0] = s[0, 0] + s[1, 1] + s[2, 2]
    m[1, 1] = s[0, 0] - s[1, 1] - s[2, 2]
    m[2, 2] = -s[0, 0] + s[1, 1] - s[2, 2]
    m[3, 3] = -s[0, 0] - s[1, 1] + s[2, 2]
    m[0, 1] = m[1, 0] = s[1, 2] - s[2, 1]
    m[0, 2] = m[2, 0] = s[2, 0] - s[0, 2]
    m[0, 3] = m[3, 0] = s[0, 1] - s[1, 0]
    m[1, 2] = m[2, 1] = s[0, 1] + s[1, 0]
    m[1, 3] = m[3, 1] = s[2, 0] + s[0, 2]
    m[2, 3] = m[3, 2] = s[1, 2] + s[2, 1]
    c2 = 0.0
    for i in range(3):
        for j in range(3):
            c2 -= 2.0 * s[i, j] * s[i, j]
    c1 = -8.0 * (
        s[0, 0] * (s[1, 1] * s[2, 2] - s[1, 2] * s[2, 1])
        - s[0, 1] * (s[1, 0] * s[2, 2] - s[1, 2] * s[2, 0])
        + s[0, 2] * (s[1, 0] * s[2, 1] - s[1, 1] * s[2, 0])
    )
    c0 = 0.0
    for j in range(4):
        c0 += m[0, j] * _minor(m, 0, j)
    root, slope = 1.0, 4.0 + 2.0 * c2 + c1
    for _ in range(50):
        if slope < _DEGENERATE:
            break
        step = (((root * root + c2) * root + c1) * root + c0) / slope
        root -= step
        slope = 4.0 * root * root * root + 2.0 * c2 * root + c1
        if abs(step) < 1e-15:
            break
    if slope < _DEGENERATE:
        _jacobi(m, q)
        return
    for i in range(4):
        m[i, i] -= root
    best, largest = 0, 0.0
    for i in range(4):
        size = abs(_minor(m, i, i))
        if size > largest:
            best, largest = i, size
    norm = 0.0
    for j in range(4):
        q[j] = _minor(m, best, j)
        norm += q[j] * q[j]
    norm = math.sqrt(norm)
    for j in range(4):
        q[j] /= norm


@jit()
def superpose_rows(rows: Any, fit: Any, keep: Any, reference: Any, out: Any) -> None:
    """Center each row on its fit atoms and rotate it onto the centered reference, shape (k, 3)."""
    s, m, q = np.empty((3, 3)), np.empty((4, 4)), np.empty(4)
    k = fit.shape[0]
    size = 0.0
    for i in range(k):
        for a in range(3):
            size += reference[i, a] * reference[i, a]
    for n in range(rows.shape[0]):
        row = rows[n]
        x0, y0, z0 = 0.0, 0.0, 0.0
        for i in range(k):
            x0 += row[3 * fit[i]]
            y0 += row[3 * fit[i] + 1]
            z0 += row[3 * fit[i] + 2]
        x0, y0, z0 = x0 / k, y0 / k, z0 / k
        xx, xy, xz, yx, yy, yz, zx, zy, zz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        own = 0.0
        for i in range(k):
            x, y, z = row[3 * fit[i]] - x0, row[3 * fit[i] + 1] - y0, row[3 * fit[i] + 2] - z0
            a, b, c = reference[i, 0], reference[i, 1], reference[i, 2]
            own += x * x + y * y + z * z
            xx += x * a
            xy += x * b
            xz += x * c
            yx += y * a
            yy += y * b
            yz += y * c
            zx += z * a
            zy += z * b
            zz += z * c
        half = 0.5 * (size + own)
        q[0], q[1], q[2], q[3] = 1.0, 0.0, 0.0, 0.0
        if size > 0.0 and own > 0.0:
            s[0, 0], s[0, 1], s[0, 2] = xx / half, xy / half, xz / half
            s[1, 0], s[1, 1], s[1, 2] = yx / half, yy / half, yz / half
            s[2, 0], s[2, 1], s[2, 2] = zx / half, zy / half, zz / half
            _quaternion(s, m, q)
        w, i1, j1, k1 = q[0], q[1], q[2], q[3]
        s[0, 0] = w * w + i1 * i1 - j1 * j1 - k1 * k1
        s[1, 1] = w * w - i1 * i1 + j1 * j1 - k1 * k1
        s[2, 2] = w * w - i1 * i1 - j1 * j1 + k1 * k1
        s[0, 1], s[1, 0] = 2.0 * (i1 * j1 - w * k1), 2.0 * (i1 * j1 + w * k1)
        s[0, 2], s[2, 0] = 2.0 * (i1 * k1 + w * j1), 2.0 * (i1 * k1 - w * j1)
        s[1, 2], s[2, 1] = 2.0 * (j1 * k1 - w * i1), 2.0 * (j1 * k1 + w * i1)
        for i in range(keep.shape[0]):
            p = 3 * keep[i]
            x, y, z = row[p] - x0, row[p + 1] - y0, row[p + 2] - z0
            for a in range(3):
                out[n, 3 * i + a] = s[a, 0] * x + s[a, 1] * y + s[a, 2] * z
