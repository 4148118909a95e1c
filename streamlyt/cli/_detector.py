"""Which detector a verb runs, from what was asked on the command line."""

from typing import Any

from streamlyt.cli._options import NullModel
from streamlyt.detector import Detector
from streamlyt.detectors import NEWMA, NEWMABank
from streamlyt.errors import ParameterError
from streamlyt.pipeline import Pipeline

__all__ = ["choose_detector", "doubt"]


def choose_detector(
    null: NullModel | None,
    arl: float | None,
    window: int | None,
    seed: int,
    scale: float | None = None,
    usual: NullModel = NullModel.auto,
) -> Detector:
    """Return the detector for a null model, or the ``usual`` one; what was not asked stays."""
    asked: dict[str, Any] = {
        name: value for name, value in (("arl", arl), ("window", window)) if value is not None
    }
    null = null or usual
    if null is not NullModel.adaptive:
        asked["null"] = null.value
        return NEWMABank(seed=seed, scale=scale, **asked)
    if arl is not None:
        raise ParameterError(
            "--arl must go with --null auto, learned or independent: the adaptive threshold is a "
            "rate per row; leave it out"
        )
    return NEWMA(null="adaptive", seed=seed, **asked)


def doubt(pipeline: Pipeline) -> str | None:
    """Return what is to be said where rows depend on their past though told not to."""
    names = [
        name
        for name, operator in pipeline.operators.items()
        if isinstance(operator, NEWMABank) and operator.null == "independent"
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
