"""Devices by name: our own, and those that other packages bring through an entry point."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from streamlyt.core.errors import ParameterError

from .protocol import Device
from .recorded import RecordedDevice
from .simulated import SimulatedDevice

__all__ = ["device_names", "get_device"]

GROUP = "streamlyt.devices"
_OWN: dict[str, type[Any]] = {"recorded": RecordedDevice, "simulated": SimulatedDevice}


def device_names() -> list[str]:
    """Return the names of all devices that can be had, sorted; none is loaded.

    Examples
    --------
    >>> {"recorded", "simulated"} <= set(device_names())
    True
    """
    return sorted({*_OWN, *_foreign()})


def get_device(name: str, **parameters: Any) -> Device:
    """Return the device of a name, made with parameters; it is not opened yet.

    Parameters
    ----------
    name
        ``"simulated"``, ``"recorded"``, or that of an entry point in the group
        ``streamlyt.devices``, which leads to a class or a function that returns a device.
    **parameters
        Of the device.

    Raises
    ------
    ParameterError
        If there is no such device, or it does not take the parameters, or it is none.

    Examples
    --------
    >>> get_device("simulated", levels=2).capabilities.levels
    2
    """
    foreign = _foreign()
    if name in _OWN:
        make = _OWN[name]
    elif name in foreign:
        make = foreign[name].load()
    else:
        known = ", ".join(map(repr, device_names()))
        raise ParameterError(
            f"device must be one of {known}, got {name!r}; a package of your own brings one by an "
            f"entry point in the group {GROUP!r}"
        )
    try:
        device = make(**parameters)
    except TypeError as error:
        raise ParameterError(f"device {name!r} does not take {parameters!r}: {error}") from error
    if not isinstance(device, Device):
        raise ParameterError(
            f"device {name!r} must have capabilities, open, close and project_intensity, got "
            f"{device!r}"
        )
    return device


def _foreign() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in _OWN}
