"""Optical devices: simulated, recorded, or your own."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from ._kernels.simulation import settle_rows as settle_rows
    from .camera import Camera as Camera
    from .device_checks import check_device as check_device
    from .encoder import DisplayEncoder as DisplayEncoder
    from .plugins import device_names as device_names
    from .plugins import get_device as get_device
    from .protocol import CameraFrames as CameraFrames
    from .protocol import Device as Device
    from .protocol import DeviceCapabilities as DeviceCapabilities
    from .recorded import RecordedDevice as RecordedDevice
    from .recorded import RecordingDevice as RecordingDevice
    from .simulated import SimulatedDevice as SimulatedDevice

__getattr__, __dir__, __all__ = lazy_exports(__name__)
