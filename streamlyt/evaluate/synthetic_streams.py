"""Synthetic streams of six generators, with and without known changes."""

from collections.abc import Callable, Mapping

import numpy as np
from scipy.signal import lfilter

from streamlyt.core import Floats
from streamlyt.core.errors import ParameterError

__all__ = ["GENERATORS", "change_stream", "no_change_stream"]

Rng = np.random.Generator
Draw = Callable[[int], Floats]
"""Returns the next n rows of one segment."""

KEPT = 0.5  # autoregression coefficient
CENTERS = 10  # components of the mixture


def no_change_stream(generator: str, seed: int) -> Draw:
    """Return a function that returns the next n rows of a stream without a change.

    Parameters
    ----------
    generator
        One of ``GENERATORS``.
    seed
        Determines all rows.

    Raises
    ------
    ParameterError
        If the generator is unknown.

    Examples
    --------
    >>> draw = no_change_stream("binary", seed=0)
    >>> draw(1000).shape, round(float(draw(500).mean()), 1)
    ((1000, 50), 0.3)
    """
    return _segment(generator)(np.random.default_rng(seed), False)


def change_stream(
    generator: str, segments: int, length: int, seed: int
) -> tuple[Floats, list[int]]:
    """Return a stream that changes after every ``length`` rows, and the rows where it does.

    Every other segment has the distribution of :func:`no_change_stream`; each of the others is
    changed as follows, in newly drawn channels:

    * ``gaussian``: N(0, 1) in 20 channels; the mean of five moves by 1.
    * ``mixture``: ten Gaussians in 100 channels, the stream of the NEWMA paper [1]_; every segment
      is another mixture.
    * ``laplace``: Laplace in 20 channels; ten spread one and a half times as wide.
    * ``uniform``: on [0, 1] in 5 channels; two of them on [0.3, 1.3].
    * ``binary``: one with probability .3 in 50 channels; with .6 in ten of them.
    * ``autoregressive``: each of 5 channels keeps half of its last value; two move by 1.5.

    Parameters
    ----------
    generator
        One of ``GENERATORS``.
    segments, length
        Number of segments, and rows of each.
    seed
        Determines all rows.

    Raises
    ------
    ParameterError
        If the generator is unknown, or there are no rows.

    References
    ----------
    .. [1] N. Keriven, D. Garreau, I. Poli, "NEWMA: a new method for scalable model-free online
       change-point detection", IEEE Trans. Signal Process. 68, 2020, section VI.

    Examples
    --------
    >>> rows, changes = change_stream("gaussian", segments=3, length=500, seed=0)
    >>> rows.shape, changes
    ((1500, 20), [500, 1000])
    """
    if segments < 1 or length < 1:
        raise ParameterError(
            f"segments and length must be at least 1, got {segments!r} and {length!r}"
        )
    draw, rng = _segment(generator), np.random.default_rng(seed)
    rows = np.concatenate([draw(rng, i % 2 == 1)(length) for i in range(segments)])
    return rows, [length * i for i in range(1, segments)]


def _gaussian(rng: Rng, changed: bool) -> Draw:
    shift = _some(rng, 20, 5, changed)
    return lambda n: rng.normal(size=(n, 20)) + shift


def _mixture(rng: Rng, changed: bool) -> Draw:
    d = 100
    weights = rng.dirichlet(np.full(CENTERS, 5.0))
    centers = 0.2 * CENTERS ** (1 / d) * rng.normal(size=(CENTERS, d))
    spreads = np.sqrt(28.0 / rng.chisquare(30, size=(CENTERS, d)))

    def draw(n: int) -> Floats:
        index = rng.choice(CENTERS, size=n, p=weights)
        rows: Floats = centers[index] + spreads[index] * rng.normal(size=(n, d))
        return rows

    return draw


def _laplace(rng: Rng, changed: bool) -> Draw:
    spread = 1.0 + 0.5 * _some(rng, 20, 10, changed)
    return lambda n: rng.laplace(size=(n, 20)) * spread


def _uniform(rng: Rng, changed: bool) -> Draw:
    shift = 0.3 * _some(rng, 5, 2, changed)
    return lambda n: rng.random((n, 5)) + shift


def _binary(rng: Rng, changed: bool) -> Draw:
    chance = 0.3 + 0.3 * _some(rng, 50, 10, changed)
    return lambda n: (rng.random((n, 50)) < chance).astype(np.float64)


def _autoregressive(rng: Rng, changed: bool) -> Draw:
    shift = 1.5 * _some(rng, 5, 2, changed)
    past = [KEPT * rng.normal(size=(1, 5))]  # stationary from the first row on

    def draw(n: int) -> Floats:
        fresh = (1 - KEPT**2) ** 0.5 * rng.normal(size=(n, 5))
        rows, past[0] = lfilter([1.0], [1.0, -KEPT], fresh, axis=0, zi=past[0])
        return np.asarray(rows, np.float64) + shift

    return draw


GENERATORS: Mapping[str, Callable[[Rng, bool], Draw]] = {
    "gaussian": _gaussian,
    "mixture": _mixture,
    "laplace": _laplace,
    "uniform": _uniform,
    "binary": _binary,
    "autoregressive": _autoregressive,
}
"""The generators by name, each a function that starts a segment."""


def _segment(generator: str) -> Callable[[Rng, bool], Draw]:
    if generator not in GENERATORS:
        raise ParameterError(f"generator must be one of {', '.join(GENERATORS)}, got {generator!r}")
    return GENERATORS[generator]


def _some(rng: Rng, d: int, moved: int, changed: bool) -> Floats:
    """Return ones in randomly drawn channels if the segment is changed, else zeros."""
    shift = np.zeros(d)
    if changed:
        shift[rng.permutation(d)[:moved]] = 1.0
    return shift
