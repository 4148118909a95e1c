"""Which detector a verb runs, from what was asked on the command line."""

from typing import Any

from streamlyt.cli._options import NullModel
from streamlyt.detector import Detector
from streamlyt.detectors import NEWMA, NEWMABank
from streamlyt.errors import ParameterError

__all__ = ["choose_detector"]


def choose_detector(
    null: NullModel | None,
    arl: float | None,
    window: int | None,
    seed: int,
    scale: float | None = None,
) -> Detector:
    """Return the detector for a null model; what was not asked stays at its default."""
    asked: dict[str, Any] = {
        name: value for name, value in (("arl", arl), ("window", window)) if value is not None
    }
    if null in (None, NullModel.learned):
        return NEWMABank(seed=seed, scale=scale, **asked)
    if null is NullModel.independent:
        return NEWMA(null="independent", seed=seed, **asked)
    if arl is not None:
        raise ParameterError(
            "--arl must go with --null learned or independent: the adaptive threshold is a rate "
            "per row; leave it out"
        )
    return NEWMA(null="adaptive", seed=seed, **asked)
