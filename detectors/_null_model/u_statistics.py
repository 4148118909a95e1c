r"""Averages of products over tuples of distinct rows, from the Gram matrix of a block.

A product of Gram entries is a graph: rows are its vertices, entries its edges. The sum over
distinct rows is the sum over all rows less the cases with coinciding vertices; each function here
writes that out. G is the Gram matrix with a zero diagonal; the diagonal is stored separately.
"""

import numpy as np

from streamlyt.core import Floats

__all__ = ["PRODUCTS", "product_averages", "trace_averages"]

PRODUCTS = 15  # averages that product_averages returns


def trace_averages(gram: Floats) -> Floats:
    r"""Return the U-statistics of :math:`\mathrm{tr} C^2` and :math:`\mathrm{tr} C^3`.

    With f, f', ... independent copies, the first is the mean of
    :math:`((f - f') \cdot (f'' - f'''))^2 / 4`, the second that of the like product of six rows:
    neither depends on the mean of the features.
    """
    g, _ = _apart(gram)
    squares, cubes = g * g, float((g * g * g).sum())
    degree, degree2 = g.sum(axis=1), squares.sum(axis=1)
    total, total2 = degree.sum(), degree2.sum()
    linked, cross = float(degree @ g @ degree), float(degree2 @ degree)
    powers2, powers3 = float(degree @ degree), float((degree**3).sum())
    triangle = float((g * (g @ g)).sum())
    # Sums over distinct rows: ij jk; ij jk kl; ij kl; ij jk lm; ij ij kl; and ij kl (sum of k).
    fork = powers2 - total2
    path = linked - 2.0 * cross + cubes - triangle
    two = total**2 - 4.0 * powers2 + 2.0 * total2
    fork_edge = fork * total - 2.0 * ((powers3 - cross) + 2.0 * (linked - cross))
    fork_edge += 2.0 * (2.0 * (cross - cubes) + triangle)
    double_edge = total2 * total - 4.0 * cross + 2.0 * cubes
    edge_end = total * powers2 - 2.0 * powers3 - 2.0 * linked + 2.0 * cross
    three = two * total - 8.0 * edge_end + 2.0 * (2.0 * double_edge + 4.0 * path)
    n2, n3, n4, n5, n6 = _tuples(g.shape[0])
    return np.array(
        [
            total2 / n2 - 2.0 * fork / n3 + two / n4,
            triangle / n3 - 3.0 * path / n4 + 3.0 * fork_edge / n5 - three / n6,
        ]
    )


def product_averages(gram: Floats, level: float) -> Floats:
    """Return the averages of the other products in :class:`FeatureMoments`.

    Parameters
    ----------
    gram
        Of rows about their mean, shape (b, b).
    level
        Mean of the diagonal: u is the squared length of a row less this.
    """
    g, lengths = _apart(gram)
    n2, n3, n4, _, _ = _tuples(g.shape[0])
    u, square = lengths - level, g * g
    cube, degree2 = square * g, square.sum(axis=1)
    between = g @ g
    np.fill_diagonal(between, 0.0)  # paths i k j with i, j and k distinct
    fourths = float((square * square).sum())
    forks = float(degree2 @ degree2) - fourths
    pairs = (
        square.sum(),
        cube.sum(),
        fourths,
        u @ degree2,
        u @ g @ u,
        u * u @ degree2,
        u @ square @ u,
        u @ cube.sum(axis=1),
        (u * u) @ g @ u,
    )
    triples = (
        u @ (g * between).sum(axis=1),
        forks,
        (square * between).sum(),
        u @ between @ u,
        degree2 @ (g @ u) - u @ cube.sum(axis=1),
    )
    rings = (between * between).sum() - forks  # i k j l: less those with k and l the same
    return np.concatenate([np.array(pairs) / n2, np.array(triples) / n3, [rings / n4]])


def _apart(gram: Floats) -> tuple[Floats, Floats]:
    g = gram.copy()
    np.fill_diagonal(g, 0.0)
    return g, np.diagonal(gram)


def _tuples(rows: int) -> tuple[float, ...]:
    """Return the number of tuples of 2, 3, ... 6 distinct rows."""
    counts = np.cumprod(np.arange(rows, rows - 6, -1, dtype=np.float64))
    return tuple(float(count) for count in counts[1:])
