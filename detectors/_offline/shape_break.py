"""Best shape break of a series: where the random features of its shapes differ most."""

import numpy as np

from streamlyt.core import FeatureMap, Floats
from streamlyt.core.numerics.periodicity import LAGS, period, shapes

__all__ = ["best_shape_break"]

SPAN = 0.75  # length of a shape in periods; a full period delays changes of rhythm
NARROW = 0.3  # of the median distance of two shapes: the kernel separates shapes, not spreads
PER_PERIOD = 16  # shapes per period
FEWEST = 2  # chunks on either side of a break
MOST = 128  # chunks, so that their products cost no more than their features
HEIGHT = 5.0  # standard deviations of a break
MEMORY = 3  # chunks over which periods may be correlated
PAIRS = 300  # pairs of shapes whose distances give the kernel width


def best_shape_break(values: Floats, features: FeatureMap) -> tuple[float, int, int]:
    r"""Return the score of the best break (1 is significant), its row, and the rows per chunk.

    The rows become shapes of three quarters of a period, free of level and amplitude; each shape
    becomes m random features, and the features are averaged over chunks of whole periods, so that
    the phase does not matter. With K chunks the break k scores

    .. math:: b_k = \frac{k (K - k)}{K} |\bar\phi_{<k} - \bar\phi_{\ge k}|^2,

    the squared maximum mean discrepancy of the two sides, weighted. If chunks differ by chance
    alone, :math:`b_k / (\tau\,\mathrm{tr}\,\Sigma)` is near a chi-squared variable over its
    degrees of freedom :math:`\nu = (\mathrm{tr}\,\Sigma)^2 / |\Sigma|_F^2`, where :math:`\Sigma` is
    the covariance of the chunks of each side about their means and :math:`\tau` one plus twice
    their autocorrelations up to three chunks. Its cube root, near normal (Wilson and Hilferty), is
    compared with 5 standard deviations.

    Parameters
    ----------
    values
        Shape (n,), finite.
    features
        Map from shapes (k, 16) to (k, m), of kernel width one.
    """
    n = len(values)
    size = float(np.abs(values).max())
    rows = values / (size or 1.0)
    spread = float(rows.std())
    if not spread > 1e-13:
        return 0.0, 0, 1
    rows = (rows - rows.mean()) / spread
    cycle = period(rows)
    width = max(LAGS // 2, int(SPAN * cycle))
    stride = max(1, cycle // PER_PERIOD)
    chunk = round(cycle / stride) * max(1, -(-n // (cycle * MOST)))
    if (n - width) // (chunk * stride) < 2 * FEWEST + 1:
        return 0.0, 0, 1
    means = _chunk_means(shapes(rows, width, stride), chunk, features)
    height, split = _score(means)
    # A chunk covers the rows up to the end of its last shape; half a shape is its middle.
    return height / HEIGHT, split * chunk * stride + width // 2, chunk * stride


def _chunk_means(shapes: Floats, chunk: int, features: FeatureMap) -> Floats:
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, len(shapes), size=(2, PAIRS))
    width = float(np.median(((shapes[one] - shapes[other]) ** 2).sum(axis=1))) ** 0.5
    phi = features(shapes / (NARROW * width + 1e-9)).astype(np.float64)
    count = len(phi) // chunk
    means: Floats = phi[: count * chunk].reshape(count, chunk, -1).mean(axis=1)
    return means


def _score(means: Floats) -> tuple[float, int]:
    """Return the standardized height of the best break, and the number of chunks before it."""
    n = len(means)
    means = means - means.mean(axis=0)
    k = np.arange(1, n)
    sums = np.cumsum(means, axis=0)[:-1]
    between = (sums * sums).sum(axis=1) * n / (k * (n - k))
    between[: FEWEST - 1] = between[n - FEWEST :] = 0.0
    best = int(np.argmax(between))
    split = best + 1
    residuals = means.copy()
    residuals[:split] -= residuals[:split].mean(axis=0)
    residuals[split:] -= residuals[split:].mean(axis=0)
    products = residuals @ residuals.T
    total = float(np.trace(products))
    if not total > 1e-12:
        return (0.0, split) if not between[best] > 1e-12 else (1e3, split)
    trace = total / (n - 2)
    square = float((products**2).sum() - (np.diag(products) ** 2).sum()) / max(1, (n - 2) * (n - 3))
    square = max(square, trace * trace / min(n - 2, 200))
    correlation = sum(
        max(0.0, float(np.trace(products, lag)) / total + 1 / n) for lag in range(1, MEMORY + 1)
    )
    freedom = trace * trace / square
    step = 2 / (9 * freedom)
    ratio = float(between[best]) / (trace * (1 + 2 * correlation))
    return float((np.cbrt(ratio) - (1 - step)) / np.sqrt(step)), split
