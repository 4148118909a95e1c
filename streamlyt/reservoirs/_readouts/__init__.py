"""Registry of the readouts by name."""

from collections.abc import Mapping

from .base import Gram, Readout, SquareRoot
from .cross_validated import CrossValidated
from .recursive import NLMS, RLS
from .sketched import Sketch

__all__ = ["READOUTS"]

READOUTS: Mapping[str, type[Readout]] = {
    "gram": Gram,
    "square-root": SquareRoot,
    "cross-validated": CrossValidated,
    "sketch": Sketch,
    "rls": RLS,
    "nlms": NLMS,
}
