"""Read frames of a trajectory file in blocks, with the fastest MDAnalysis interface per format.

XTC, TRR and DCD use its compiled file classes, other formats its readers: the XTC and TRR readers
write an index and a lock file next to the data, and all readers cost more than the decoding. Each
class opens the file for each read and keeps nothing open in between.
"""

import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

_STRIDE = 256  # frames per stored byte offset: 8 bytes for 256 frames, at most 255 extra reads
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
        Number of complete frames, and of atoms.
    timed
        Whether the file contains frame times.
    cut
        Whether the file ends with a truncated frame.
    """

    timed = True
    cut = False

    def __init__(self, path: str, n_atoms: int) -> None:
        self.path = path
        self.n_atoms = n_atoms
        self.n_frames = 0

    @abstractmethod
    def blocks(self, frames: range, atoms: NDArray[np.int64], size: int) -> Iterator[FrameBlock]:
        """Yield blocks of at most ``size`` frames; complete frames precede a failure."""

    @contextmanager
    def _opened(self, open_file: Callable[[], Any]) -> Iterator[Any]:
        """Open the file again, which may have gone since it was opened first."""
        try:
            file = open_file()
        except Exception as error:  # readers raise various types
            raise SourceError(
                f"trajectory must be a file that can be read, got {self.path!r}: "
                f"{str(error).strip()}; restore it"
            ) from None
        with file:
            yield file

    def failure(self, frame: int, why: object) -> SourceError:
        """Return the error of an unreadable frame."""
        return SourceError(
            f"{self.path}: frame {frame} must be complete, got {str(why).strip()!r}; read the "
            f"{frame} frames before it (--stop {frame}), or repair the file"
        )


class _Xdr(FrameReader):
    """XTC and TRR: sequential reads from the nearest stored offset."""

    def __init__(self, path: str, n_atoms: int, kind: Callable[[str], Any]) -> None:
        super().__init__(path, n_atoms)
        self._kind = kind
        with kind(path) as file:
            self.n_atoms, self.n_frames = file.n_atoms, len(file.offsets)
            # a slice would keep the full index in memory: 8 bytes per frame
            self._offsets = file.offsets[::_STRIDE].copy()
            try:  # the index includes a truncated frame
                file.seek(self.n_frames - 1)
                file.read()
                self.cut = file._bytes_tell() < Path(path).stat().st_size
            except (OSError, EOFError, StopIteration):
                self.n_frames, self.cut = self.n_frames - 1, True

    def blocks(self, frames: range, atoms: NDArray[np.int64], size: int) -> Iterator[FrameBlock]:
        all_atoms = np.array_equal(atoms, np.arange(self.n_atoms))
        scratch = np.empty((self.n_atoms, 3), np.float32)
        with self._opened(lambda: self._kind(self.path)) as file:
            read = self._reader(file)
            jumps = frames.step > 1
            if jumps:  # seek(0) ignores the index
                index = file.offsets[frames.start : frames.stop : frames.step]
                file.set_offsets(np.concatenate([[0], index]))
            else:
                file.set_offsets(self._offsets)
                self._seek(file, frames.start, lambda: read(scratch))
            for first in range(0, len(frames), size):
                part = frames[first : first + size]
                xyz = np.empty((len(part), atoms.size, 3), np.float32)
                vectors, times = np.empty((len(part), 3, 3)), np.empty(len(part))
                done = 0
                failure: Exception | None = None
                for row in xyz:
                    try:
                        if jumps:
                            file.seek(1 + first + done)
                        frame = read(row if all_atoms else scratch)
                    except DataError as error:
                        failure = error
                        break
                    except (OSError, EOFError, StopIteration) as error:
                        failure = self.failure(part[done], str(error) or "end of file")
                        break
                    if not all_atoms:
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

    def _seek(self, file: Any, frame: int, read: Callable[[], Any]) -> None:
        """Seek to the nearest frame with a stored offset and read forward from there."""
        file.seek(frame // _STRIDE)
        for number in range(frame - frame % _STRIDE, frame):
            try:
                read()
            except (OSError, EOFError, StopIteration) as error:
                raise self.failure(number, str(error) or "end of file") from None

    def _reader(self, file: Any) -> Callable[[Array], Any]:
        if self._kind is XTCFile:
            read: Callable[[Array], Any] = file.read_direct_x
            return read
        spare = np.empty((2, self.n_atoms, 3), np.float32)

        def read_trr(out: Array) -> Any:
            frame = file.read_direct_xvf(out, spare[0], spare[1])
            if not frame.hasx:
                raise DataError(
                    f"{self.path}: every frame must have coordinates, got none in step "
                    f"{frame.step}; write them at the same interval as velocities and forces"
                )
            return frame

        return read_trr


class _Dcd(FrameReader):
    """DCD: many frames per call, copies only the selected atoms."""

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
        with self._opened(lambda: DCDFile(self.path)) as file:
            for first in range(0, len(frames), size):
                part = frames[first : first + size]
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
    """Other formats: the MDAnalysis reader, frame by frame."""

    def __init__(self, path: str, n_atoms: int, reader: Callable[..., Any]) -> None:
        super().__init__(path, n_atoms)
        self._reader = reader
        with self._open_silently() as frames:
            self.n_atoms, self.n_frames = int(frames.n_atoms), int(frames.n_frames)
            self.timed = bool({"dt", "time"} & set(frames.ts.data))

    def _open_silently(self) -> Any:
        hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self._reader(self.path, n_atoms=self.n_atoms)
        except Exception as error:
            error.__traceback__ = None  # frees a partly created reader, whose destructor may warn
            raise
        finally:
            sys.unraisablehook = hook

    def blocks(self, frames: range, atoms: NDArray[np.int64], size: int) -> Iterator[FrameBlock]:
        with self._opened(self._open_silently) as reader:
            for first in range(0, len(frames), size):
                part = frames[first : first + size]
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
                        # readers raise various types: ValueError, IndexError, RuntimeError, ...
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
    """Open a trajectory in a format of MDAnalysis.

    Raises
    ------
    ParameterError
        If the format is unknown.
    SourceError
        If the file does not exist, cannot be read, is empty or has another format.
    """
    if not Path(path).is_file():
        raise SourceError(f"trajectory must be a file, got {path!r}, which does not exist")
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
    except Exception as error:  # readers raise various types
        raise SourceError(
            f"trajectory must be a complete {_kind(reader)} file, got {path!r}, "
            f"which cannot be opened: {str(error).strip()}"
        ) from None
    if frames.n_frames < 1:
        raise SourceError(f"trajectory must hold at least one complete frame, got none in {path!r}")
    return frames


def _kind(reader: Any) -> str:
    return reader.format if isinstance(reader.format, str) else str(reader.format[0])
