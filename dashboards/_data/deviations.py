"""How far channels moved from where they had been: the numbers behind the heat map."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Event, Floats, Schema

from .downsampling import Run, Span, overview_of

__all__ = ["BINS", "by_group", "color_limit", "deviations", "group_of", "means_of", "ranking"]

_MEMORY = 30  # the running reference reaches back over a thirtieth of the picture
_LEAST_MEMORY = 8
_AT_ONCE = 256  # channels read together: wide series are read in slices, to bound the memory
_MAD_TO_SIGMA = 1.4826  # of a normal distribution
_CLIP = 100.0  # sigma; a constant channel that jumps once would be infinitely far
BINS = 300  # a screen has no more columns worth telling apart


def deviations(means: Floats, rows: NDArray[np.int64] | None = None) -> Floats:
    r"""Return how far each mean is from its running reference, in robust standard deviations.

    Parameters
    ----------
    means
        Shape (p, c): means of c channels in p stretches of time, NaN where nothing is known.
    rows
        Shape (p,): rows in each stretch, where they are not equally many. The mean of fewer rows
        than usual, as in the last stretch of a run that goes on, strays further by chance, and is
        taken for as much nearer.

    Returns
    -------
    ndarray
        Shape (p, c), not negative; NaN where nothing is known or nothing came before.

    Notes
    -----
    The reference :math:`r_t` is the mean of the stretches just before, as far back as a thirtieth
    of the picture; so a change shines for that long and the next one is seen again. The scale of
    a channel is 1.4826 times the median of :math:`|x_t - r_t|`; where more than half of these are
    zero, their root mean square.

    Examples
    --------
    >>> steady = np.tile([[0.0], [1.0]], (20, 1))
    >>> moved = deviations(np.vstack([steady, steady + 10]))
    >>> int(np.nanargmax(moved) // 2)
    20
    """
    p, c = means.shape
    reach = max(_LEAST_MEMORY, p // _MEMORY)
    known = np.isfinite(means)
    # Differences of running sums; centred, so that a large offset costs no digits.
    centre = np.where(known, means, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    sums = np.vstack([np.zeros((1, c)), np.cumsum(np.where(known, means - centre, 0.0), axis=0)])
    counts = np.vstack([np.zeros((1, c)), np.cumsum(known, axis=0)])
    stop = np.arange(p)
    start = np.maximum(stop - reach, 0)
    held = counts[stop] - counts[start]
    reference = np.divide(
        sums[stop] - sums[start], held, out=np.full((p, c), np.nan), where=held > 0
    )
    apart = np.abs(means - centre - reference)
    seen = np.isfinite(apart)
    filled = np.where(seen, apart, 0.0)
    scale = np.zeros(c)
    some = seen.any(axis=0)
    scale[some] = _MAD_TO_SIGMA * np.nanmedian(apart[:, some], axis=0)
    # Of the largest first: the square of a huge number is infinite.
    largest = np.maximum(filled.max(axis=0, initial=0.0), np.finfo(np.float64).tiny)
    ratios = ((filled / largest) ** 2).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    spread = largest * np.sqrt(ratios)
    scale = np.where(scale > 1e-9 * spread, scale, spread)
    far = np.divide(apart, scale, out=np.zeros_like(apart), where=scale > 0)
    if rows is not None and p:
        far *= np.sqrt(np.minimum(rows / np.median(rows), 1.0))[:, None]
    return np.where(seen, np.minimum(far, _CLIP), np.nan)


def group_of(schema: Schema, names: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the groups in order of appearance, and the number of the group of each channel.

    A channel without a group is its own.
    """
    label = {channel.name: channel.group or channel.name for channel in schema.channels}
    found: dict[str, int] = {}
    numbers = [found.setdefault(label[name], len(found)) for name in names]
    return list(found), np.array(numbers, dtype=np.int64)


def by_group(far: Floats, numbers: NDArray[np.int64], n_groups: int) -> Floats:
    """Return the root mean square over each group's channels, shape (p, n_groups)."""
    known = np.isfinite(far)
    sums, counts = np.zeros((n_groups, len(far))), np.zeros((n_groups, len(far)))
    np.add.at(sums, numbers, np.where(known, far, 0.0).T ** 2)
    np.add.at(counts, numbers, known.T)
    with np.errstate(invalid="ignore"):
        return np.sqrt(sums / np.where(counts > 0, counts, np.nan)).T


def means_of(
    run: Run, key: str, names: Sequence[str], points: int, span: Span = (0, None)
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Return rows (p,), times (p,) and means (p, c) of channels in at most ``points`` stretches."""
    slices = [names[i : i + _AT_ONCE] for i in range(0, len(names), _AT_ONCE)]
    seen = [overview_of(run, key, part, points, span) for part in slices]
    if not seen:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 0))
    return seen[0].rows, seen[0].times, np.hstack([part.mean for part in seen])


def ranking(
    far: Floats, schema: Schema, names: Sequence[str], events: Sequence[Event]
) -> tuple[str, ...]:
    """Return channels, most telling first: by their shares in the findings, then by movement."""
    peak = np.max(np.where(np.isfinite(far), far, 0.0), axis=0, initial=0.0)
    groups, numbers = group_of(schema, names)
    place = {name: i for i, name in enumerate(names)}
    score = np.zeros(len(names))
    for event in events:
        for name, share in zip(event.channels, event.contributions, strict=False):
            if name in place:
                score[place[name]] += share
            elif name in groups:  # a finding may name a residue: its channel that moved most
                members = np.flatnonzero(numbers == groups.index(name))
                score[members[np.argmax(peak[members])]] += share
    return tuple(names[i] for i in np.lexsort((np.arange(len(names)), -peak, -score)))


def color_limit(grid: Floats) -> float:
    """Return the movement that gets the last colour: the highest but for a few stray cells.

    It is kept between 6 and 20: noise should stay pale, and one leap leave the rest in sight.
    """
    known = grid[np.isfinite(grid)]
    return float(np.clip(np.percentile(known, 99.7), 6.0, 20.0)) if known.size else 6.0
