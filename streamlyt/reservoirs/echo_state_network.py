"""Echo state network: random recurrent weights, structured, dense or sparse."""

import math
from typing import Any

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import ParameterError
from streamlyt.core.numerics.counter_rng import bits, complex_normals, signs
from streamlyt.core.validation import check_choice, check_integer, check_number

from ._base.reservoir import Reservoir
from ._kernels.reservoir import ACTIVATIONS, dense_steps, sparse_steps, structured_steps

__all__ = ["EchoStateNetwork"]

_CONSTRUCTIONS = ("structured", "dense", "sparse")
_SIGNS, _RECURRENT, _FEED, _BIAS, _PLACES = 1, 10, 12, 14, 16  # streams of the seed
_DTYPES = ("float32", "float64")


class EchoStateNetwork(Reservoir):
    r"""Echo state network: fixed random weights and a state with fading memory.

    .. math::

        x_t = (1 - l)\, x_{t-1} + l\, f\Big(\frac{\rho}{\sqrt N} W x_{t-1} +
              \frac{s}{\sqrt d} V u_t + b\, \beta\Big)

    with leak rate l, activation f, spectral radius :math:`\rho`, input scale s, bias scale b, and
    W, V and :math:`\beta` with independent entries of mean 0 and variance 1. The leak rate is the
    fraction of a state that is *replaced*; the optical literature states the retained fraction.

    ``"structured"`` uses for W and V together the first N rows of :math:`H D_3 H D_2 H D_1 / M`,
    H the Walsh-Hadamard transform of size M, a power of two of at least N + d, and D random signs
    [1]_: a step costs M log M, and only signs are stored. Its kernel is closer to the limit of
    infinitely many nodes than that of a dense matrix. The cost per node is lowest for N + d just
    below a power of two.

    Parameters
    ----------
    n_components
        Number of nodes N. With one to four channels, 1020 nodes fill the transform exactly.
    construction
        ``"structured"``; ``"dense"``: a Gaussian matrix; ``"sparse"``: ``connections_per_node``
        Gaussian weights per node.
    activation
        f: ``"cos"``, ``"tanh"``, ``"erf"``, ``"relu"``, ``"sign"`` or ``"heaviside"``.
    spectral_radius
        Scale of the recurrent weights: for many nodes, the spectral radius of a dense matrix.
    input_scale
        Scale of the input: its standard deviation at a node, for d channels of variance one.
    bias_scale
        Standard deviation of the biases. With 0, tanh, erf and sign can only learn odd maps.
    leak_rate
        Fraction of the state that is replaced in a step, in (0, 1].
    connections_per_node
        Weights per node of a sparse matrix.
    arcsinh_inputs
        Whether arcsinh is applied to the inputs: linear near 0, logarithmic for large values, so
        outliers of a measured series do not saturate the nodes.
    dtype
        Type of the arithmetic: ``"float64"`` or, at twice the speed, ``"float32"``, whose rounding
        shortens the valid prediction time of a noiseless series.
    seed
        Seed of all weights.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    References
    ----------
    .. [1] J. Dong, R. Ohana, M. Rafayelyan, F. Krzakala, "Reservoir computing meets recurrent
       kernels and structured transforms", NeurIPS 2020 (arXiv 2006.07310).

    Examples
    --------
    >>> import numpy as np
    >>> from streamlyt.core import Batch, Schema
    >>> batch = Batch("", np.arange(50), np.sin(np.arange(50.0))[:, None], Schema.of("x"))
    >>> EchoStateNetwork(100).update(batch)[0].values.shape
    (50, 100)
    """

    def __init__(
        self,
        n_components: int = 1020,
        *,
        construction: str = "structured",
        activation: str = "cos",
        spectral_radius: float = 1.0,
        input_scale: float = 0.3,
        bias_scale: float = 1.5,
        leak_rate: float = 1.0,
        connections_per_node: int = 10,
        arcsinh_inputs: bool = False,
        dtype: str = "float64",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.n_components = n_components
        self.construction = construction
        self.activation = activation
        self.spectral_radius = spectral_radius
        self.input_scale = input_scale
        self.bias_scale = bias_scale
        self.leak_rate = leak_rate
        self.connections_per_node = connections_per_node
        self.arcsinh_inputs = arcsinh_inputs
        self.dtype = dtype
        self.seed = seed
        check_integer("n_components", n_components, 1)
        check_choice("construction", construction, _CONSTRUCTIONS)
        check_choice("activation", activation, ACTIVATIONS)
        for name in ("spectral_radius", "input_scale", "bias_scale"):
            check_number(name, getattr(self, name), positive=False)
        if not 0 < leak_rate <= 1:
            raise ParameterError(f"leak_rate must be in (0, 1], got {leak_rate!r}")
        check_integer("connections_per_node", connections_per_node, 1)
        check_choice("dtype", dtype, _DTYPES)
        check_integer("seed", seed, 0)
        self._cached: tuple[int, tuple[Any, ...]] | None = None

    def n_outputs(self, width: int) -> int:
        """Return the number of nodes."""
        return self.n_components

    def start(self, lanes: int, width: int) -> dict[str, Array]:
        """Return states of zeros."""
        return {"nodes": np.zeros((lanes, self.n_components), self.dtype)}

    def run(self, inputs: Floats, memory: dict[str, Array]) -> Array:
        """Drive the nodes; see :class:`Reservoir`."""
        scaled = np.arcsinh(inputs) if self.arcsinh_inputs else inputs
        rows = np.ascontiguousarray(scaled, self.dtype)
        out = np.empty((*rows.shape[:2], self.n_components), self.dtype)
        kind = ACTIVATIONS.index(self.activation)
        steps, weights = self._weights(rows.shape[2])
        steps(memory["nodes"], rows, *weights, kind, self.leak_rate, out)
        return out

    def _weights(self, width: int) -> tuple[Any, ...]:
        """Return the loop and its tables; those of the last width are cached."""
        if self._cached is None or self._cached[0] != width:
            self._cached = width, self._draw_weights(width)
        return self._cached[1]

    def _draw_weights(self, width: int) -> tuple[Any, ...]:
        n, seed = self.n_components, self.seed
        recurrent = self.spectral_radius / math.sqrt(n)
        feed = self.input_scale / math.sqrt(width)
        bias = (self.bias_scale * self._normals(_BIAS, n)).astype(self.dtype)
        if self.construction == "structured":
            m = max(16, 1 << (n + width - 1).bit_length())
            tables = signs(seed, _SIGNS, 3 * m).reshape(3, m)
            tables[0, :n] *= recurrent / m
            tables[0, n:] *= feed / m
            return structured_steps, (tables.astype(self.dtype), bias)
        fed = (feed * self._normals(_FEED, n * width)).astype(self.dtype).reshape(n, width)
        if self.construction == "dense":
            matrix = (recurrent * self._normals(_RECURRENT, n * n)).astype(self.dtype)
            return dense_steps, (matrix.reshape(n, n), fed, bias)
        links = min(self.connections_per_node, n)
        weights = self.spectral_radius / math.sqrt(links) * self._normals(_RECURRENT, n * links)
        columns = (bits(seed, _PLACES, n * links) % np.uint64(n)).astype(np.int32)
        shape = (n, links)
        sparse = columns.reshape(shape), weights.astype(self.dtype).reshape(shape), fed, bias
        return sparse_steps, sparse

    def _normals(self, stream: int, n: int) -> Floats:
        # Real and imaginary part are two normals of variance one half.
        parts = complex_normals(self.seed, stream, -(-n // 2))
        normals: Floats = math.sqrt(2.0) * np.concatenate(parts)[:n]
        return normals
