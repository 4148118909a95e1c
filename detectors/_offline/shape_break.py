"""The best seam of a series: where the random features of its shapes differ most."""

import numpy as np

from streamlyt.core import FeatureMap, Floats
from streamlyt.core.numerics.periodicity import LAGS, period, shapes

__all__ = ["best_shape_break"]

SPAN = 0.75  # of a period: a shape; a whole one sees a change of rhythm later
NARROW = (
    0.3  # of the median distance of two shapes: the kernel tells shapes apart, not their spread
)
PLACES = 16  # shapes a period
FEWEST = 2  # periods on either side of a seam
MOST = 128  # chunks, so that their products cost no more than their features
HEIGHT = 5.0  # standard deviations that are a seam
MEMORY = 3  # chunks over which periods may be alike
PAIRS = 300  # of shapes, whose distances give the width


def best_shape_break(values: Floats, features: FeatureMap) -> tuple[float, int, int]:
    r"""Return how far above chance the best seam is (1 is enough), its row, and rows a chunk.

    The rows become shapes of three quarters of a period, free of level and amplitude; each shape
    becomes m random features, and the features are averaged over chunks of whole periods, so that
    it does not matter where in the period one looks. With K chunks the seam k scores

    .. math:: b_k = \frac{k (K - k)}{K} |\bar\phi_{<k} - \bar\phi_{\ge k}|^2,

    the squared maximum mean discrepancy of the two sides, weighted. If chunks are alike but for
    chance, :math:`b_k / (\tau\,\mathrm{tr}\,\Sigma)` is near a chi-squared variable over its
    degrees of freedom :math:`\nu = (\mathrm{tr}\,\Sigma)^2 / |\Sigma|_F^2`, where :math:`\Sigma` is
    the covariance of the chunks of each side about their means and :math:`\tau` one plus twice
    their autocorrelations up to three chunks. Its cube root is normal enough (Wilson and Hilferty)
    to be compared with 5 standard deviations.

    Parameters
    ----------
    values
        Shape (n,), finite.
    features
        Map from shapes (k, 16) to (k, m), one wide.
    """
    n = len(values)
    size = float(np.abs(values).max())
    rows = values / (size or 1.0)
    spread = float(rows.std())
    if not spread > 1e-13:
        return 0.0, 0, 1
    rows = (rows - rows.mean()) / spread
    turn = period(rows)
    width = max(LAGS // 2, int(SPAN * turn))
    stride = max(1, turn // PLACES)
    chunk = round(turn / stride) * max(1, -(-n // (turn * MOST)))
    if (n - width) // (chunk * stride) < 2 * FEWEST + 1:
        return 0.0, 0, 1
    means = _chunk_means(shapes(rows, width, stride), chunk, features)
    height, seam = _score(means)
    # A chunk tells of the rows up to the end of its last shape; half a shape is its middle.
    return height / HEIGHT, seam * chunk * stride + width // 2, chunk * stride


def _chunk_means(shapes: Floats, chunk: int, features: FeatureMap) -> Floats:
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, len(shapes), size=(2, PAIRS))
    width = float(np.median(((shapes[one] - shapes[other]) ** 2).sum(axis=1))) ** 0.5
    found = features(shapes / (NARROW * width + 1e-9)).astype(np.float64)
    count = len(found) // chunk
    means: Floats = found[: count * chunk].reshape(count, chunk, -1).mean(axis=1)
    return means


def _score(means: Floats) -> tuple[float, int]:
    """Return the standardised height of the best seam, and how many chunks lie before it."""
    n = len(means)
    means = means - means.mean(axis=0)
    k = np.arange(1, n)
    sums = np.cumsum(means, axis=0)[:-1]
    between = (sums * sums).sum(axis=1) * n / (k * (n - k))
    between[: FEWEST - 1] = between[n - FEWEST :] = 0.0
    best = int(np.argmax(between))
    seam = best + 1
    rest = means.copy()
    rest[:seam] -= rest[:seam].mean(axis=0)
    rest[seam:] -= rest[seam:].mean(axis=0)
    products = rest @ rest.T
    total = float(np.trace(products))
    if not total > 1e-12:
        return (0.0, seam) if not between[best] > 1e-12 else (1e3, seam)
    trace = total / (n - 2)
    square = float((products**2).sum() - (np.diag(products) ** 2).sum()) / max(1, (n - 2) * (n - 3))
    square = max(square, trace * trace / min(n - 2, 200))
    alike = sum(
        max(0.0, float(np.trace(products, lag)) / total + 1 / n) for lag in range(1, MEMORY + 1)
    )
    freedom = trace * trace / square
    step = 2 / (9 * freedom)
    ratio = float(between[best]) / (trace * (1 + 2 * alike))
    return float((np.cbrt(ratio) - (1 - step)) / np.sqrt(step)), seam
