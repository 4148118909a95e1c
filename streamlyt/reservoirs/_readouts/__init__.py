"""Registry of the readouts by name."""

from collections.abc import Mapping

from .base import Gram, Readout, SquareRoot
from .cross_validated import CrossValidated
from .recursive import NLMS, RLS
from .sketched import Sketch

__all__ = ["READOUTS"]

READOUTS: Mapping[str, type[Readout]] = {
    "normal_equations": Gram,
    "qr": SquareRoot,
    "gcv": CrossValidated,
    "sketch": Sketch,
    "rls": RLS,
    "nlms": NLMS,
}
