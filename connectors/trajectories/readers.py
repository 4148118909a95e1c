"""Frames of a trajectory file, a block at a time, by the fastest door MDAnalysis has to each.

XTC, TRR and DCD go through its compiled file classes and the rest through its readers: the XTC
and TRR readers would write an index and a lock beside the user's data, and all readers cost more
than the decoding. Each class opens the file anew for each reading and holds nothing in between.
"""

import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from MDAnalysis.coordinates.DCD import DCDReader
from MDAnalysis.coordinates.TRR import TRRReader
from MDAnalysis.coordinates.XTC import XTCReader
from MDAnalysis.core._get_readers import get_reader_for
from MDAnalysis.lib.formats.libdcd import DCDFile
from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile
from MDAnalysis.units import convert
from numpy.typing import NDArray

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError, ParameterError, SourceError
from streamlyt.molecular import box_from_dcd, box_from_vectors, trailing_dcd_bytes

__all__ = ["FrameBlock", "FrameReader", "open_frames"]

_STRIDE = (
    256  # frames a kept byte offset: 8 bytes for 256 frames, and at most 255 read to get there
)
_NM = 10.0  # Angstrom


class FrameBlock(NamedTuple):
    """Consecutive frames: positions (n, a, 3) and boxes (n, 6) in Angstrom and degrees, times."""

    positions: Floats
    boxes: Floats
    picoseconds: Floats


class FrameReader(ABC):
    """The frames of one file.

    Attributes
    ----------
    n_frames, n_atoms
        Numbers of whole frames, and of atoms.
    timed
        Whether the file knows the time of its frames.
    cut
        Whether the file ends within a frame more.
    """

    timed = True
    cut = False

    def __init__(self, path: str, n_atoms: int) -> None:
        self.path = path
        self.n_atoms = n_atoms
        self.n_frames = 0

    @abstractmethod
    def blocks(self, frames: range, atoms: NDArray[np.int64], size: int) -> Iterator[FrameBlock]:
        """Yield blocks of at most ``size`` of these frames; whole ones come before a failure."""

    def failure(self, frame: int, why: object) -> SourceError:
        """Say that a frame cannot be read, and what to do."""
        return SourceError(
            f"{self.path}: frame {frame} must be whole, got {str(why).strip()!r}; the {frame} "
            f"frames before it are sound: stop there (--stop {frame}), or mend the file"
        )


class _Xdr(FrameReader):
    """XTC and TRR: read in sequence, from the nearest of a few kept offsets."""

    def __init__(self, path: str, n_atoms: int, kind: Callable[[str], Any]) -> None:
        super().__init__(path, n_atoms)
        self._kind = kind
        with kind(path) as file:
            self.n_atoms, self.n_frames = file.n_atoms, len(file.offsets)
            # a slice would keep the whole index alive: 8 bytes a frame
            self._offsets = file.offsets[::_STRIDE].copy()
            try:  # the index counts a frame by its first bytes
                file.seek(self.n_frames - 1)
                file.read()
                self.cut = file._bytes_tell() < Path(path).stat().st_size
            except (OSError, EOFError, StopIteration):
                self.n_frames, self.cut = self.n_frames - 1, True

    def blocks(self, frames: range, atoms: NDArray[np.int64], size: int) -> Iterator[FrameBlock]:
        whole = np.array_equal(atoms, np.arange(self.n_atoms))
        scratch = np.empty((self.n_atoms, 3), np.float32)
        with self._kind(self.path) as file:
            read = self._reader(file)
            jumps = frames.step > 1
            if jumps:  # seek(0) goes to the start of the file whatever the index says
                index = file.offsets[frames.start : frames.stop : frames.step]
                file.set_offsets(np.concatenate([[0], index]))
            else:
                file.set_offsets(self._offsets)
                self._go(file, frames.start, lambda: read(scratch))
            for at in range(0, len(frames), size):
                part = frames[at : at + size]
                xyz = np.empty((len(part), atoms.size, 3), np.float32)
                vectors, times = np.empty((len(part), 3, 3)), np.empty(len(part))
                done = 0
                failure: Exception | None = None
                for row in xyz:
                    try:
                        if jumps:
                            file.seek(1 + at + done)
                        frame = read(row if whole else scratch)
                    except DataError as error:
                        failure = error
                        break
                    except (OSError, EOFError, StopIteration) as error:
                        failure = self.failure(part[done], str(error) or "end of file")
                        break
                    if not whole:
                        np.take(scratch, atoms, axis=0, out=row, mode="clip")
                    vectors[done], times[done] = frame.box, frame.time
                    done += 1
                yield FrameBlock(
                    xyz[:done].astype(np.float64) * _NM,
                    box_from_vectors(vectors[:done] * _NM),
                    times[:done],
                )
                if failure is not None:
                    raise failure

    def _go(self, file: Any, frame: int, read: Callable[[], Any]) -> None:
        """Seek to the nearest frame whose offset is kept, and read on from there."""
        file.seek(frame // _STRIDE)
        for at in range(frame - frame % _STRIDE, frame):
            try:
                read()
            except (OSError, EOFError, StopIteration) as error:
                raise self.failure(at, str(error) or "end of file") from None

    def _reader(self, file: Any) -> Callable[[Array], Any]:
        if self._kind is XTCFile:
            read: Callable[[Array], Any] = file.read_direct_x
            return read
        spare = np.empty((2, self.n_atoms, 3), np.float32)

        def read_trr(out: Array) -> Any:
            frame = file.read_direct_xvf(out, spare[0], spare[1])
            if not frame.hasx:
                raise DataError(
                    f"{self.path}: every frame must have coordinates, got one without (step "
                    f"{frame.step}); write them at the same interval as velocities and forces"
                )
            return frame

        return read_trr


class _Dcd(FrameReader):
    """DCD: many frames a call, only the wanted atoms copied."""

    def __init__(self, path: str, n_atoms: int) -> None:
        super().__init__(path, n_atoms)
        with DCDFile(path) as file:
            self.n_atoms, self.n_frames = file.header["natoms"], len(file)
            header = file.header
        self.cut = trailing_dcd_bytes(Path(path), self.n_atoms) > 0
        self._boxed = bool(header["is_periodic"])
        self._interval = convert(header["delta"], "AKMA", "ps") * header["nsavc"]
        self._first = header["istart"] / header["nsavc"] if header["nsavc"] else 0.0
        self.timed = self._interval > 0.0

    def blocks(self, frames: range, atoms: NDArray[np.int64], size: int) -> Iterator[FrameBlock]:
        with DCDFile(self.path) as file:
            for at in range(0, len(frames), size):
                part = frames[at : at + size]
                try:
                    read = file.readframes(
                        part.start, part[-1] + 1, part.step, order="fac", indices=atoms
                    )
                except (OSError, EOFError, ValueError) as error:
                    raise self.failure(part.start, error) from None
                boxes = np.zeros((len(part), 6))
                yield FrameBlock(
                    read.xyz.astype(np.float64),
                    box_from_dcd(read.unitcell) if self._boxed else boxes,
                    (np.asarray(part) + self._first) * self._interval,
                )


class _Other(FrameReader):
    """Every other format, through its MDAnalysis reader, frame by frame."""

    def __init__(self, path: str, n_atoms: int, reader: Callable[..., Any]) -> None:
        super().__init__(path, n_atoms)
        self._reader = reader
        with self._quiet() as frames:
            self.n_atoms, self.n_frames = int(frames.n_atoms), int(frames.n_frames)
            self.timed = bool({"dt", "time"} & set(frames.ts.data))

    def _quiet(self) -> Any:
        talk, sys.unraisablehook = sys.unraisablehook, lambda _: None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self._reader(self.path, n_atoms=self.n_atoms)
        except Exception as error:
            error.__traceback__ = None  # lets go of a half-made reader, whose end may complain
            raise
        finally:
            sys.unraisablehook = talk

    def blocks(self, frames: range, atoms: NDArray[np.int64], size: int) -> Iterator[FrameBlock]:
        with self._quiet() as reader:
            for at in range(0, len(frames), size):
                part = frames[at : at + size]
                xyz = np.empty((len(part), atoms.size, 3))
                boxes, times = np.zeros((len(part), 6)), np.zeros(len(part))
                failure = None
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    for done, number in enumerate(part):
                        try:
                            jump = frames.step > 1 or number == frames.start
                            ts = reader[number] if jump else reader.next()
                            xyz[done] = ts.positions[atoms]
                        # readers fail in their own ways: ValueError, IndexError, RuntimeError ...
                        except Exception as error:
                            failure = self.failure(number, error)
                            xyz, boxes, times = xyz[:done], boxes[:done], times[:done]
                            break
                        if ts.dimensions is not None:
                            boxes[done] = ts.dimensions
                        times[done] = ts.time if self.timed else np.nan
                yield FrameBlock(xyz, boxes, times)
                if failure is not None:
                    raise failure


def open_frames(path: str, n_atoms: int) -> FrameReader:
    """Open a trajectory of a format that MDAnalysis reads.

    Raises
    ------
    ParameterError
        If no reader knows the format.
    SourceError
        If the file is not there, cannot be read, is empty or is not what its name says.
    """
    if not Path(path).is_file():
        raise SourceError(f"trajectory must be a file, got {path!r}, which is not there")
    try:
        reader = get_reader_for(path)
    except ValueError:
        raise ParameterError(
            f"trajectory must be of a format that MDAnalysis reads (XTC, TRR, DCD, NetCDF, H5MD, "
            f"PDB, XYZ, ...), got {path!r}; rename or convert it"
        ) from None
    try:
        if reader is XTCReader or reader is TRRReader:
            frames: FrameReader = _Xdr(path, n_atoms, XTCFile if reader is XTCReader else TRRFile)
        elif reader is DCDReader:
            frames = _Dcd(path, n_atoms)
        else:
            frames = _Other(path, n_atoms, reader)
    except ImportError as error:
        raise SourceError(f"{path} needs another package: {error}") from None
    except Exception as error:  # readers fail in their own ways
        raise SourceError(
            f"trajectory must be a whole {_kind(reader)} file, got {path!r}, "
            f"which cannot be opened: {str(error).strip()}"
        ) from None
    if frames.n_frames < 1:
        raise SourceError(f"trajectory must hold at least one whole frame, got none in {path!r}")
    return frames


def _kind(reader: Any) -> str:
    return reader.format if isinstance(reader.format, str) else str(reader.format[0])
