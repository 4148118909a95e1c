"""Slow twins of the compiled observables, written from the definitions."""

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Batch, Channel, Schema
from streamlyt.molecular import BOX, atom_channels

Floats = NDArray[np.float64]


def batch_of(frames: Floats, boxes: Floats | None = None, start: int = 0) -> Batch:
    """Rows of unnamed atoms; frames has shape (n, atoms, 3), boxes (n, 6)."""
    n, atoms, _ = frames.shape
    channels = atom_channels([Channel(f"a{i}", "Angstrom", f"R{i // 3}") for i in range(atoms)])
    values = frames.reshape(n, 3 * atoms)
    if boxes is not None:
        channels, values = [*channels, *BOX], np.hstack([values, boxes])
    return Batch("", np.arange(start, start + n), values, Schema(tuple(channels)))


def kabsch(mobile: Floats, reference: Floats, fit: list[int] | None = None) -> Floats:
    """Best proper rotation by SVD, from the centroid of the fit atoms."""
    fit = list(range(len(mobile))) if fit is None else fit
    centred = mobile - mobile[fit].mean(axis=0)
    target = reference[fit] - reference[fit].mean(axis=0)
    u, _, vt = np.linalg.svd(centred[fit].T @ target)
    mirror = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return centred @ (u @ mirror @ vt)


def cell(box: Floats) -> Floats:
    """Box vectors as rows, from lengths and angles in degrees."""
    a, b, c = box[:3]
    ca, cb, cg = np.cos(np.radians(box[3:]))
    sg = np.sqrt(1 - cg**2)
    y = (ca - cb * cg) / sg
    return np.array(
        [[a, 0, 0], [b * cg, b * sg, 0], [c * cb, c * y, c * np.sqrt(1 - cb**2 - y**2)]]
    )


def whole(frame: Floats, box: Floats, parents: list[int]) -> Floats:
    """Try all 343 images of each bond; parents stand before their children here."""
    shifts = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3), axis=-1).reshape(-1, 3) @ cell(box)
    out = frame.copy()
    for atom, parent in enumerate(parents):
        if parent >= 0:
            images = frame[atom] + shifts
            out[atom] = images[np.argmin(((images - out[parent]) ** 2).sum(axis=1))]
    return out
