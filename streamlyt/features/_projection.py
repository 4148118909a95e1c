"""What the random-feature maps share: parameters, draws for a width, and the way to the loops."""

import math
import operator
from abc import abstractmethod
from typing import Any, NamedTuple

import numpy as np

from streamlyt.base import Array, FeatureMap, Floats
from streamlyt.errors import DataError, ParameterError

from ._kernels import PANEL, dense_rows, structured_rows

__all__ = ["CONSTRUCTIONS", "Draws", "ProjectionMap", "as_rows", "panels"]

CONSTRUCTIONS = ("auto", "dense", "structured")
_DTYPES = ("float32", "float64")
_SMALLEST_TRANSFORM = 64  # below, structured maps are visibly biased (3 % at 16, under 1 % here)
_FEW_INPUTS = 4  # up to here a product with a dense matrix costs less than the transforms


class Draws(NamedTuple):
    """What is drawn for one input width, ready for the loops.

    Parameters
    ----------
    structured
        Which of the two loops.
    weights
        Shape (d,), or a number: multiplies the inputs.
    constant
        The further input at the end; none where it is zero.
    width
        Length of an input row after padding with zeros.
    first, second
        Tables of the loop, in the type of the features.
    factor
        On every feature.
    """

    structured: bool
    weights: Floats | float
    constant: float
    width: int
    first: Array
    second: Array
    factor: float


class ProjectionMap(FeatureMap):
    """A map made of random projections and one response to each, drawn on the first call.

    Subclasses set their parameters under their own names and draw. The draws for the last width
    seen are kept: they follow from the parameters and are no memory of the data.
    """

    construction: str
    seed: int
    dtype: str
    _kind: int
    _exponent: float = 1.0

    def _check_common(self) -> None:
        check_integer("n_components", self.n_components, 1)
        check_integer("seed", self.seed, 0)
        check_number("scale", self.scale, positive=True)
        check_choice("construction", self.construction, CONSTRUCTIONS)
        check_choice("dtype", self.dtype, _DTYPES)
        self._kept: tuple[int, Draws] | None = None

    @abstractmethod
    def _draw(self, d: int) -> Draws:
        """Draw the map for inputs of width d."""

    def _is_structured(self, inputs: int) -> bool:
        if self.construction == "auto":
            return inputs > _FEW_INPUTS
        return self.construction == "structured"

    def __call__(self, values: Array) -> Array:
        """Return the features, shape (n, m), of ``values``, shape (n, d).

        Raises
        ------
        DataError
            If ``values`` has not two dimensions, or no column.
        """
        values = as_rows(values)
        n, d = values.shape
        kept = self._kept
        if kept is None or kept[0] != d:
            kept = self._kept = (d, self._draw(d))  # two threads at once draw the same
        draws = kept[1]
        out = np.empty((n, self.n_components), dtype=self.dtype)
        inputs = np.zeros((n, draws.width), dtype=self.dtype)
        # What is too large for single precision becomes inf: whoever feeds us checks the rows.
        with np.errstate(over="ignore", invalid="ignore"):
            inputs[:, :d] = values * draws.weights
        if draws.constant:
            inputs[:, d] = draws.constant
        loop = structured_rows if draws.structured else dense_rows
        loop(inputs, draws.first, draws.second, self._kind, self._exponent, draws.factor, out)
        return out

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}


def padded_power(inputs: int) -> int:
    """Return the length D of the transforms for so many inputs."""
    return max(_SMALLEST_TRANSFORM, 1 << (inputs - 1).bit_length())


def panels(matrix: Floats, dtype: str) -> Array:
    """Cut a matrix of shape (K, m) into the panels that ``dense_rows`` reads."""
    k, m = matrix.shape
    padded = np.zeros((-(-k // 4) * 4, -(-m // PANEL) * PANEL), dtype=dtype)
    padded[:k, :m] = matrix
    blocks = padded.reshape(padded.shape[0], -1, PANEL).transpose(1, 0, 2)
    return np.ascontiguousarray(blocks).reshape(blocks.shape[0], -1)


def as_rows(values: Array) -> Floats:
    """Return rows as float64 of shape (n, d).

    Raises
    ------
    DataError
        If there are not two dimensions, or there is no column.
    """
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise DataError(
            f"values must have shape (n, d) with d at least 1, got {rows.shape!r}; "
            "give one row as values[None, :], one channel as values[:, None]"
        )
    return rows


def check_integer(name: str, value: object, least: int) -> None:
    """Raise a ParameterError unless value is an integer from ``least`` to 2**63 - 1."""
    try:
        number = operator.index(value)  # type: ignore[arg-type] # what is no integer raises
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or not least <= number < 1 << 63:
        raise ParameterError(f"{name} must be an integer of at least {least}, got {value!r}")


def check_number(name: str, value: object, *, positive: bool) -> None:
    """Raise a ParameterError unless value is finite and positive (or zero, where it may be)."""
    good = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not (good and math.isfinite(value) and (value > 0 or (value == 0 and not positive))):  # type: ignore[arg-type, operator] # good says it is a number
        raise ParameterError(
            f"{name} must be a finite number {'above' if positive else 'of at least'} 0, "
            f"got {value!r}"
        )


def check_even(n_components: int) -> None:
    """Raise a ParameterError unless every cosine has its sine."""
    if n_components % 2:
        raise ParameterError(
            "n_components must be even (a cosine and a sine each), "
            f"got {n_components!r}; take {n_components + 1}"
        )


def check_choice(name: str, value: object, known: tuple[str, ...]) -> None:
    """Raise a ParameterError unless value is one of those known."""
    if value not in known:
        listed = ", ".join(map(repr, known))
        raise ParameterError(f"{name} must be one of {listed}, got {value!r}")
