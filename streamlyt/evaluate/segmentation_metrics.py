"""Segmentation metrics of the Turing collection: covering, F1, precision and recall."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise

from streamlyt.core.errors import ParameterError

__all__ = ["Annotations", "covering", "f1_score", "precision_recall"]

Annotations = Mapping[str, Sequence[int]] | Sequence[int]
"""Rows at which a new segment starts: of one annotator, or of several by their names."""


def covering(truth: Annotations, found: Sequence[int], n: int) -> float:
    r"""Return how well the estimated segments cover the true ones, from 0 to 1.

    With G the true segments of one annotator, G' the estimated ones, and :math:`|A|` a length,

    .. math:: C = \frac{1}{n} \sum_{A \in G} |A| \max_{A' \in G'}
        \frac{|A \cap A'|}{|A \cup A'|},

    averaged over the annotators [1]_, equation (3).

    Parameters
    ----------
    truth
        Rows, counted from 0, at which new segments start, of one or several annotators.
    found
        Estimated rows, in any order; row 0 always starts a segment.
    n
        Number of rows of the series.

    Raises
    ------
    ParameterError
        If a row is not in the series, or there is no annotator.

    References
    ----------
    .. [1] G. J. J. van den Burg, C. K. I. Williams, "An evaluation of change point detection
       algorithms", arXiv 2003.06222, 2020.

    Examples
    --------
    >>> covering([50], [50], n=100), covering([50], [], n=100)
    (1.0, 0.5)
    >>> round(covering({"a": [10, 20], "b": [10], "c": [0, 5]}, [10, 20], n=45), 4)
    0.7963
    """
    estimated = _borders(found, n, "found")
    scores = []
    for rows in _annotators(truth):
        total = 0.0
        for start, stop in pairwise(_borders(rows, n, "truth")):
            total += (stop - start) * _best_overlap(start, stop, estimated)
        scores.append(total / n)
    return sum(scores) / len(scores)


def f1_score(truth: Annotations, found: Sequence[int], margin: int = 5) -> float:
    r"""Return the harmonic mean of precision and recall of the estimated changes, from 0 to 1.

    Of :func:`precision_recall`: :math:`F_1 = 2 P R / (P + R)`.

    Parameters
    ----------
    truth, found, margin
        As for :func:`precision_recall`.

    Raises
    ------
    ParameterError
        As for :func:`precision_recall`.

    Examples
    --------
    >>> f1_score([100], [103]), f1_score([100], [106])
    (1.0, 0.5)
    """
    precision, recall = precision_recall(truth, found, margin)
    return 2.0 * precision * recall / (precision + recall)


def precision_recall(
    truth: Annotations, found: Sequence[int], margin: int = 5
) -> tuple[float, float]:
    """Return precision and recall of the estimated changes, with a tolerance of ``margin`` rows.

    Precision is over the union of all annotations, recall the mean over the annotators [1]_. Row 0
    counts as true and as estimated, so neither is ever 0. The true rows are matched in increasing
    order, each to the nearest unmatched estimated row, of two equally near to the earlier.

    Parameters
    ----------
    truth
        Rows, counted from 0, at which new segments start, of one or several annotators.
    found
        Estimated rows, in any order.
    margin
        Tolerance in rows, at least 0.

    Raises
    ------
    ParameterError
        If a row or the margin is negative, or there is no annotator.

    Notes
    -----
    The published code iterates over a set, whose order is undefined; here it is increasing.

    References
    ----------
    .. [1] G. J. J. van den Burg, C. K. I. Williams, "An evaluation of change point detection
       algorithms", arXiv 2003.06222, 2020, section 4.

    Examples
    --------
    >>> precision_recall({"a": [50], "b": [50, 80]}, [48, 20])
    (0.6666666666666666, 0.8333333333333333)
    """
    if margin < 0:
        raise ParameterError(f"margin must be at least 0 rows, got {margin!r}")
    estimated = _marked(found, "found")
    annotators = [_marked(rows, "truth") for rows in _annotators(truth)]
    union = sorted({row for rows in annotators for row in rows})
    recalls = [_matches(rows, estimated, margin) / len(rows) for rows in annotators]
    return _matches(union, estimated, margin) / len(estimated), sum(recalls) / len(recalls)


def _annotators(truth: Annotations) -> list[Sequence[int]]:
    annotators = list(truth.values()) if isinstance(truth, Mapping) else [truth]
    if not annotators:
        raise ParameterError("truth must have the rows of at least one annotator, got none")
    return annotators


def _marked(rows: Sequence[int], name: str) -> list[int]:
    marked = sorted({0, *(int(row) for row in rows)})
    if marked[0] < 0:
        raise ParameterError(f"{name} must be rows counted from 0, got {marked[0]!r}")
    return marked


def _borders(rows: Sequence[int], n: int, name: str) -> list[int]:
    marked = _marked(rows, name)
    if marked[-1] >= n:
        raise ParameterError(f"{name} must be rows below n={n!r}, got {marked[-1]!r}")
    return [*marked, n]


def _best_overlap(start: int, stop: int, borders: Sequence[int]) -> float:
    """Return the largest Jaccard index of rows [start, stop) with a segment between borders."""
    first, last = bisect_right(borders, start) - 1, bisect_left(borders, stop)
    return max(
        (min(stop, b) - max(start, a)) / (max(stop, b) - min(start, a))
        for a, b in pairwise(borders[first : last + 1])
    )


def _matches(truth: Sequence[int], found: Sequence[int], margin: int) -> int:
    unmatched, count = list(found), 0
    for row in truth:
        near = unmatched[
            bisect_left(unmatched, row - margin) : bisect_right(unmatched, row + margin)
        ]
        if near:
            unmatched.remove(min(near, key=lambda other: (abs(other - row), other)))
            count += 1
    return count
