"""Current names of components that run files of formats 1 and 2 store under former names.

Only readers use them: new files contain current names only.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["current_class", "current_name", "current_table"]

_COMPONENTS = {
    "bank": "multiscale_newma",
    "change_aware": "change_aware_forecaster",
    "classifier": "kernel_classifier",
    "count": "count_window",
    "delays": "delay_embedding",
    "density": "kernel_density",
    "duplicates": "deduplicate",
    "echo": "echo_state_network",
    "forecaster": "reservoir_forecaster",
    "kernel": "recurrent_kernel_forecaster",
    "layers": "deep_reservoir",
    "logistic": "logistic_regression",
    "measured": "robust_forecaster",
    "missing": "missing_values",
    "mmd": "reference_mmd",
    "moving_average": "sliding_mmd",
    "one_class": "one_class_svm",
    "ordered": "reorder",
    "polynomial": "nvar",
    "portable": "array_api",
    "regressor": "kernel_regressor",
    "session": "session_window",
    "sliding": "sliding_window",
    "split_search": "online_segmentation",
    "standardise": "robust_scaler",
    "superpose": "superposition",
    "tumbling": "tumbling_window",
    "two_sample": "offline_split",
    "whole": "unwrap",
}
_CLASSES = {
    "ChangeAware": "ChangeAwareForecaster",
    "Echo": "EchoStateNetwork",
    "FastFood": "FastfoodMap",
    "Fourier": "FourierMap",
    "KernelForecaster": "RecurrentKernelForecaster",
    "Layers": "DeepReservoir",
    "MeasuredForecaster": "RobustForecaster",
    "Polynomial": "NVAR",
    "Portable": "ArrayAPIMap",
}


def current_name(name: str) -> str:
    """Return the current registry name of a component.

    Examples
    --------
    >>> current_name("bank"), current_name("newma")
    ('multiscale_newma', 'newma')
    """
    return _COMPONENTS.get(name, name)


def current_class(name: str, expected: str = "") -> str:
    """Return the current name of a class.

    Parameters
    ----------
    name
        The name in the file.
    expected
        The class that reads it. ``Optical`` was the name of a feature map and of a reservoir.
    """
    if name == "Optical" and expected in ("", "OpticalMap", "OpticalReservoir"):
        return expected or name
    return _CLASSES.get(name, name)


def current_table(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a component's table of a pipeline file with current registry names."""
    result: dict[str, Any] = {}
    for key, value in table.items():
        if key == "name" and isinstance(value, str):
            result[key] = current_name(value)
        elif isinstance(value, Mapping):
            result[key] = current_table(value)
        else:
            result[key] = value
    return result
