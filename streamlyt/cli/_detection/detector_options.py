"""The detector of a command, built from its command line options."""

from collections.abc import Sequence
from inspect import signature
from typing import Any

from streamlyt.cli.options import NullModel
from streamlyt.config.factory import build_component
from streamlyt.config.layers import parse_toml_value
from streamlyt.core import Operator
from streamlyt.core.errors import ParameterError, unknown_name_error
from streamlyt.detectors import NEWMA, MultiscaleNEWMA
from streamlyt.pipeline import Pipeline
from streamlyt.registry import component_names, component_to_table, get_component

__all__ = ["choose_detector", "dependence_warning"]

CATEGORY = ("detectors",)


def choose_detector(
    null_model: NullModel | None,
    arl: float | None,
    window: int | None,
    seed: int | None,
    scale: float | None = None,
    default: NullModel = NullModel.auto,
    detector: str | None = None,
    sets: Sequence[str] = (),
) -> Operator:
    """Return the detector of this name, or the one of the null model (``default`` if not given)."""
    options: dict[str, Any] = {"arl": arl, "window": window, "seed": seed}
    options = {name: value for name, value in options.items() if value is not None}
    if detector is None:
        selected = _by_null(null_model or default, options, scale)
        if not sets:
            return selected
        table = component_to_table(selected)
    else:
        if detector.replace("-", "_") not in component_names("detectors"):
            raise unknown_name_error("--detector", detector, component_names("detectors"))
        known = signature(get_component("detectors", detector)).parameters
        table = {"type": detector, **options}
        if null_model is not None:
            table["null_model"] = null_model.value
        for name in table:
            if name != "type" and name not in known:
                raise ParameterError(
                    f"--{name.replace('_', '-')} must be a parameter of the detector, got "
                    f"--detector {detector} with "
                    f"{', '.join(known) or 'no parameters'}; leave it out"
                )
        if scale is not None and "scale" in known:
            table["scale"] = scale
    for setting in sets:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ParameterError(f"--set must be NAME=VALUE, for example level=4, got {setting!r}")
        table[name.strip()] = parse_toml_value(text.strip())
    built: Operator = build_component(table, CATEGORY, None, "detector")
    return built


def _by_null(null_model: NullModel, options: dict[str, Any], scale: float | None) -> Operator:
    if null_model is not NullModel.adaptive:
        options["null_model"] = null_model.value
        return MultiscaleNEWMA(scale=scale, **options)
    if "arl" in options:
        raise ParameterError(
            "--arl needs --null-model auto, iid or empirical; the adaptive threshold is a rate "
            "per row: leave --arl out"
        )
    return NEWMA(null_model="adaptive", **options)


def dependence_warning(pipeline: Pipeline) -> str | None:
    """Return a warning if the rows are dependent and the null model assumes independence."""
    names = [
        name
        for name, operator in pipeline.operators.items()
        if isinstance(operator, MultiscaleNEWMA) and operator.null_model == "iid"
    ]
    excess = max(
        (
            float(states[name]["dependence"][0])
            for states in pipeline.states().values()
            for name in names
            if "dependence" in states[name]
        ),
        default=0.0,
    )
    if excess < 1.0:
        return None
    return (
        f"--null-model iid does not fit: rows are serially dependent ({excess:.1f} times the "
        "significance limit), so false alarms are far more frequent than --arl; leave "
        "--null-model out"
    )
