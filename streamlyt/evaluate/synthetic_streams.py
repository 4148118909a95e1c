"""Streams whose changes are known: six laws, each without a change and with one now and then."""

from collections.abc import Callable, Mapping

import numpy as np
from scipy.signal import lfilter

from streamlyt.core import Floats
from streamlyt.core.errors import ParameterError

__all__ = ["GENERATORS", "change_stream", "no_change_stream"]

Rng = np.random.Generator
Draw = Callable[[int], Floats]
"""Gives the next n rows of one segment."""

KEPT = 0.5  # of a row in the next one, in the autoregressive law
CENTRES = 10  # of the mixture


def no_change_stream(law: str, seed: int) -> Draw:
    """Return a function that gives the next n rows of a stream without a change.

    Parameters
    ----------
    law
        One of ``GENERATORS``.
    seed
        Decides all rows.

    Raises
    ------
    ParameterError
        If the law is not known.

    Examples
    --------
    >>> draw = no_change_stream("binary", seed=0)
    >>> draw(1000).shape, round(float(draw(500).mean()), 1)
    ((1000, 50), 0.3)
    """
    return _segment(law)(np.random.default_rng(seed), False)


def change_stream(law: str, segments: int, length: int, seed: int) -> tuple[Floats, list[int]]:
    """Return a stream that changes after every ``length`` rows, and the rows where it does.

    Every other segment follows the law of :func:`quiet_rows`; each of the rest is changed in its
    own way, in channels drawn anew:

    * ``gaussian``: N(0, 1) in 20 channels; the mean of five moves by 1.
    * ``mixture``: ten Gaussians in 100 channels, the stream of the NEWMA paper [1]_; every segment
      is another mixture.
    * ``laplace``: Laplace in 20 channels; ten spread one and a half times as wide.
    * ``uniform``: on [0, 1] in 5 channels; two of them on [0.3, 1.3].
    * ``binary``: one with probability .3 in 50 channels; with .6 in ten of them.
    * ``autoregressive``: each of 5 channels keeps half of its last value; two move by 1.5.

    Parameters
    ----------
    law
        One of ``GENERATORS``.
    segments, length
        How many, and rows of each.
    seed
        Decides all rows.

    Raises
    ------
    ParameterError
        If the law is not known, or there are no rows.

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
    draw, rng = _segment(law), np.random.default_rng(seed)
    rows = np.concatenate([draw(rng, i % 2 == 1)(length) for i in range(segments)])
    return rows, [length * i for i in range(1, segments)]


def _gaussian(rng: Rng, changed: bool) -> Draw:
    shift = _some(rng, 20, 5, changed)
    return lambda n: rng.normal(size=(n, 20)) + shift


def _mixture(rng: Rng, changed: bool) -> Draw:
    d = 100
    weights = rng.dirichlet(np.full(CENTRES, 5.0))
    centres = 0.2 * CENTRES ** (1 / d) * rng.normal(size=(CENTRES, d))
    spreads = np.sqrt(28.0 / rng.chisquare(30, size=(CENTRES, d)))

    def draw(n: int) -> Floats:
        which = rng.choice(CENTRES, size=n, p=weights)
        rows: Floats = centres[which] + spreads[which] * rng.normal(size=(n, d))
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
"""The laws by name, each with how it draws a segment."""


def _segment(law: str) -> Callable[[Rng, bool], Draw]:
    if law not in GENERATORS:
        raise ParameterError(f"law must be one of {', '.join(GENERATORS)}, got {law!r}")
    return GENERATORS[law]


def _some(rng: Rng, d: int, moved: int, changed: bool) -> Floats:
    """Return ones in channels drawn at random where the segment is changed, else zeros."""
    shift = np.zeros(d)
    if changed:
        shift[rng.permutation(d)[:moved]] = 1.0
    return shift
