"""Nonlinear vector auto-regression: products of the last rows, the next-generation reservoir."""

from itertools import combinations_with_replacement

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import ParameterError
from streamlyt.core.validation import check_integer

from ._base.reservoir import Reservoir
from ._kernels.reservoir import delay_rows

__all__ = ["NVAR"]

_MOST = 20_000  # products: their Gram matrix would take 3 GB


class NVAR(Reservoir):
    """All products of up to ``order`` values from the last rows, each once [1]_.

    What a user would try first: no random number, a memory of a few rows, and hard to beat where
    the equations of a system are polynomials themselves.

    Parameters
    ----------
    delays
        Rows k that are looked at, the newest included.
    skip
        Rows from one of them to the one before.
    order
        Most factors of a product.

    Raises
    ------
    ParameterError
        If a parameter is out of its range, or the products are more than 20000.

    References
    ----------
    .. [1] D. J. Gauthier, E. Bollt, A. Griffith, W. A. S. Barbosa, "Next generation reservoir
       computing", Nature Communications 12, 2021.

    Examples
    --------
    >>> NVAR(delays=2, order=2).n_outputs(3)  # 6 values, 21 products of two
    27
    """

    appends_inputs = False

    def __init__(self, delays: int = 2, *, skip: int = 1, order: int = 3) -> None:
        super().__init__()
        self.delays = delays
        self.skip = skip
        self.order = order
        for name in ("delays", "skip", "order"):
            check_integer(name, getattr(self, name), 1)
        self._kept: tuple[int, Array, Array] | None = None

    def n_outputs(self, width: int) -> int:
        """Return the number of products."""
        values, total, count = self.delays * width, 0, 1
        for order in range(1, self.order + 1):
            count = count * (values + order - 1) // order
            total += count
        if total > _MOST:
            raise ParameterError(
                f"products must be at most {_MOST}, got {total} of {values} values up to order "
                f"{self.order}; take fewer delays, a lower order or a smaller patch"
            )
        return total

    def start(self, lanes: int, width: int) -> dict[str, Array]:
        """Return rows of zeros in place of the past."""
        return {"past": np.zeros((lanes, (self.delays - 1) * self.skip, width))}

    def run(self, inputs: Floats, memory: dict[str, Array]) -> Array:
        """Multiply; see :class:`Reservoir`."""
        rows = np.ascontiguousarray(inputs, np.float64)
        if self._kept is None or self._kept[0] != rows.shape[2]:
            self._kept = rows.shape[2], *self._products(rows.shape[2])
        _, parents, factors = self._kept
        out = np.empty((*rows.shape[:2], parents.size))
        delay_rows(memory["past"], rows, self.skip, parents, factors, out)
        return out

    def _products(self, width: int) -> tuple[Array, Array]:
        parents = np.empty(self.n_outputs(width), np.int64)
        factors = np.empty_like(parents)
        places: dict[tuple[int, ...], int] = {(): -1}
        for order in range(1, self.order + 1):
            for product in combinations_with_replacement(range(self.delays * width), order):
                place = len(places) - 1
                places[product] = place
                parents[place], factors[place] = places[product[:-1]], product[-1]
        return parents, factors
