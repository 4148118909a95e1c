"""Source of molecular-dynamics trajectories in all formats of MDAnalysis."""

import os
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from streamlyt.core import Array, Batch, Channel, Floats, Position, Schema, Source
from streamlyt.core.errors import DataError, MissingDependencyError, ParameterError, SourceError
from streamlyt.molecular import (
    BOX,
    AtomSelection,
    atom_channels,
    default_selection,
    describe_selection,
)

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # import warnings of its dependencies
        from .readers import open_frames
        from .topology import Topology
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "MDAnalysis":
        raise
    raise MissingDependencyError("MDAnalysis", "md") from None

__all__ = ["TrajectorySource"]

_BATCH_BYTES = 4 << 20  # large enough for cheap calls, small enough for memory
_FS = 1000.0  # femtoseconds per picosecond

Path = str | os.PathLike[str]


class TrajectorySource(Source):
    """Coordinates of a recorded trajectory, frame by frame, in bounded memory.

    Rows are x, y and z of each atom in Angstrom, as stored (see :mod:`streamlyt.molecular` for
    unwrapping and superposition). If the first frame has a periodic box, its three lengths and
    three angles follow. No file is written next to the trajectory.

    Parameters
    ----------
    topology
        File with the atom names (PDB, PSF, GRO, TPR, PRMTOP, ...).
    trajectory
        File with the frames (XTC, TRR, DCD, NetCDF, ...), or several, which are concatenated.
    select
        Atoms in the MDAnalysis selection language, applied to the first frame. ``"auto"``: the
        backbone N, CA, C of proteins and capped peptides with the neighbors of their phi and psi
        angles; else all beads of chains of beads; else the heavy atoms except water and ions,
        evenly thinned to at most 1,000.
    start, stop, step
        Frame range, as in a slice.
    key
        Key of the series.
    batch_size
        Maximum frames per batch; fewer if a batch would exceed 4 MB.

    Attributes
    ----------
    n_rows
        Number of frames to read.

    Raises
    ------
    MissingDependencyError
        If MDAnalysis is not installed.
    ParameterError
        If a format is unknown, the selection is empty or invalid, or the frame range is empty.
    SourceError, DataError
        If a file is missing or damaged, atom counts differ, or, while reading, a frame is
        truncated or has a coordinate that is not finite; all earlier frames are yielded first.

    Notes
    -----
    Times are femtoseconds of the file. Where time decreases (concatenated parts that restart at
    0, reversed recordings) it advances by the frame interval instead. Without times in the file,
    time is the frame number.

    Examples
    --------
    >>> from importlib.resources import files
    >>> data = files("streamlyt.molecular._data")
    >>> source = TrajectorySource(data / "villin_go.pdb", data / "villin_go.dcd", stop=100)
    >>> source.schema.n_channels, source.n_rows, source.atom_selection().dihedral_labels[0]
    (105, 100, 'SER2:virtual')
    """

    def __init__(
        self,
        topology: Path,
        trajectory: Path | Sequence[Path],
        *,
        select: str = "auto",
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
        key: str = "",
        batch_size: int = 4096,
    ) -> None:
        if step is not None and step < 1:
            raise ParameterError(f"step must be at least 1, got {step!r}")
        if batch_size < 1:
            raise ParameterError(f"batch_size must be at least 1, got {batch_size!r}")
        self.topology = os.fspath(topology)
        self.trajectory: str | list[str]
        if isinstance(trajectory, (str, os.PathLike)):
            self.trajectory = os.fspath(trajectory)
            paths = [self.trajectory]
        else:
            self.trajectory = paths = [os.fspath(path) for path in trajectory]
        if not paths:
            raise ParameterError("trajectory must be at least one file, got none")
        self.select = select
        self.start, self.stop, self.step = start, stop, step
        self.key = key
        self.batch_size = batch_size
        self._open(paths)

    def _open(self, paths: list[str]) -> None:
        topology = Topology(self.topology)
        self._parts = [open_frames(path, topology.n_atoms) for path in paths]
        for part in self._parts:
            if part.n_atoms != topology.n_atoms:
                raise SourceError(
                    f"topology and trajectory must have the same atoms, got {topology.n_atoms} in "
                    f"{self.topology} and {part.n_atoms} in {part.path}; use the topology that "
                    f"the trajectory was written with"
                )
        total = sum(part.n_frames for part in self._parts)
        self._frames = range(total)[self.start : self.stop : self.step]
        self.n_rows = len(self._frames)
        if not self.n_rows:
            raise ParameterError(
                f"start, stop and step must leave a frame of the {total} in {self.trajectory}, "
                f"got {self.start!r}, {self.stop!r}, {self.step!r}"
            )
        blocks = self._parts[0].blocks(range(1), np.arange(topology.n_atoms), 1)
        first = next(
            block for block in blocks if block.picoseconds.size
        )  # otherwise the blocks raise
        topology.set_positions(first.positions[0], first.boxes[0])
        selected = (
            default_selection(topology.atoms)
            if self.select == "auto"
            else topology.select(self.select)
        )
        self._selected = selected
        has_box = bool((first.boxes[0, :3] > 0).all())
        self._atom_selection = describe_selection(topology.atoms, selected, has_box)
        self._interval = self._frame_interval()
        atoms = [
            Channel(name, "Angstrom", group)
            for name, group in zip(
                self._atom_selection.atoms, self._atom_selection.residues, strict=True
            )
        ]
        self._schema = Schema(
            (*atom_channels(atoms), *(BOX if has_box else ())),
            time_unit="fs" if self._interval else "step",
            row_label="frame",
            first_row=self._frames.start,
            row_step=self._frames.step,
        )

    def _frame_interval(self) -> int:
        """Return the femtoseconds between read frames; 0 if the files have no times."""
        if not all(part.timed for part in self._parts):
            return 0
        one_atom = np.arange(1)
        for part in self._parts:
            if part.n_frames > 1:
                try:
                    times = next(part.blocks(range(2), one_atom, 2)).picoseconds
                except SourceError:
                    continue
                if times.size == 2:
                    interval = abs(float(times[1] - times[0])) * _FS
                    return round(interval) * self._frames.step if np.isfinite(interval) else 0
        return self._frames.step

    @property
    def schema(self) -> Schema:
        """Columns such as ``ALA2:CA.x``, grouped by residue."""
        return self._schema

    def atom_selection(self) -> AtomSelection:
        """Return the selected atoms: dihedral angles, bond tree, representative atoms."""
        return self._atom_selection

    def position_of_row(self, number: int) -> Position:
        """Return the position before a frame; frames count over all files."""
        if number > self._frames.stop:
            raise SourceError(f"frame must be at most {self._frames.stop}, got {number!r}")
        return {"frame": max(number, self._frames.start)}

    def read(self, start: Position | None = None) -> Iterator[tuple[Batch, Position]]:
        """Yield batches of frames.

        A position is ``{"frame": next frame, "time": of the previous frame, "shift": offset to
        the time of the file}``; ``{"frame": k}`` is sufficient.
        """
        position = start or {"frame": self._frames.start}
        rows = self._rows_from(int(position["frame"]))
        clock = _Clock(self._interval, position.get("time"), position.get("shift", 0))
        size = min(self.batch_size, max(1, _BATCH_BYTES // (8 * self._schema.n_channels)))
        base = 0
        for part in self._parts:
            own = _within(rows, base, base + part.n_frames)
            local = range(own.start - base, own.stop - base, own.step)
            done = 0
            for block in part.blocks(local, self._selected, size) if own else ():
                frames = np.asarray(own[done : done + len(block.picoseconds)], dtype=np.int64)
                done += frames.size
                yield from self._batches(block, frames, clock)
            base += part.n_frames
            if part.cut and (self.stop is None or self.stop > base):
                raise part.failure(part.n_frames, "an incomplete frame at the end of the file")

    def _rows_from(self, frame: int) -> range:
        """Return the remaining frames from ``frame`` on."""
        done = max(0, -(-(frame - self._frames.start) // self._frames.step))
        return self._frames[done:]

    def _batches(
        self, block: Any, frames: Array, clock: "_Clock"
    ) -> Iterator[tuple[Batch, Position]]:
        values: Floats = block.positions.reshape(frames.size, 3 * self._selected.size)
        if self._atom_selection.has_box:
            values = np.hstack([values, block.boxes])
        finite = np.isfinite(values).all(axis=1)
        n_finite = frames.size if finite.all() else int(np.argmin(finite))
        times = clock.times(block.picoseconds[:n_finite]) if self._interval else frames[:n_finite]
        if n_finite:
            batch = Batch(self.key, times, values[:n_finite], self._schema)
            yield (
                batch,
                {"frame": int(frames[n_finite - 1]) + self._frames.step, **clock.position()},
            )
        if n_finite < frames.size:
            column = int(np.argmin(np.isfinite(values[n_finite])))
            raise DataError(
                f"{self.trajectory}: coordinates must be finite, got {values[n_finite, column]} in "
                f"{self._schema.channel_names[column]!r} of frame {frames[n_finite]}; "
                f"stop before it (--stop {frames[n_finite]})"
            )


class _Clock:
    """Integer femtoseconds that never decrease; batch-invariant."""

    def __init__(self, interval: int, last: Any, shift: Any) -> None:
        self._interval = interval
        self._last = None if last is None else int(last)
        self._shift = int(shift)

    def times(self, picoseconds: Floats) -> Array:
        own = np.rint(picoseconds * _FS).astype(np.int64)
        if not own.size:
            return own
        before = own[0] if self._last is None else self._last - self._shift
        steps = np.diff(own, prepend=before)
        steps[steps < 0] = self._interval
        times = (before + self._shift) + np.cumsum(steps)
        self._last, self._shift = int(times[-1]), int(times[-1] - own[-1])
        return times

    def position(self) -> dict[str, int]:
        return {} if self._last is None else {"time": self._last, "shift": self._shift}


def _within(rows: range, low: int, high: int) -> range:
    """Return the rows in the half-open range from ``low`` to ``high``."""
    first = max(0, -(-(low - rows.start) // rows.step))
    return rows[first : max(first, -(-(high - rows.start) // rows.step))]
