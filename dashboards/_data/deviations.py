"""Deviations of channels from a running reference: the data of the heat map."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Event, Floats, Schema

from .downsampling import ReadableRun, Span, downsampled

__all__ = [
    "BINS",
    "bucket_means",
    "channel_groups",
    "color_limit",
    "deviations",
    "group_rms",
    "ranking",
]

_MEMORY = 30  # the running reference covers a thirtieth of the chart
_MIN_MEMORY = 8
_READ_CHANNELS = 256  # channels per read: wide series are read in slices to bound the memory
_MAD_TO_SIGMA = 1.4826  # of a normal distribution
_CLIP = 100.0  # sigma; a constant channel that jumps once would be infinitely far
BINS = 300  # a screen cannot resolve more columns


def deviations(means: Floats, rows: NDArray[np.int64] | None = None) -> Floats:
    r"""Return the distance of each mean from its running reference, in robust standard deviations.

    Parameters
    ----------
    means
        Shape (p, c): means of c channels in p buckets, NaN where unknown.
    rows
        Shape (p,): rows in each bucket, if they differ. A mean over fewer rows, as in the last
        bucket of an active run, has a larger standard error; its deviation is scaled down.

    Returns
    -------
    ndarray
        Shape (p, c), not negative; NaN where the mean or its reference is unknown.

    Notes
    -----
    The reference :math:`r_t` is the mean of the preceding buckets, up to a thirtieth of the chart;
    a change is visible for that long, so a later one is visible again. The scale of a channel is
    1.4826 times the median of :math:`|x_t - r_t|`; if more than half of these are zero, it is
    their root mean square.

    Examples
    --------
    >>> steady = np.tile([[0.0], [1.0]], (20, 1))
    >>> moved = deviations(np.vstack([steady, steady + 10]))
    >>> int(np.nanargmax(moved) // 2)
    20
    """
    p, c = means.shape
    reach = max(_MIN_MEMORY, p // _MEMORY)
    known = np.isfinite(means)
    # Differences of running sums; centered, so that a large offset does not cost precision.
    center = np.where(known, means, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    sums = np.vstack([np.zeros((1, c)), np.cumsum(np.where(known, means - center, 0.0), axis=0)])
    counts = np.vstack([np.zeros((1, c)), np.cumsum(known, axis=0)])
    stop = np.arange(p)
    start = np.maximum(stop - reach, 0)
    n_known = counts[stop] - counts[start]
    reference = np.divide(
        sums[stop] - sums[start], n_known, out=np.full((p, c), np.nan), where=n_known > 0
    )
    apart = np.abs(means - center - reference)
    finite = np.isfinite(apart)
    filled = np.where(finite, apart, 0.0)
    scale = np.zeros(c)
    any_known = finite.any(axis=0)
    scale[any_known] = _MAD_TO_SIGMA * np.nanmedian(apart[:, any_known], axis=0)
    # Divide by the largest first: the square of a huge number is infinite.
    largest = np.maximum(filled.max(axis=0, initial=0.0), np.finfo(np.float64).tiny)
    ratios = ((filled / largest) ** 2).sum(axis=0) / np.maximum(finite.sum(axis=0), 1)
    spread = largest * np.sqrt(ratios)
    scale = np.where(scale > 1e-9 * spread, scale, spread)
    scaled = np.divide(apart, scale, out=np.zeros_like(apart), where=scale > 0)
    if rows is not None and p:
        scaled *= np.sqrt(np.minimum(rows / np.median(rows), 1.0))[:, None]
    return np.where(finite, np.minimum(scaled, _CLIP), np.nan)


def channel_groups(schema: Schema, names: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the groups in order of appearance, and the group index of each channel.

    A channel without a group is its own group.
    """
    label = {channel.name: channel.group or channel.name for channel in schema.channels}
    index_of_group: dict[str, int] = {}
    numbers = [index_of_group.setdefault(label[name], len(index_of_group)) for name in names]
    return list(index_of_group), np.array(numbers, dtype=np.int64)


def group_rms(far: Floats, numbers: NDArray[np.int64], n_groups: int) -> Floats:
    """Return the root mean square over each group's channels, shape (p, n_groups)."""
    known = np.isfinite(far)
    sums, counts = np.zeros((n_groups, len(far))), np.zeros((n_groups, len(far)))
    np.add.at(sums, numbers, np.where(known, far, 0.0).T ** 2)
    np.add.at(counts, numbers, known.T)
    with np.errstate(invalid="ignore"):
        return np.sqrt(sums / np.where(counts > 0, counts, np.nan)).T


def bucket_means(
    run: ReadableRun, key: str, names: Sequence[str], points: int, span: Span = (0, None)
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Return rows (p,), times (p,) and means (p, c) in at most ``points`` buckets."""
    slices = [names[i : i + _READ_CHANNELS] for i in range(0, len(names), _READ_CHANNELS)]
    parts = [downsampled(run, key, part, points, span) for part in slices]
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 0))
    return parts[0].rows, parts[0].times, np.hstack([part.mean for part in parts])


def ranking(
    far: Floats, schema: Schema, names: Sequence[str], events: Sequence[Event]
) -> tuple[str, ...]:
    """Return channels by decreasing contribution to the events, then by peak deviation."""
    peak = np.max(np.where(np.isfinite(far), far, 0.0), axis=0, initial=0.0)
    groups, numbers = channel_groups(schema, names)
    place = {name: i for i, name in enumerate(names)}
    score = np.zeros(len(names))
    for event in events:
        for name, share in zip(event.channels, event.contributions, strict=False):
            if name in place:
                score[place[name]] += share
            elif (
                name in groups
            ):  # an event may name a residue: use its channel with the largest deviation
                members = np.flatnonzero(numbers == groups.index(name))
                score[members[np.argmax(peak[members])]] += share
    return tuple(names[i] for i in np.lexsort((np.arange(len(names)), -peak, -score)))


def color_limit(grid: Floats) -> float:
    """Return the deviation at the end of the color scale: the maximum except for a few outliers.

    It is clipped to 6 to 20, so that noise stays pale and one jump does not hide the rest.
    """
    known = grid[np.isfinite(grid)]
    return float(np.clip(np.percentile(known, 99.7), 6.0, 20.0)) if known.size else 6.0
