"""Recordings of device frames, and a device that replays them."""

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
_DIGEST = 16  # bytes of the hash that identifies a pattern


class RecordingDevice(Component):
    """A wrapper that records the frames of another device.

    Parameters
    ----------
    device
        The wrapped device.

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
        """Those of the wrapped device, without fields, which a camera does not record."""
        return replace(self.device.capabilities, linear=False)

    @property
    def n_frames(self) -> int:
        """Number of distinct frames so far."""
        return len(self._frames)

    def open(self) -> None:
        """Open the device."""
        self.device.open()

    def close(self) -> None:
        """Close the device; the recording remains."""
        self.device.close()

    def project_intensity(
        self, patterns: Array, n_outputs: int, *, exposure: Floats, first: Array
    ) -> CameraFrames:
        """Show patterns on the device; see :class:`Device`."""
        frames = self.device.project_intensity(patterns, n_outputs, exposure=exposure, first=first)
        self._top = frames.full_scale
        for i, key in enumerate(_keys(patterns, n_outputs, exposure, first)):
            frame = frames.counts[i].copy(), float(frames.exposure[i]), float(frames.black_level[i])
            self._frames.setdefault(key, frame)
        return frames

    def save(self, path: str | Path) -> None:
        """Write the recording; an existing file is replaced atomically.

        Raises
        ------
        DataError
            If nothing was recorded, or frames have different sizes.
        """
        if len({frame.size for frame, _, _ in self._frames.values()}) != 1:
            raise DataError(
                "recorded frames must have one size, and there must be at least one, got sizes "
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
        target = Path(path)
        part = target.with_name(target.name + ".part")
        part.write_bytes(pack(arrays))
        part.replace(target)


class RecordedDevice(Component):
    """A recording that replaces its device.

    A frame is identified by its pattern, exposure, frame index and number of outputs. The same run
    with the recording is bit-identical to that with the device, noise included.

    Parameters
    ----------
    path
        File written by :meth:`RecordingDevice.save`; nothing in it is unpickled.

    Raises
    ------
    FormatError
        If the file is not a recording.

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
                f"{str(path)!r} must be a file written by RecordingDevice.save(): {error}"
            ) from error
        if version != _VERSION:
            raise FormatError(
                f"{str(path)!r} must be a recording of version {_VERSION}, got {version!r}; "
                "record it again"
            )
        self._top = float(head["top"])
        self._capabilities = replace(can, deterministic=True)
        self._index = {key.tobytes(): i for i, key in enumerate(arrays["keys"])}
        self._counts = arrays["counts"]
        self._exposure, self._black = arrays["exposure"], arrays["black"]

    @property
    def capabilities(self) -> DeviceCapabilities:
        """Those of the recorded device."""
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
            Also if a pattern was not recorded with its exposure and frame index.
        """
        check_patterns(patterns, n_outputs, self._capabilities)
        indices = []
        for i, key in enumerate(_keys(patterns, n_outputs, exposure, first)):
            if key not in self._index:
                raise DataError(
                    f"frame {int(first[i])} must be in the recording {str(self.path)!r} of "
                    f"{len(self._index)} frames, got a pattern not recorded with exposure "
                    f"{float(exposure[i])!r} and {n_outputs} pixels; run the same parameters on "
                    "the same rows, or record again"
                )
            indices.append(self._index[key])
        index = np.array(indices, dtype=np.int64)
        return CameraFrames(
            self._counts[index], self._exposure[index], self._black[index], self._top
        )


def _keys(patterns: Array, n_outputs: int, exposure: Floats, first: Array) -> list[bytes]:
    rows = np.ascontiguousarray(patterns)
    keys = []
    for row, light, number in zip(rows, exposure, first, strict=True):
        settings = f"{n_outputs} {float(light)!r} {int(number)} {row.dtype.str}".encode()
        keys.append(sha256(settings + row.tobytes()).digest()[:_DIGEST])
    return keys
