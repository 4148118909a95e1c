"""What an optical projection runs on: simulated, recorded, or a device of your own."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .camera import Camera as Camera
    from .contract import check_device as check_device
    from .device import Capabilities as Capabilities
    from .device import Device as Device
    from .device import Frames as Frames
    from .encoder import Encoder as Encoder
    from .plugins import device_names as device_names
    from .plugins import find_device as find_device
    from .recorded import Recorded as Recorded
    from .recorded import Recorder as Recorder
    from .simulated import Simulated as Simulated

__getattr__, __dir__, __all__ = lazy_names(__name__)
