"""Recordings: what a device showed is kept, and shown again in its place."""

import json
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from streamlyt.core import Array, Component, Floats
from streamlyt.core.errors import DataError, FormatError, StateError
from streamlyt.core.state import pack, unpack

from .protocol import CameraFrames, Device, DeviceCapabilities, check_patterns

__all__ = ["RecordedDevice", "RecordingDevice"]

_VERSION = 1  # of the file
_DIGEST = 16  # bytes of a hash that stand for a pattern


class RecordingDevice(Component):
    """A device that hands everything to another one and remembers the frames.

    Parameters
    ----------
    device
        The one that does the work.

    Examples
    --------
    >>> import numpy as np
    >>> from streamlyt.devices import SimulatedDevice
    >>> recorder = RecordingDevice(SimulatedDevice(levels=2))
    >>> pattern, one = np.array([[1, 0, 1]], dtype=np.uint8), np.ones(1)
    >>> seen = recorder.project_intensity(pattern, 5, exposure=one, first=np.array([7]))
    >>> recorder.n_frames
    1
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self._frames: dict[bytes, tuple[Array, float, float]] = {}
        self._top = 0.0

    @property
    def capabilities(self) -> DeviceCapabilities:
        """Those of the device, but for fields, which no camera sees."""
        return replace(self.device.capabilities, linear=False)

    @property
    def n_frames(self) -> int:
        """Number of different frames so far."""
        return len(self._frames)

    def open(self) -> None:
        """Open the device."""
        self.device.open()

    def close(self) -> None:
        """Close the device; what was recorded stays."""
        self.device.close()

    def project_intensity(
        self, patterns: Array, n_outputs: int, *, exposure: Floats, first: Array
    ) -> CameraFrames:
        """Show patterns on the device; see :class:`Device`."""
        frames = self.device.project_intensity(patterns, n_outputs, exposure=exposure, first=first)
        self._top = frames.full_scale
        for i, key in enumerate(_keys(patterns, n_outputs, exposure, first)):
            kept = frames.counts[i].copy(), float(frames.exposure[i]), float(frames.black_level[i])
            self._frames.setdefault(key, kept)
        return frames

    def save(self, path: str | Path) -> None:
        """Write the recording; an older one there is replaced as a whole, or not at all.

        Raises
        ------
        DataError
            If nothing was recorded, or frames of different sizes.
        """
        if len({frame.size for frame, _, _ in self._frames.values()}) != 1:
            raise DataError(
                "a recording must hold frames of one size, and at least one, got "
                f"{sorted({frame.size for frame, _, _ in self._frames.values()})!r}"
            )
        head = {"version": _VERSION, "top": self._top, "capabilities": asdict(self.capabilities)}
        counts, exposure, black = zip(*self._frames.values(), strict=True)
        arrays = {
            "head": np.array(json.dumps(head)),
            "keys": np.frombuffer(b"".join(self._frames), np.uint8).reshape(-1, _DIGEST),
            "counts": np.stack(counts),
            "exposure": np.array(exposure),
            "black": np.array(black),
        }
        whole = Path(path)
        part = whole.with_name(whole.name + ".part")
        part.write_bytes(pack(arrays))
        part.replace(whole)


class RecordedDevice(Component):
    """A recording in place of the device that it was made with.

    A frame is found by its pattern, its exposure, its number in the run and the size that is read:
    the same run over a recording gives the same bits as over the device, noise included.

    Parameters
    ----------
    path
        File that :meth:`Recorder.save` wrote. It is read, and nothing in it is unpickled.

    Raises
    ------
    FormatError
        If the file is no recording.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from streamlyt.devices import SimulatedDevice
    >>> recorder, one = RecordingDevice(SimulatedDevice(levels=2)), np.ones(1)
    >>> pattern = np.array([[1, 0, 1]], dtype=np.uint8)
    >>> seen = recorder.project_intensity(pattern, 5, exposure=one, first=one)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     recorder.save(f"{folder}/bench.frames")
    ...     device = RecordedDevice(f"{folder}/bench.frames")
    >>> again = device.project_intensity(pattern, 5, exposure=one, first=one)
    >>> bool((again.counts == seen.counts).all())
    True
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        try:
            arrays = unpack(Path(path).read_bytes())
            head = json.loads(str(arrays["head"]))
            version = head["version"]
            can = DeviceCapabilities(**head["capabilities"])
        except (StateError, KeyError, TypeError, ValueError) as error:
            raise FormatError(
                f"{str(path)!r} must be a recording of frames that Recorder.save() wrote: {error}"
            ) from error
        if version != _VERSION:
            raise FormatError(
                f"{str(path)!r} must be a recording of version {_VERSION}, got {version!r}; "
                "record it again"
            )
        self._top = float(head["top"])
        self._capabilities = replace(can, deterministic=True)
        self._places = {key.tobytes(): i for i, key in enumerate(arrays["keys"])}
        self._counts = arrays["counts"]
        self._exposure, self._black = arrays["exposure"], arrays["black"]

    @property
    def capabilities(self) -> DeviceCapabilities:
        """Those of the device that was recorded."""
        return self._capabilities

    def open(self) -> None:
        """Do nothing: the recording is in memory."""

    def close(self) -> None:
        """Do nothing: the recording stays in memory."""

    def project_intensity(
        self, patterns: Array, n_outputs: int, *, exposure: Floats, first: Array
    ) -> CameraFrames:
        """Find the frames; see :class:`Device`.

        Raises
        ------
        DataError
            Also if a pattern was not recorded with its exposure and number.
        """
        check_patterns(patterns, n_outputs, self._capabilities)
        places = []
        for i, key in enumerate(_keys(patterns, n_outputs, exposure, first)):
            if key not in self._places:
                raise DataError(
                    f"frame {int(first[i])} must be in the recording {str(self.path)!r} of "
                    f"{len(self._places)} frames: this pattern was not shown with exposure "
                    f"{float(exposure[i])!r} and {n_outputs} pixels; run the same parameters on "
                    "the same rows, or record again"
                )
            places.append(self._places[key])
        found = np.array(places, dtype=np.int64)
        return CameraFrames(
            self._counts[found], self._exposure[found], self._black[found], self._top
        )


def _keys(patterns: Array, n_outputs: int, exposure: Floats, first: Array) -> list[bytes]:
    rows = np.ascontiguousarray(patterns)
    keys = []
    for row, light, number in zip(rows, exposure, first, strict=True):
        told = f"{n_outputs} {float(light)!r} {int(number)} {row.dtype.str}".encode()
        keys.append(sha256(told + row.tobytes()).digest()[:_DIGEST])
    return keys
