"""The random numbers that a structured map is drawn from."""

from typing import NamedTuple

from streamlyt.core import Array, Floats

__all__ = ["Draws"]


class Draws(NamedTuple):
    """What is drawn for one input width, ready for the loops.

    ``_draw`` gives tables also where the compiled loops draw on the way.

    Parameters
    ----------
    structured
        Which of the two loops.
    weights
        Shape (d,), or (1,) for one of all: multiplies the inputs.
    constant
        The further input at the end; none where it is zero.
    width
        Length of an input row after padding with zeros.
    first, second
        Tables of the loop, in the type of the features; the second one empty where one will do.
    factor
        On every feature.
    offset
        Squared lengths of the input row that are taken off, for the centred response.
    order
        Shape as the tables: the input at each place, where inputs are permuted.
    n_inputs
        Inputs before the padding, the constant one included; of dense maps.
    whole
        Places of the tables that are in working order, as ``wide_rows`` needs them.
    """

    structured: bool
    weights: Floats
    constant: float
    width: int
    first: Array
    second: Array
    factor: float
    offset: float = 0.0
    order: Array | None = None
    n_inputs: int = 0
    whole: int = 0
