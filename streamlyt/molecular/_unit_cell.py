"""Unit cells as lengths and angles, from the conventions of the file formats."""

import struct
from pathlib import Path

import numpy as np

from streamlyt.core import Floats

__all__ = ["box_from_dcd", "box_from_vectors", "nearest_image", "trailing_dcd_bytes"]


def box_from_vectors(vectors: Floats) -> Floats:
    """Return lengths and angles, shape (n, 6), of box vectors (n, 3, 3); zeros without a box."""
    lengths = np.linalg.norm(vectors, axis=2)
    a, b, c = vectors[:, 0], vectors[:, 1], vectors[:, 2]
    cosines = np.stack([(b * c).sum(1), (a * c).sum(1), (a * b).sum(1)], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines /= lengths[:, [1, 0, 0]] * lengths[:, [2, 2, 1]]
        box = np.hstack([lengths, np.degrees(np.arccos(cosines))])
    box[~(lengths > 0).all(axis=1)] = 0.0
    return box


def box_from_dcd(cells: Floats) -> Floats:
    """Return lengths and angles of DCD unit cells (n, 6), which have three conventions.

    The six numbers are A, gamma, B, beta, alpha, C with angles in degrees (older NAMD), their
    cosines (NAMD, CHARMM), or the symmetric shape matrix (CHARMM from 22 on).
    """
    box = cells[:, [0, 2, 5, 4, 3, 1]].copy()
    angles = box[:, 3:]
    cosines = (np.abs(angles) <= 1.0).all(axis=1)
    angles[cosines] = 90.0 - np.degrees(np.arcsin(angles[cosines]))
    shape = ~cosines & ((box < 0.0).any(axis=1) | (angles > 180.0).any(axis=1))
    box[shape] = box_from_vectors(cells[shape][:, [[0, 1, 3], [1, 2, 4], [3, 4, 5]]])
    box[~(box[:, :3] > 0).all(axis=1)] = 0.0
    return box


def trailing_dcd_bytes(path: Path, n_atoms: int) -> int:
    """Return the number of bytes after the last complete frame of a DCD file; 0 if unknown."""
    with path.open("rb") as file:
        start = file.read(4)
        order = "<" if start == struct.pack("<i", 84) else ">"
        header = struct.unpack(f"{order}20i", file.read(84)[4:])
        charmm, fixed = header[19] != 0, header[8]
        file.seek(0)
        for _ in range(3):
            (length,) = struct.unpack(f"{order}i", file.read(4))
            file.seek(length + 4, 1)
        used = file.tell()
    if fixed:
        return 0
    cell = 56 if charmm and header[10] else 0
    axes = 4 if charmm and header[11] else 3
    return (path.stat().st_size - used) % (cell + axes * (4 * n_atoms + 8))


def nearest_image(vectors: Floats, box: Floats) -> Floats:
    """Return difference vectors (n, 3) at their nearest image; unchanged without a box."""
    if not (box[:3] > 0).all():
        return vectors
    a, b, c = box[:3]
    ca, cb, cg = np.cos(np.radians(box[3:]))
    sg = np.sqrt(1 - cg**2)
    cy = (ca - cb * cg) / sg
    rows = np.array(
        [[a, 0, 0], [b * cg, b * sg, 0], [c * cb, c * cy, c * np.sqrt(max(1 - cb**2 - cy**2, 0))]]
    )
    out = np.array(vectors, dtype=np.float64)
    for axis in (2, 1, 0):
        out -= np.round(out[:, axis : axis + 1] / rows[axis, axis]) * rows[axis]
    return out
