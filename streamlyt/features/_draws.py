"""Random numbers of a feature map, as tables for the compiled loops."""

from typing import NamedTuple

from streamlyt.core import Array, Floats

__all__ = ["Draws"]


class Draws(NamedTuple):
    """Draws for one number of inputs, ready for the compiled loops.

    ``_draw`` also returns tables where the compiled loops draw entries as they go.

    Parameters
    ----------
    structured
        Whether the structured loop is used.
    weights
        Factors on the inputs, shape (d,), or (1,) for a common one.
    constant
        The additional constant input at the end; none if zero.
    width
        Length of an input row after padding with zeros.
    first, second
        Tables of the loop, in the type of the features; ``second`` is empty if one suffices.
    factor
        Factor on every feature.
    offset
        Multiple of the squared input length to subtract, for the ``"centred"`` response.
    order
        Input index at each table position, if inputs are permuted.
    n_inputs
        Number of inputs before the padding, the constant one included; of dense maps.
    n_ordered
        Number of table positions in the working order of ``wide_rows``.
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
    n_ordered: int = 0
