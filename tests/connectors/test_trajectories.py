"""Real trajectories: the two that are shipped, and those of MDAnalysisTests."""

import importlib
import os
import shutil
import stat
import subprocess
import sys
import warnings
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from streamlyt.connectors import TrajectorySource
from streamlyt.core.errors import (
    DataError,
    FormatError,
    MissingDependencyError,
    ParameterError,
    SourceError,
)
from streamlyt.molecular import Dihedrals, Superposition, Unwrap
from tests._arrays import assert_same_bits

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    MDAnalysis = pytest.importorskip("MDAnalysis")
    datafiles = pytest.importorskip("MDAnalysisTests.datafiles")
    from MDAnalysis.lib.formats.libdcd import DCDFile
    from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile

DATA = Path(str(files("streamlyt.molecular._data")))
VILLIN = (DATA / "villin_go.pdb", DATA / "villin_go.dcd")
ALA2 = (DATA / "ala2_flips.pdb", DATA / "ala2_flips.xtc")
BOX = [30.0, 32.0, 34.0, 90.0, 90.0, 90.0]


def all_rows(source, start=None):
    return np.concatenate([batch.values for batch, _ in source.read(start)])


def universe(folder, *paths):
    """MDAnalysis reading copies of the files, because it writes next to them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MDAnalysis.Universe(*(shutil.copy(path, folder) for path in paths))


@pytest.fixture(scope="module")
def walk():
    """700 frames of 22 atoms as XTC, TRR and DCD can hold them."""
    rng = np.random.default_rng(0)
    return np.round(rng.normal(size=(700, 22, 3)).cumsum(axis=0) * 0.1 + 15, 2)


@pytest.fixture(params=["xtc", "trr", "dcd", "xyz"])
def written(request, tmp_path, walk):
    path = tmp_path / f"walk.{request.param}"
    write(path, walk)
    return path


def write(path, frames, box=BOX, interval=2.0):
    n_atoms = frames.shape[1]
    vectors = np.diag(box[:3]) / 10
    if path.suffix == ".xtc":
        with XTCFile(str(path), "w") as file:
            for i, frame in enumerate(frames):
                file.write(frame / 10, vectors, i, i * interval, 1000.0)
    elif path.suffix == ".trr":
        with TRRFile(str(path), "w") as file:
            for i, frame in enumerate(frames):
                file.write(frame / 10, None, None, vectors, i, i * interval, 0.0, n_atoms)
    elif path.suffix == ".dcd":
        with DCDFile(str(path), "w") as file:
            file.write_header("", n_atoms, 0, 1, interval / 0.04888821, 1)
            for frame in frames:
                file.write(frame, np.array([box[0], 90, box[1], 90, 90, box[2]], dtype=float))
    else:
        lines = []
        for frame in frames:
            lines += [str(n_atoms), "", *(f"C {x:.3f} {y:.3f} {z:.3f}" for x, y, z in frame)]
        path.write_text("\n".join(lines) + "\n")


def test_every_format_gives_the_same_frames(written, walk):
    source = TrajectorySource(ALA2[0], written, select="all", batch_size=300)
    boxed = written.suffix != ".xyz"
    rows = all_rows(source)
    np.testing.assert_allclose(rows[:, :66], walk.reshape(700, 66), atol=2e-3)
    assert source.atom_selection().has_box == boxed
    if boxed:
        np.testing.assert_allclose(rows[:, 66:], np.tile(BOX, (700, 1)), rtol=1e-6)
        assert source.schema.channel_names[66:68] == ("box.lx", "box.ly")
    times = np.concatenate([batch.times for batch, _ in source.read()])
    assert source.schema.time_unit == ("fs" if boxed else "step")
    np.testing.assert_array_equal(times, np.arange(700) * (2000 if boxed else 1))
    assert source.n_rows == 700


@pytest.mark.parametrize("cut", [(None, None, None), (300, 650, None), (5, None, 7), (-20, -3, 2)])
def test_reading_resumes_from_every_position(written, walk, cut):
    start, stop, step = cut
    source = TrajectorySource(
        ALA2[0], written, select="index 3 7", start=start, stop=stop, step=step, batch_size=90
    )
    rows, read = all_rows(source), list(source.read())
    np.testing.assert_allclose(rows[:, :3], walk[start:stop:step, 3], atol=2e-3)
    numbers = range(700)[start:stop:step]
    assert [source.schema.source_row(i) for i in range(len(rows))] == list(numbers)
    assert source.n_rows == len(numbers)
    done = 0
    for batch, position in read:
        done += batch.n_rows
        rest = list(source.read(position))
        assert sum(b.n_rows for b, _ in rest) == len(rows) - done
        if rest:
            assert_same_bits(np.concatenate([b.values for b, _ in rest]), rows[done:])
            assert rest[0][0].times[0] == batch.times[-1] + (batch.times[1] - batch.times[0])


def test_no_file_is_written_next_to_the_data(written):
    os.utime(written)
    shutil.copy(ALA2[0], written.parent)
    before = sorted(written.parent.iterdir())
    all_rows(TrajectorySource(written.parent / ALA2[0].name, written, start=3, step=2))
    assert sorted(written.parent.iterdir()) == before


@pytest.mark.parametrize("written", ["xtc"], indirect=True)
def test_a_read_only_folder_is_read_without_a_word(written):
    written.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert len(all_rows(TrajectorySource(ALA2[0], written))) == 700
    finally:
        written.parent.chmod(stat.S_IRWXU)


def test_parts_follow_one_another_and_their_clock_never_goes_back(tmp_path, walk):
    for name in ("a.xtc", "b.dcd"):
        write(tmp_path / name, walk[:100])
    source = TrajectorySource(ALA2[0], [tmp_path / "a.xtc", tmp_path / "b.dcd"], step=3)
    batches = list(source.read())
    times = np.concatenate([batch.times for batch, _ in batches])
    assert source.n_rows == times.size == 67
    np.testing.assert_array_less(0, np.diff(times))
    np.testing.assert_array_equal(times[:34], np.arange(34) * 6000)
    rest = np.concatenate([batch.times for batch, _ in source.read(batches[0][1])])
    np.testing.assert_array_equal(rest, times[batches[0][0].n_rows :])


def test_time_increases_in_a_reversed_recording(tmp_path, walk):
    with XTCFile(str(tmp_path / "back.xtc"), "w") as file:
        for i in range(50):
            file.write(walk[i] / 10, np.eye(3), i, 100.0 - 2 * i, 1000.0)
    ((batch, _),) = TrajectorySource(ALA2[0], tmp_path / "back.xtc").read()
    np.testing.assert_array_equal(batch.times, 100_000 + 2000 * np.arange(50))


def test_a_file_whose_clock_stands_counts_its_frames(tmp_path, walk):
    write(tmp_path / "still.xtc", walk[:20], interval=0.0)
    source = TrajectorySource(ALA2[0], tmp_path / "still.xtc", start=4)
    ((batch, _),) = source.read()
    assert (source.schema.time_unit, batch.times.tolist()) == ("step", list(range(4, 20)))


@pytest.mark.parametrize("written", ["xtc", "trr", "dcd"], indirect=True)
def test_one_frame_is_a_trajectory(written, tmp_path, walk):
    path = tmp_path / f"one{written.suffix}"
    write(path, walk[:1])
    source = TrajectorySource(ALA2[0], path)
    assert (source.n_rows, all_rows(source).shape) == (1, (1, 21))


@pytest.mark.parametrize("cut", [3, 40, 120])
@pytest.mark.parametrize("written", ["xtc", "trr", "dcd"], indirect=True)
def test_complete_frames_precede_the_error_of_a_truncated_one(written, tmp_path, cut):
    end = offsets(written)[690]
    path = tmp_path / f"cut{written.suffix}"
    path.write_bytes(written.read_bytes()[: end + cut])
    source = TrajectorySource(ALA2[0], path, batch_size=100)
    assert source.n_rows == 690
    read = source.read()
    assert sum(next(read)[0].n_rows for _ in range(7)) == 690
    with pytest.raises(SourceError, match=r"frame 690 must be complete.*--stop 690"):
        next(read)
    assert len(all_rows(TrajectorySource(ALA2[0], path, stop=690))) == 690


def offsets(path):
    """Where in the file each of its frames begins."""
    if path.suffix == ".dcd":
        return path.stat().st_size - (56 + 3 * (4 * 22 + 8)) * np.arange(700, 0, -1)
    with (XTCFile if path.suffix == ".xtc" else TRRFile)(str(path)) as file:
        return file.offsets.copy()


@pytest.mark.parametrize("written", ["xtc", "trr", "dcd"], indirect=True)
def test_a_coordinate_that_is_not_finite_is_reported_with_its_frame(written, tmp_path, walk):
    frames = walk[:50].copy()
    frames[33, 6, 1] = np.nan
    path = tmp_path / f"nan{written.suffix}"
    if path.suffix == ".xtc":
        pytest.skip("the format cannot hold it")
    write(path, frames)
    read = TrajectorySource(ALA2[0], path).read()
    assert next(read)[0].n_rows == 33
    with pytest.raises(DataError, match=r"got nan in 'ALA2:N.y' of frame 33"):
        next(read)


def test_alanine_dipeptide_needs_no_option():
    source = TrajectorySource(*ALA2)
    layout = source.atom_selection()
    assert layout.atoms == ("ACE1:C", "ALA2:N", "ALA2:CA", "ALA2:C", "NME3:N")
    assert layout.dihedral_labels == ("ALA2:phi", "ALA2:psi")
    assert layout.dihedrals == ((0, 1, 2, 3), (1, 2, 3, 4))
    assert source.schema.channels[0].group == "ACE1"
    assert source.schema.channel_names[6] == "ALA2:CA.x"


def test_a_chain_of_beads_needs_no_option():
    layout = TrajectorySource(*VILLIN, stop=10).atom_selection()
    assert len(layout.atoms) == len(layout.representative_atoms) == 35
    assert layout.bond_tree == (-1, *range(34))
    assert layout.dihedrals[:2] == ((0, 1, 2, 3), (1, 2, 3, 4))
    assert (len(layout.dihedrals), layout.dihedral_labels[0]) == (32, "SER2:virtual")


def test_phi_and_psi_are_those_of_mdanalysis(tmp_path):
    source = TrajectorySource(datafiles.PSF, datafiles.DCD)
    layout = source.atom_selection()
    rows = naive_dihedrals(source, layout)
    protein = universe(tmp_path, datafiles.PSF, datafiles.DCD).select_atoms("protein")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from MDAnalysis.analysis.dihedrals import Ramachandran

        angles = np.radians(Ramachandran(protein).run().results.angles)
    assert len(layout.dihedrals) == 426
    for column, name in ((0, "phi"), (1, "psi")):
        mine = [i for i, label in enumerate(layout.dihedral_labels) if label.endswith(name)]
        # residues 2 to 213 have both
        inner = mine[: len(mine) - 1] if name == "phi" else mine[1:]
        np.testing.assert_allclose(rows[:, inner], angles[:, :, column], atol=1e-4)


def naive_dihedrals(source, layout):
    operator = Dihedrals(layout.dihedrals, layout.dihedral_labels)
    out = np.concatenate([operator.update(batch)[0].values for batch, _ in source.read()])
    return np.arctan2(out[:, 1::2], out[:, ::2])


@pytest.mark.parametrize(
    ("paths", "select", "n_dihedrals"),
    [
        ((datafiles.PSF, datafiles.DCD), "name CA", 211),
        ((datafiles.GRO, datafiles.TRR), "auto", 426),
        ((datafiles.TPR, datafiles.XTC), "auto", 426),
        ((datafiles.PDB, datafiles.XTC), "protein", 426),
    ],
    ids=["psf", "gro", "tpr", "pdb"],
)
def test_a_protein_is_one_tree_with_its_angles_in_every_topology(paths, select, n_dihedrals):
    layout = TrajectorySource(*paths, select=select, stop=1).atom_selection()
    assert layout.bond_tree.count(-1) == 1
    assert len(layout.dihedrals) == n_dihedrals
    assert len(layout.representative_atoms) == 214


def test_two_chains_keep_their_names_apart_and_hang_together(tmp_path):
    lines = [line for line in VILLIN[0].read_text().splitlines() if line.startswith("ATOM")]
    far = [line[:21] + "B" + line[22:30] + f"{float(line[30:38]) + 9:8.3f}" + line[38:]
           for line in lines]  # fmt: skip
    top = tmp_path / "two.pdb"
    top.write_text("\n".join([*lines, "TER", *far, "END"]))
    layout = TrajectorySource(top, top).atom_selection()
    assert (layout.atoms[0], layout.atoms[35]) == ("A/LEU1:CA", "B/LEU1:CA")
    assert layout.bond_tree.count(-1) == 1
    assert len(layout.dihedrals) == 64


@pytest.mark.parametrize("select", ["auto", "all"])
def test_wrapping_every_frame_changes_no_internal_coordinate(tmp_path, select):
    rng = np.random.default_rng(1)
    frames = universe(tmp_path, *ALA2).trajectory.timeseries(order="fac")[:200]
    vectors = np.array(BOX[:3])
    wrapped = (frames + rng.uniform(0, 40, size=(200, 1, 3))) % vectors
    write(tmp_path / "wrapped.xtc", wrapped)
    write(tmp_path / "whole.xtc", frames)
    out = []
    for name in ("wrapped.xtc", "whole.xtc"):
        source = TrajectorySource(ALA2[0], tmp_path / name, select=select)
        whole, superpose = Unwrap(source.atom_selection().bond_tree), Superposition()
        ((batch, _),) = source.read()
        out.append(superpose.update(whole.update(batch)[0])[0].values)
    np.testing.assert_allclose(out[0], out[1], atol=0.02)


def test_unwrapped_molecules_equal_those_of_mdanalysis(tmp_path):
    system = universe(tmp_path, datafiles.TPR, datafiles.XTC)
    protein = system.select_atoms("protein")
    source = TrajectorySource(datafiles.TPR, datafiles.XTC, select="protein", stop=3)
    ((batch, _),) = source.read()
    mine, _ = Unwrap(source.atom_selection().bond_tree).update(batch)
    for ts, row in zip(system.trajectory[:3], mine.values, strict=True):
        theirs = protein.unwrap(compound="fragments", reference=None, inplace=False)
        shift = row.reshape(-1, 3) - theirs
        np.testing.assert_allclose(shift - shift[0], 0, atol=2e-3, err_msg=str(ts.frame))


@pytest.mark.parametrize(
    ("top", "trajectory", "options", "error", "message"),
    [
        ("no.pdb", ALA2[1], {}, SourceError, r"topology must be a file, got 'no.pdb'"),
        (ALA2[0], "no.xtc", {}, SourceError, r"trajectory must be a file, got 'no.xtc'"),
        (__file__, ALA2[1], {}, ParameterError, "topology must be of a format that MDAnalysis"),
        (ALA2[0], __file__, {}, ParameterError, "trajectory must be of a format that MDAnalysis"),
        (ALA2[1], ALA2[0], {}, ParameterError, "give the topology first"),
        (VILLIN[0], ALA2[1], {}, SourceError, r"same atoms, got 35 in .* and 22 in"),
        (*ALA2, {"select": "resname ALX"}, ParameterError, "name 'ALX'; did you mean 'ALA'"),
        (*ALA2, {"select": "resid 77"}, ParameterError, r"residues are ACE, ALA, NME"),
        (*ALA2, {"select": "nmae CA"}, ParameterError, r"Unknown selection token: 'nmae'.*for ex"),
        (*ALA2, {"start": 10**6}, ParameterError, r"must leave a frame of the \d+ in"),
        (*ALA2, {"step": 0}, ParameterError, "step must be at least 1, got 0"),
        (*ALA2, {"batch_size": 0}, ParameterError, "batch_size must be at least 1"),
        (ALA2[0], [], {}, ParameterError, "at least one file, got none"),
    ],
)  # fmt: skip
def test_bad_input_is_rejected_with_advice(top, trajectory, options, error, message):
    with pytest.raises(error, match=message):
        TrajectorySource(top, trajectory, **options)


@pytest.mark.parametrize("ending", ["xtc", "trr", "dcd", "nc"])
def test_files_with_a_wrong_suffix_are_rejected(tmp_path, ending):
    for content in (b"", b"not a trajectory at all, but rather long\n" * 9):
        (tmp_path / f"x.{ending}").write_bytes(content)
        with pytest.raises(SourceError, match=r"must be a complete \w+ file, got"):
            TrajectorySource(ALA2[0], tmp_path / f"x.{ending}")
    (tmp_path / "x.psf").write_text("nothing\n")
    with pytest.raises(FormatError, match="topology must be a complete PSF file"):
        TrajectorySource(tmp_path / "x.psf", ALA2[1])


def test_without_mdanalysis_the_extra_is_named(monkeypatch):
    for name in ("source", "readers", "topology"):
        module = f"streamlyt.connectors.trajectories.{name}"
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "MDAnalysis", None)
    monkeypatch.setitem(sys.modules, "MDAnalysis.coordinates.DCD", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'streamlyt\[md\]'"):
        importlib.import_module("streamlyt.connectors.trajectories.source")


def test_memory_does_not_grow_with_the_frames(tmp_path, walk):
    path = tmp_path / "long.xtc"
    write(path, walk)
    whole = path.read_bytes()
    with path.open("wb") as file:
        for _ in range(300):
            file.write(whole)
    script = (
        "import resource, sys\n"
        "from streamlyt.connectors import TrajectorySource\n"
        "source = TrajectorySource(sys.argv[1], sys.argv[2], select='all', stop=int(sys.argv[3]))\n"
        "rows = sum(batch.n_rows for batch, _ in source.read())\n"
        "print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for stop in ("10000", "210000"):
        run = subprocess.run(
            [sys.executable, "-c", script, str(ALA2[0]), str(path), stop],
            capture_output=True,
            text=True,
            check=True,
        )
        rows, peak = map(int, run.stdout.split())
        assert (rows, run.stderr) == (int(stop), "")
        peaks.append(peak)
    assert peaks[1] < 1.05 * peaks[0]


def test_a_trajectory_that_has_gone_is_a_source_error(written, tmp_path):
    source = TrajectorySource(ALA2[0], written, select="all")
    written.rename(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match=r"must be a file that can be read.*restore it"):
        next(source.read())


def test_key_is_the_name_of_the_series():
    batch, _ = next(TrajectorySource(*ALA2, key="dipeptide", stop=5).read())
    assert batch.key == "dipeptide"
