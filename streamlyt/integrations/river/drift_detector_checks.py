"""What a drift detector promises, as checks that anyone can run: river has none for them."""

import copy
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from streamlyt.core.errors import MissingDependencyError

try:
    from river import base
except ImportError as problem:
    raise MissingDependencyError("river", "river") from problem

__all__ = ["check_drift_detector", "drifting_rows", "yield_checks"]

Row = dict[str, float]
Check = Callable[[base.DriftDetector, Sequence[Row]], None]


def check_drift_detector(detector: base.DriftDetector, rows: Sequence[Row] | None = None) -> None:
    """Hold a drift detector to its promises.

    A clone has the parameters and not the memory; a pickled or copied one goes on as the first
    would have; reset is as good as new; the same parameters and rows give the same drifts; the
    order of the names in a row does not matter; a value that is missing is refused without a trace
    or soon forgotten; memory is bounded. Rows are dictionaries for a detector with a true
    ``multivariate``, else numbers.

    Parameters
    ----------
    detector
        A prototype; only clones of it are run.
    rows
        Some hundreds, in which it tells of a drift at least once; those of
        :func:`drifting_rows` if not given.

    Raises
    ------
    AssertionError
        For the first promise that is broken.

    Examples
    --------
    >>> from streamlyt.integrations.river import DriftDetector
    >>> check_drift_detector(DriftDetector("newma", window=10))
    """
    rows = drifting_rows() if rows is None else rows
    for check in yield_checks():
        check(detector, rows)


def drifting_rows(n: int = 1800) -> list[Row]:
    """Return seeded noise of three features whose means move at two thirds of the rows."""
    values = np.random.default_rng(0).normal(size=(n, 3))
    values[2 * n // 3 :] += 4.0
    return [dict(zip("abc", row, strict=True)) for row in values.tolist()]


def yield_checks() -> Iterator[Check]:
    """Yield the checks, each a function of a detector and rows."""
    yield check_seed
    yield check_clone
    yield check_pickle
    yield check_reset
    yield check_order
    yield check_missing_values
    yield check_state_size_bounded


def check_seed(detector: base.DriftDetector, rows: Sequence[Row]) -> None:
    """The same parameters and rows give the same drifts, one at least."""
    first = _drifts(detector.clone(), rows)
    _require(bool(first), "a drift must be told in these rows; give rows that the detector knows")
    _require(_drifts(detector.clone(), rows) == first, "the same rows must give the same drifts")


def check_clone(detector: base.DriftDetector, rows: Sequence[Row]) -> None:
    """A clone has the parameters and not the memory."""
    used = detector.clone()
    first = _drifts(used, rows)
    fresh = used.clone()
    _require(repr(fresh) == repr(detector), f"a clone must have the parameters, got {fresh!r}")
    _require(not fresh.drift_detected, "a clone must not tell of a drift")
    _require(_drifts(fresh, rows) == first, "a clone must start afresh")


def check_pickle(detector: base.DriftDetector, rows: Sequence[Row]) -> None:
    """One that was pickled or copied goes on as the first would have."""
    whole = _drifts(detector.clone(), rows)
    ways: tuple[Callable[[Any], Any], ...] = (_pickled, copy.deepcopy)
    for again in ways:
        one, found = detector.clone(), []
        for start in range(0, len(rows), 1 + len(rows) // 4):
            part = rows[start : start + 1 + len(rows) // 4]
            found += [start + row for row in _drifts(one, part)]
            one = again(one)
        _require(found == whole, "one that was pickled or copied must go on as the first")


def check_reset(detector: base.DriftDetector, rows: Sequence[Row]) -> None:
    """One that was reset is as good as new."""
    one = detector.clone()
    first = _drifts(one, rows)
    one._reset()
    _require(not one.drift_detected, "one that was reset must not tell of a drift")
    _require(_drifts(one, rows) == first, "one that was reset must start afresh")


def check_order(detector: base.DriftDetector, rows: Sequence[Row]) -> None:
    """The order of the names in a row does not matter."""
    turned = [dict(reversed(row.items())) for row in rows]
    one, other = detector.clone(), detector.clone()
    if _takes_rows(detector):
        _require(_drifts(one, rows) == _drifts(other, turned), "the order of names must not matter")


def check_missing_values(detector: base.DriftDetector, rows: Sequence[Row]) -> None:
    """A value that is missing is refused without a trace, or the next drift is still told."""
    whole, half = _drifts(detector.clone(), rows), len(rows) // 2
    one = detector.clone()
    found = _drifts(one, rows[:half])
    try:
        one.update(_fed(one, rows[half] | dict.fromkeys(list(rows[half])[-1:], float("nan"))))
    except ValueError:
        found += [half + row for row in _drifts(one, rows[half:])]
        _require(found == whole, "a row that is refused must leave no trace")
        return
    later = _drifts(one, rows[half:])
    expected = [row - half for row in whole if row >= half]
    _require(bool(later) or not expected, "a missing value must not blind the detector for good")


def check_state_size_bounded(detector: base.DriftDetector, rows: Sequence[Row]) -> None:
    """Memory grows no faster than the logarithm of the rows."""
    one, sizes = detector.clone(), []
    for _ in range(4):
        _drifts(one, rows)
        sizes.append(len(pickle.dumps(one)))
    _require(sizes[3] <= 1.5 * sizes[1], f"memory must be bounded, got {sizes} bytes")


def _pickled(one: Any) -> Any:
    return pickle.loads(pickle.dumps(one))


def _drifts(detector: base.DriftDetector, rows: Sequence[Row]) -> list[int]:
    """Return the rows at which a drift is told."""
    found = []
    for i, row in enumerate(rows):
        detector.update(_fed(detector, row))
        if detector.drift_detected:
            found.append(i)
    return found


def _fed(detector: base.DriftDetector, row: Row) -> Any:
    return row if _takes_rows(detector) else list(row.values())[-1]


def _takes_rows(detector: base.DriftDetector) -> bool:
    return bool(getattr(detector, "multivariate", False))


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
