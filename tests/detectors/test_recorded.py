"""MultiscaleNEWMA on recorded molecular dynamics with known changes, as in ``streamlyt md``."""

from functools import cache
from importlib.resources import files

import numpy as np
import pytest
from MDAnalysis.lib.formats.libmdaxdr import XTCFile
from MDAnalysis.lib.mdamath import triclinic_vectors
from scipy.spatial.transform import Rotation

from streamlyt.connectors import TrajectorySource
from streamlyt.core import Batch
from streamlyt.detectors import MultiscaleNEWMA
from streamlyt.molecular import Dihedrals, Unwrap
from tests.detectors.naive_multiscale_newma import compiled_only

DATA = files("streamlyt.molecular._data")
# name: frames of the changes, and the largest detection delay
KNOWN = {"villin_go": ((2000, 4000), 100), "ala2_flips": ((5215, 8912), 60)}
PLACED = 60  # frames: largest localization error

pytestmark = compiled_only


def source(name, trajectory=None):
    ending = {"villin_go": "dcd", "ala2_flips": "xtc"}[name]
    return TrajectorySource(DATA / f"{name}.pdb", trajectory or DATA / f"{name}.{ending}")


def full(source):
    batches = [batch for batch, _ in source.read()]
    times = np.concatenate([batch.times for batch in batches])
    return Batch("", times, np.concatenate([b.values for b in batches]), batches[0].schema)


@cache
def frames(name):
    """Coordinates and the atom selection."""
    read = source(name)
    return full(read), read.atom_selection()


def found(rows, layout, seed=0):
    if layout.has_box:
        rows, _ = Unwrap(layout.bond_tree).update(rows)
    rows, _ = Dihedrals(layout.dihedrals, layout.dihedral_labels).update(rows)
    return MultiscaleNEWMA(null_model="empirical", scale=2.0, seed=seed).update(rows)[1]


def backwards(rows):
    return Batch("", rows.times, rows.values[::-1], rows.schema)


def check(events, changes, late):
    assert len(events) == len(changes), events
    for event, change in zip(events, changes, strict=True):
        assert 0 <= event.alarm_index - change <= late
        assert abs(event.change_index - change) <= PLACED


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", KNOWN)
def test_both_changes_are_detected_without_a_false_event(name, seed):
    rows, layout = frames(name)
    check(found(rows, layout, seed), *KNOWN[name])


@pytest.mark.parametrize("seed", range(5))
def test_both_flips_are_detected_in_reverse(seed):
    rows, layout = frames("ala2_flips")
    (first, second), late = KNOWN["ala2_flips"]
    check(found(backwards(rows), layout, seed), (rows.n_rows - second, rows.n_rows - first), late)


@pytest.mark.parametrize("name", KNOWN)
def test_rotation_and_drift_shift_no_event_by_more_than_a_frame(name):
    rows, layout = frames(name)
    rng = np.random.default_rng(1)
    turns = Rotation.random(rows.n_rows, random_state=2).as_matrix()
    values = rows.values.copy()
    atoms = values[:, : 3 * len(layout.atoms)].reshape(rows.n_rows, -1, 3)  # the box stays
    moved = np.einsum("nij,naj->nai", turns, atoms) + rng.normal(size=(rows.n_rows, 1, 3)) * 50
    values[:, : 3 * len(layout.atoms)] = moved.reshape(rows.n_rows, -1)
    there = rows.with_values(values, rows.schema)
    same(found(there, layout), found(rows, layout))


def same(events, expected):
    assert len(events) == len(expected)
    for event, other in zip(events, expected, strict=True):
        assert abs(event.alarm_index - other.alarm_index) <= 1
        assert abs(event.change_index - other.change_index) <= 1


BOXES = {"orthorhombic": (11, 13, 12, 90, 90, 90), "triclinic": (14, 14, 14, 70, 80, 65)}


@pytest.mark.parametrize("cell", BOXES)
def test_wrapping_into_a_box_shifts_no_event_by_more_than_a_frame(cell, tmp_path):
    vectors = triclinic_vectors(BOXES[cell]).astype(np.float64)  # rows, Angstrom
    wrapped = tmp_path / "wrapped.xtc"
    rng = np.random.default_rng(3)
    broken = 0
    with XTCFile(str(DATA / "ala2_flips.xtc")) as given, XTCFile(str(wrapped), "w") as taken:
        for frame in given:
            drifted = frame.x * 10.0 + rng.normal(size=3) * 30.0
            inside = np.floor(drifted @ np.linalg.inv(vectors))
            broken += len(np.unique(inside, axis=0)) > 1
            xyz = ((drifted - inside @ vectors) / 10.0).astype(np.float32)
            taken.write(xyz, (vectors / 10).astype(np.float32), frame.step, frame.time, 1000.0)
    assert broken > 10_000  # of 14,000: most frames have the molecule in pieces
    read = source("ala2_flips", wrapped)
    assert read.atom_selection().has_box
    same(found(full(read), read.atom_selection()), found(*frames("ala2_flips")))
