"""Current names of components that run files of formats 1 and 2 store under former names.

Only readers use them: new files contain current names only.
"""

import ast
import re
from collections.abc import Mapping
from typing import Any

__all__ = [
    "current_class",
    "current_fingerprint",
    "current_name",
    "current_parameter",
    "current_retention",
    "current_table",
    "current_tables",
]

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

_KEYS = {"label": "id", "after": "input"}
_NESTED = ("codec", "detectors", "features", "reservoirs")
_COLUMNS = {"time": "time_column", "key": "key_column"}
_NULL = {"null": "null_model", "persistence": "min_consecutive"}
_GRADIENT = {"width": "kernel_width", "rate": "learning_rate"}
_ANOMALY = {"width": "kernel_width", "forget": "forgetting_factor"}
_PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "arrow": _COLUMNS,
    "avro": _COLUMNS,
    "change_aware_forecaster": {
        "reservoirs": "forecaster",
        "detectors": "detector",
        "settle": "warmup_rows",
        "policy": "on_change",
    },
    "csv": _COLUMNS,
    "deduplicate": {"same": "by"},
    "delay_embedding": {"width": "window_rows", "lags": "dimension", "local": "normalize"},
    "echo_state_network": {"links": "connections_per_node", "compressed": "arcsinh_inputs"},
    "files": _COLUMNS
    | {
        "batch_rows": "batch_size",
        "disorder": "out_of_order",
        "classes": "class_labels",
        "events": "events_path",
    },
    "fogd": _GRADIENT,
    "json": _COLUMNS,
    "kafka": _COLUMNS
    | {
        "servers": "bootstrap_servers",
        "events": "events_topic",
        "dead": "dead_letter_topic",
        "late": "late_topic",
        "message_rows": "rows_per_message",
        "compression": "compression_type",
        "transaction": "transactional_id",
        "holes": "missing",
        "group": "group_id",
        "member": "group_instance_id",
        "begin": "auto_offset_reset",
        "batch_messages": "max_poll_records",
        "access": "security",
    },
    "kernel_density": _ANOMALY,
    "logistic_regression": _GRADIENT,
    "mahalanobis": _ANOMALY,
    "memory": {"disorder": "out_of_order"},
    "missing_values": {"policy": "missing"},
    "msgpack": _COLUMNS,
    "multiscale_newma": _NULL,
    "newma": _NULL | {"quantile": "threshold_quantile"},
    "nlms": _GRADIENT,
    "nvar": {"delays": "n_delays"},
    "one_class_svm": {"width": "kernel_width", "share": "nu", "step": "learning_rate"},
    "online_segmentation": {"memory": "max_window"},
    "optical_reservoir": {"average": "n_average"},
    "recurrent_kernel_forecaster": {"linear": "linear_weight", "rows": "max_rows"},
    "reference_mmd": {"reference": "reference_rows"},
    "reorder": {"lateness": "max_out_of_orderness", "capacity": "max_buffered_rows"},
    "reservoir_forecaster": {
        "target": "target_type",
        "forget": "forgetting_factor",
        "noise": "input_noise",
        "patch": "patch_size",
        "refit": "max_refit_interval",
        "calibration": "calibration_rows",
    },
    "rls": _ANOMALY | {"robust": "huber_k"},
    "robust_forecaster": {
        "delays": "n_delays",
        "forget": "forgetting_factor",
        "calibration": "calibration_rows",
    },
    "sliced_wasserstein": {"n_slices": "n_projections"},
    "sliding_window": {"width": "size"},
    "superposition": {"keep": "output_atoms"},
    "trajectories": {"batch_rows": "batch_size"},
    "tumbling_window": {"width": "size"},
    "unwrap": {"parents": "bond_tree"},
}
_RETENTION = {"retain_rows": "max_rows", "retain_age": "max_age", "retain_mb": "max_mb"}
_SECURITY = {
    "ca": "ca_file",
    "certificate": "cert_file",
    "private_key": "key_file",
    "sasl": "sasl_mechanism",
    "user": "username",
}
_FILL = {"stop": "raise", "hold": "ffill"}
_ORDER = {"refuse": "raise", "pass": "allow"}
_NULL_MODELS = {"independent": "iid", "learned": "empirical"}
_VALUES: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("change_aware_forecaster", "on_change"): {"anew": "reset"},
    ("files", "out_of_order"): _ORDER,
    ("kafka", "missing"): {"refuse": "dead_letter"},
    ("memory", "out_of_order"): _ORDER,
    ("missing_values", "channels"): _FILL,
    ("missing_values", "missing"): _FILL,
    ("multiscale_newma", "null_model"): _NULL_MODELS,
    ("newma", "null_model"): _NULL_MODELS,
    ("reorder", "late"): {"aside": "side_output", "stop": "raise"},
    ("reservoir_forecaster", "readout"): {
        "gram": "normal_equations",
        "square-root": "qr",
        "cross-validated": "gcv",
    },
}
# Forecasters whose former ``forget`` was the fraction forgotten, not the factor kept.
_FORGETTING_FRACTION = ("reservoir_forecaster", "robust_forecaster")


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


def current_tables(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables of a pipeline file that a run file stores, with current names."""
    result = dict(tables)
    if isinstance(result.get("source"), Mapping):
        result["source"] = current_table(result["source"])
    for name in ("operators", "sinks"):
        if isinstance(result.get(name), list):
            result[name] = [current_table(table) for table in result[name]]
    return result


def current_retention(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a retention policy with current names."""
    return {_RETENTION.get(name, name): value for name, value in params.items()}


def current_table(table: Mapping[str, Any], category: str = "") -> dict[str, Any]:
    """Return a component's table of a pipeline file with current names.

    Tables of formats 1 and 2 have the key ``name`` where others have ``type``.

    Parameters
    ----------
    table
        The table; one with current names is returned as it is.
    category
        The key of the table in another one, such as ``"reservoirs"``.
    """
    if not isinstance(table.get("name"), str) or "type" in table:
        return dict(table)
    former = table["name"]
    is_reservoir = former == "optical" and category == "reservoirs"
    component = "optical_reservoir" if is_reservoir else current_name(former)
    result: dict[str, Any] = {"type": component}
    for key, value in table.items():
        if key in _KEYS:
            result[_KEYS[key]] = current_name(value) if key == "after" else value
        elif key != "name":
            name, current = current_parameter(component, key, value)
            if isinstance(value, Mapping) and "name" in value and key in _NESTED:
                current = current_table(value, key)
            elif isinstance(value, list) and key in _NESTED:
                current = [current_table(each, key) for each in value]
            result[name] = current
    return result


def current_parameter(component: str, name: str, value: Any) -> tuple[str, Any]:
    """Return the current name and value of a parameter.

    Parameters
    ----------
    component
        Current registry name of the component.
    name, value
        Former name and value.

    Examples
    --------
    >>> current_parameter("multiscale_newma", "null", "learned")
    ('null_model', 'empirical')
    >>> current_parameter("reservoir_forecaster", "forget", 0.25)
    ('forgetting_factor', 0.75)
    """
    current = _PARAMETERS.get(component, {}).get(name, name)
    if component in _FORGETTING_FRACTION and name == "forget":
        return current, 1.0 - value
    if component == "kafka" and current == "security" and isinstance(value, Mapping):
        return current, {_SECURITY.get(key, key): each for key, each in value.items()}
    values = _VALUES.get((component, current), {})
    if isinstance(value, Mapping):
        return current, {key: values.get(each, each) for key, each in value.items()}
    return current, values.get(value, value) if isinstance(value, str) else value


def current_fingerprint(saved: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return the entries of a parameter fingerprint with current names and values.

    Parameters
    ----------
    saved
        Path of a parameter -> its representation; a component is represented by its class name.
    own
        Entries of the component that reads them.
    """
    paths = {"": ""}
    result: dict[str, str] = {}
    owners = {"": current_class(saved.get("name", ""), own.get("name", ""))}
    for path, text in saved.items():
        owner, _, name = path.rpartition(".")
        bare, bracket, number = name.partition("[")
        component = _snake_case(owners.get(owner, ""))
        current, value = bare, text
        if path != "name":
            literal = _literal(text)
            current, changed = current_parameter(component, bare, literal)
            value = text if changed is literal else repr(changed)
        parent = paths.get(owner, owner)
        full = f"{parent}.{current}" if parent else current
        paths[path] = full + bracket + number
        owners[path] = current_class(value, own.get(paths[path], ""))
        result[paths[path]] = owners[path]
    return result


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text  # the name of a class
