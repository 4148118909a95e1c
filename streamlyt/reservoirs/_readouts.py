"""The read-outs by name."""

from collections.abc import Mapping

from ._readout import Gram, Readout, SquareRoot
from ._selection import CrossValidated
from ._sketch import Sketch
from ._stepwise import NLMS, RLS

__all__ = ["READOUTS"]

READOUTS: Mapping[str, type[Readout]] = {
    "gram": Gram,
    "square-root": SquareRoot,
    "cross-validated": CrossValidated,
    "sketch": Sketch,
    "rls": RLS,
    "nlms": NLMS,
}
