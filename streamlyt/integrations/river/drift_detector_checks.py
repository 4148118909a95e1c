"""Checks of the drift detector contract; river has none."""

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
    """Check that a drift detector satisfies the contract.

    A clone has the parameters but not the state; a pickled or copied detector continues like the
    original; a reset detector behaves like a new one; equal parameters and rows give equal drifts;
    the order of names in a row does not matter; a missing value raises without a state change, or
    its effect is temporary; the state is bounded. Rows are dictionaries for a detector with a true
    ``multivariate``, else numbers.

    Parameters
    ----------
    detector
        A prototype; only its clones are used.
    rows
        A few hundred rows with at least one detected drift; default: :func:`drifting_rows`.

    Raises
    ------
    AssertionError
        If a check fails.

    Examples
    --------
    >>> from streamlyt.integrations.river import DriftDetector
    >>> check_drift_detector(DriftDetector("newma", window=10))
    """
    rows = drifting_rows() if rows is None else rows
    for check in yield_checks():
        check(detector, rows)


def drifting_rows(n: int = 1800) -> list[Row]:
    """Return seeded noise of three features whose means change at two thirds of the rows."""
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
    """The same parameters and rows give the same drifts, at least one."""
    first = _drifts(detector.clone(), rows)
    _require(
        bool(first),
        "a drift must be detected in these rows; use rows that the detector can process",
    )
    _require(_drifts(detector.clone(), rows) == first, "the same rows must give the same drifts")


def check_clone(detector: base.DriftDetector, rows: Sequence[Row]) -> None:
    """A clone has the parameters but not the state."""
    used = detector.clone()
    first = _drifts(used, rows)
    fresh = used.clone()
    _require(repr(fresh) == repr(detector), f"a clone must have the parameters, got {fresh!r}")
    _require(not fresh.drift_detected, "a clone must not report a drift")
    _require(_drifts(fresh, rows) == first, "a clone must start with an empty state")


def check_pickle(detector: base.DriftDetector, rows: Sequence[Row]) -> None:
    """A pickled or copied detector continues like the original."""
    expected_drifts = _drifts(detector.clone(), rows)
    ways: tuple[Callable[[Any], Any], ...] = (_pickled, copy.deepcopy)
    for copied in ways:
        one, drifts = detector.clone(), []
        for start in range(0, len(rows), 1 + len(rows) // 4):
            part = rows[start : start + 1 + len(rows) // 4]
            drifts += [start + row for row in _drifts(one, part)]
            one = copied(one)
        _require(
            drifts == expected_drifts,
            "a pickled or copied detector must continue like the original",
        )


def check_reset(detector: base.DriftDetector, rows: Sequence[Row]) -> None:
    """A reset detector behaves like a new one."""
    one = detector.clone()
    first = _drifts(one, rows)
    one._reset()
    _require(not one.drift_detected, "a reset detector must not report a drift")
    _require(_drifts(one, rows) == first, "a reset detector must start with an empty state")


def check_order(detector: base.DriftDetector, rows: Sequence[Row]) -> None:
    """The order of the names in a row does not matter."""
    reordered = [dict(reversed(row.items())) for row in rows]
    one, other = detector.clone(), detector.clone()
    if _takes_rows(detector):
        _require(
            _drifts(one, rows) == _drifts(other, reordered), "the order of names must not matter"
        )


def check_missing_values(detector: base.DriftDetector, rows: Sequence[Row]) -> None:
    """A missing value raises without a state change, or later drifts are still detected."""
    expected_drifts, half = _drifts(detector.clone(), rows), len(rows) // 2
    one = detector.clone()
    drifts = _drifts(one, rows[:half])
    try:
        one.update(_input_for(one, rows[half] | dict.fromkeys(list(rows[half])[-1:], float("nan"))))
    except ValueError:
        drifts += [half + row for row in _drifts(one, rows[half:])]
        _require(drifts == expected_drifts, "a rejected row must not change the state")
        return
    later = _drifts(one, rows[half:])
    expected = [row - half for row in expected_drifts if row >= half]
    _require(bool(later) or not expected, "a missing value must not disable the detector")


def check_state_size_bounded(detector: base.DriftDetector, rows: Sequence[Row]) -> None:
    """The size of the state grows at most logarithmically with the rows."""
    one, sizes = detector.clone(), []
    for _ in range(4):
        _drifts(one, rows)
        sizes.append(len(pickle.dumps(one)))
    _require(sizes[3] <= 1.5 * sizes[1], f"the state must be bounded, got {sizes} bytes")


def _pickled(one: Any) -> Any:
    return pickle.loads(pickle.dumps(one))


def _drifts(detector: base.DriftDetector, rows: Sequence[Row]) -> list[int]:
    """Return the rows with a detected drift."""
    drifts = []
    for i, row in enumerate(rows):
        detector.update(_input_for(detector, row))
        if detector.drift_detected:
            drifts.append(i)
    return drifts


def _input_for(detector: base.DriftDetector, row: Row) -> Any:
    return row if _takes_rows(detector) else list(row.values())[-1]


def _takes_rows(detector: base.DriftDetector) -> bool:
    return bool(getattr(detector, "multivariate", False))


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
