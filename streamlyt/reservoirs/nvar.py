"""Nonlinear vector autoregression (next-generation reservoir): products of the last rows."""

from itertools import combinations_with_replacement

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import ParameterError
from streamlyt.core.validation import check_integer

from ._base.reservoir import Reservoir
from ._kernels.reservoir import delay_rows

__all__ = ["NVAR"]

_MAX_PRODUCTS = 20_000  # their Gram matrix takes 3 GB


class NVAR(Reservoir):
    """All products of up to ``order`` values from the last rows, each once [1]_.

    It has no random weights and a memory of a few rows, and is hard to beat if the equations of
    the system are polynomials.

    Parameters
    ----------
    n_delays
        Number of rows k, including the newest.
    skip
        Distance in rows between them.
    order
        Maximum number of factors of a product.

    Raises
    ------
    ParameterError
        If a parameter is out of its range, or there are more than 20000 products.

    References
    ----------
    .. [1] D. J. Gauthier, E. Bollt, A. Griffith, W. A. S. Barbosa, "Next generation reservoir
       computing", Nature Communications 12, 2021.

    Examples
    --------
    >>> NVAR(n_delays=2, order=2).n_outputs(3)  # 6 values, 21 products of two
    27
    """

    appends_inputs = False

    def __init__(self, n_delays: int = 2, *, skip: int = 1, order: int = 3) -> None:
        super().__init__()
        self.n_delays = n_delays
        self.skip = skip
        self.order = order
        for name in ("n_delays", "skip", "order"):
            check_integer(name, getattr(self, name), 1)
        self._cached: tuple[int, Array, Array] | None = None

    def n_outputs(self, width: int) -> int:
        """Return the number of products."""
        values, total, count = self.n_delays * width, 0, 1
        for order in range(1, self.order + 1):
            count = count * (values + order - 1) // order
            total += count
        if total > _MAX_PRODUCTS:
            raise ParameterError(
                f"products must be at most {_MAX_PRODUCTS}, got {total} of {values} values up to "
                f"order {self.order}; use fewer delays, a lower order or a smaller patch"
            )
        return total

    def start(self, lanes: int, width: int) -> dict[str, Array]:
        """Return zeros for the previous rows."""
        return {"past": np.zeros((lanes, (self.n_delays - 1) * self.skip, width))}

    def run(self, inputs: Floats, memory: dict[str, Array]) -> Array:
        """Multiply the rows; see :class:`Reservoir`."""
        rows = np.ascontiguousarray(inputs, np.float64)
        if self._cached is None or self._cached[0] != rows.shape[2]:
            self._cached = rows.shape[2], *self._products(rows.shape[2])
        _, parents, factors = self._cached
        out = np.empty((*rows.shape[:2], parents.size))
        delay_rows(memory["past"], rows, self.skip, parents, factors, out)
        return out

    def _products(self, width: int) -> tuple[Array, Array]:
        parents = np.empty(self.n_outputs(width), np.int64)
        factors = np.empty_like(parents)
        indices: dict[tuple[int, ...], int] = {(): -1}
        for order in range(1, self.order + 1):
            for product in combinations_with_replacement(range(self.n_delays * width), order):
                index = len(indices) - 1
                indices[product] = index
                parents[index], factors[index] = indices[product[:-1]], product[-1]
        return parents, factors
