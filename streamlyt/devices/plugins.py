"""Devices by name: built-in ones and plugins from entry points."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from streamlyt.core.errors import ParameterError

from .protocol import Device
from .recorded import RecordedDevice
from .simulated import SimulatedDevice

__all__ = ["device_names", "get_device"]

GROUP = "streamlyt.devices"
_BUILT_IN: dict[str, type[Any]] = {"recorded": RecordedDevice, "simulated": SimulatedDevice}


def device_names() -> list[str]:
    """Return the sorted names of all available devices, without loading them.

    Examples
    --------
    >>> {"recorded", "simulated"} <= set(device_names())
    True
    """
    return sorted({*_BUILT_IN, *_plugins()})


def get_device(name: str, **parameters: Any) -> Device:
    """Create a device by name; it is not opened.

    Parameters
    ----------
    name
        ``"simulated"``, ``"recorded"``, or that of an entry point in the group
        ``streamlyt.devices``: a class, or a function that returns a device.
    **parameters
        Parameters of the device.

    Raises
    ------
    ParameterError
        If the device is unknown, rejects the parameters, or lacks a required member.

    Examples
    --------
    >>> get_device("simulated", levels=2).capabilities.levels
    2
    """
    plugins = _plugins()
    if name in _BUILT_IN:
        make = _BUILT_IN[name]
    elif name in plugins:
        make = plugins[name].load()
    else:
        known = ", ".join(map(repr, device_names()))
        raise ParameterError(
            f"device must be one of {known}, got {name!r}; a package adds one by an entry point in "
            f"the group {GROUP!r}"
        )
    try:
        device = make(**parameters)
    except TypeError as error:
        raise ParameterError(f"device {name!r} rejects {parameters!r}: {error}") from error
    if not isinstance(device, Device):
        raise ParameterError(
            f"device {name!r} must have capabilities, open, close and project_intensity, got "
            f"{device!r}"
        )
    return device


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in _BUILT_IN}
