"""Which detector a verb runs, from what was asked on the command line."""

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

ROOM = ("detectors",)


def choose_detector(
    null: NullModel | None,
    arl: float | None,
    window: int | None,
    seed: int | None,
    scale: float | None = None,
    usual: NullModel = NullModel.auto,
    detector: str | None = None,
    sets: Sequence[str] = (),
) -> Operator:
    """Return the detector of a name, of a null model or the ``usual`` one; the rest stays."""
    asked: dict[str, Any] = {"arl": arl, "window": window, "seed": seed}
    asked = {name: value for name, value in asked.items() if value is not None}
    if detector is None:
        chosen = _by_null(null or usual, asked, scale)
        if not sets:
            return chosen
        table = component_to_table(chosen)
    else:
        if detector.replace("-", "_") not in component_names("detectors"):
            raise unknown_name_error("--detector", detector, component_names("detectors"))
        known = signature(get_component("detectors", detector)).parameters
        table = {"name": detector, **asked}
        if null is not None:
            table["null"] = null.value
        for name in table:
            if name != "name" and name not in known:
                raise ParameterError(
                    f"--{name} must go with a detector that has it, got --detector {detector}, "
                    f"which has {', '.join(known) or 'no parameters'}"
                )
        if scale is not None and "scale" in known:
            table["scale"] = scale
    for given in sets:
        name, equals, text = given.partition("=")
        if not equals:
            raise ParameterError(f"--set must be like level=4, got {given!r}")
        table[name.strip()] = parse_toml_value(text.strip())
    built: Operator = build_component(table, ROOM, None, "detector")
    return built


def _by_null(null: NullModel, asked: dict[str, Any], scale: float | None) -> Operator:
    if null is not NullModel.adaptive:
        asked["null"] = null.value
        return MultiscaleNEWMA(scale=scale, **asked)
    if "arl" in asked:
        raise ParameterError(
            "--arl must go with --null auto, learned or independent: the adaptive threshold is a "
            "rate per row; leave it out"
        )
    return NEWMA(null="adaptive", **asked)


def dependence_warning(pipeline: Pipeline) -> str | None:
    """Return what is to be said where rows depend on their past though told not to."""
    names = [
        name
        for name, operator in pipeline.operators.items()
        if isinstance(operator, MultiscaleNEWMA) and operator.null == "independent"
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
        f"--null independent does not fit: rows depend on those before them ({excess:.1f} times "
        "what chance allows), so that false alarms come far more often than --arl says; leave "
        "--null out"
    )
