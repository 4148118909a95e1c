"""Checks that an operator satisfies the Operator contract."""

from collections.abc import Callable, Iterator, Sequence
from inspect import signature
from itertools import pairwise

import numpy as np

from streamlyt.core import Array, Batch, Event, Operator
from streamlyt.core.batch import example_batch
from streamlyt.core.errors import DataError
from streamlyt.core.numerics.array_difference import difference
from streamlyt.core.state import pack, unpack

__all__ = ["check_example", "check_operator", "yield_checks"]

Check = Callable[[Operator, Batch], None]


def check_operator(operator: Operator, batch: Batch) -> None:
    """Check that an operator satisfies the Operator contract.

    Parameters
    ----------
    operator
        A prototype; only clones of it are run.
    batch
        Rows that it accepts, a few hundred.

    Raises
    ------
    AssertionError
        For the first check that fails; the message states which and where.

    Examples
    --------
    >>> from streamlyt.core import Operator
    >>> class Twice(Operator):
    ...     def __init__(self):
    ...         self.state = {}
    ...
    ...     def update(self, batch):
    ...         return batch.with_values(2 * batch.values, batch.schema), []
    >>> check_operator(Twice(), example_batch())
    """
    for check in yield_checks(operator):
        check(operator, batch)


def yield_checks(operator: Operator) -> Iterator[Check]:
    """Yield the checks for an operator, each a function of it and a batch."""
    if not isinstance(operator, Operator):
        raise AssertionError(f"an operator must be a subclass of Operator, got {operator!r}")
    yield check_input_not_modified  # first: a modified input would spoil the other checks
    yield check_repr
    yield check_clone
    yield check_reproducible
    yield check_batch_invariance
    yield check_heartbeat
    yield check_save_and_resume
    yield check_state_owns_data
    yield check_missing_values
    yield check_state_size_bounded


def check_example(cls: type[Operator]) -> tuple[Operator, Batch]:
    """Return an example operator of a class, and rows for it.

    A class that requires arguments, or that does not accept rows of any three channels, provides
    both by a class method ``_check_example() -> (operator, batch)``.
    """
    own = getattr(cls, "_check_example", None)
    if own is not None:
        example: tuple[Operator, Batch] = own()
        return example
    return cls(), example_batch()


def check_repr(operator: Operator, batch: Batch) -> None:
    """``repr`` contains every parameter, and processing rows changes none."""
    operator = operator.clone()
    before = repr(operator)
    for name in signature(type(operator)).parameters:
        _require(
            hasattr(operator, name), f"parameter {name!r} must be an attribute of its own name"
        )
        _require(f"{name}={getattr(operator, name)!r}" in before, f"repr must contain {name!r}")
    operator.update(batch)
    _require(
        repr(operator) == before, f"parameters must never change, got {operator!r} of {before}"
    )


def check_clone(operator: Operator, batch: Batch) -> None:
    """A clone has the parameters and an empty state."""
    used = operator.clone()
    first = _run(used, [batch])
    fresh = used.clone()
    _require(
        repr(fresh) == repr(used), f"a clone must have the parameters, got {fresh!r} of {used!r}"
    )
    _require(not fresh.state, f"a clone must have no state, got {sorted(fresh.state)!r}")
    _same(_run(fresh, [batch]), first, "a clone must start afresh")


def check_reproducible(operator: Operator, batch: Batch) -> None:
    """The same parameters and rows give the same output, whatever else draws random numbers."""
    saved = np.random.get_state()  # noqa: NPY002 - the generator that no operator may draw from
    try:
        np.random.seed(1)  # noqa: NPY002
        first = _run(operator.clone(), [batch])
        np.random.seed(2)  # noqa: NPY002
        _same(_run(operator.clone(), [batch]), first, "the same seed must give the same rows")
    finally:
        np.random.set_state(saved)  # noqa: NPY002


def check_batch_invariance(operator: Operator, batch: Batch) -> None:
    """The output does not depend on the batch boundaries."""
    expected = _run(operator.clone(), [batch])
    for bounds in _boundaries(batch.n_rows):
        parts = [batch.slice(start, stop) for start, stop in pairwise(bounds)]
        what = f"rows must not depend on batch boundaries at {_first_few(bounds)}"
        _same(_run(operator.clone(), parts), expected, what)


def check_heartbeat(operator: Operator, batch: Batch) -> None:
    """A heartbeat changes nothing."""
    half = batch.n_rows // 2
    undisturbed = operator.clone()
    expected = _run(undisturbed, [batch.slice(0, half), batch.slice(half, batch.n_rows)])
    operator = operator.clone()
    parts = []
    for part in (batch.slice(0, half), batch.slice(half, batch.n_rows)):
        out, events = operator.update(batch.slice(0, 0))
        _require(out.n_rows == 0, f"a heartbeat must give no rows, got {out.n_rows}")
        _require(not events, f"a heartbeat must give no events, got {events!r}")
        parts.append(operator.update(part))
    _same(_joined(parts), expected, "rows must not depend on heartbeats")
    diff = difference(_state(operator), _state(undisturbed), "state")
    _require(not diff, f"a heartbeat must not change the state: {diff}")


def check_save_and_resume(operator: Operator, batch: Batch) -> None:
    """A clone that resumes from the saved state gives the same output."""
    expected = _run(operator.clone(), [batch])
    for bounds in _boundaries(batch.n_rows):
        resumed = operator.clone()
        parts = []
        for start, stop in pairwise(bounds):
            parts.append(resumed.update(batch.slice(start, stop)))
            saved = pack(resumed.state)
            resumed = operator.clone()
            resumed.state = unpack(saved)
        _same(_joined(parts), expected, f"rows must not depend on resuming at {_first_few(bounds)}")


def check_input_not_modified(operator: Operator, batch: Batch) -> None:
    """The input is not modified."""
    values, times = batch.values.copy(), batch.times.copy()
    operator.clone().update(Batch(batch.key, times, values, batch.schema))
    diff = difference(values, batch.values, "values") or difference(times, batch.times, "times")
    _require(not diff, f"the input must not be modified: {diff}")


def check_state_owns_data(operator: Operator, batch: Batch) -> None:
    """The state is no view of the input: a source may reuse one buffer for all batches."""
    half = batch.n_rows // 2
    expected = _run(operator.clone(), [batch.slice(0, half), batch.slice(half, batch.n_rows)])
    buffer = batch.values[:half].copy()
    checked = operator.clone()
    out, events = checked.update(Batch(batch.key, batch.times[:half], buffer, batch.schema))
    parts = [(out.with_values(out.values.copy(), out.schema), events)]
    buffer[:] = 0.5
    parts.append(checked.update(batch.slice(half, batch.n_rows)))
    _same(_joined(parts), expected, "the state must copy the input")


def check_missing_values(operator: Operator, batch: Batch) -> None:
    """A missing value (NaN) is rejected without a change of the state, or soon forgotten."""
    half = batch.n_rows // 2
    values = batch.values[half : half + 1].copy()
    values[0, -1] = np.nan
    row = Batch(batch.key, batch.times[half : half + 1], values, batch.schema)
    checked = operator.clone()
    checked.update(batch.slice(0, half))
    before = _state(checked)
    try:
        checked.update(row)
    except DataError:
        diff = difference(_state(checked), before, "state")
        _require(not diff, f"a rejected row must not change the state: {diff}")
        return
    out, _ = checked.update(batch.slice(half, batch.n_rows))
    clean = _run(operator.clone(), [batch])[0].values
    lost = (
        np.isnan(out.values[-1]) & ~np.isnan(clean[-1])
        if out.n_rows and len(clean)
        else np.array(0)
    )
    _require(
        not lost.any(),
        f"missing values must be rejected or forgotten: "
        f"{batch.n_rows - half} rows later the output is still NaN",
    )


def check_state_size_bounded(operator: Operator, batch: Batch) -> None:
    """The size of the state is bounded by the parameters."""
    checked = operator.clone()
    sizes = []
    duration = int(batch.times[-1] - batch.times[0]) + 1
    for repeat in range(16):
        times = batch.times + repeat * duration
        checked.update(Batch(batch.key, times, batch.values, batch.schema))
        sizes.append(sum(np.asarray(array).nbytes for array in checked.state.values()))
    _require(
        sizes[15] <= sizes[7],
        f"the state must be bounded, got {sizes[7]} bytes after {8 * batch.n_rows} rows and "
        f"{sizes[15]} after {16 * batch.n_rows}",
    )


def _boundaries(n: int) -> list[list[int]]:
    """Return batch boundaries to check: at the ends, at each of the first rows, at random."""
    random = sorted(np.random.default_rng(0).integers(0, n + 1, size=12).tolist())
    start = min(n, 70)  # past the first block of operators that process blocks of 64 rows
    return [[0, 0, 1, n - 1, n], [*range(start + 1), n], [0, n // 3, n // 2, n], [0, *random, n]]


def _first_few(bounds: Sequence[int]) -> str:
    inner = bounds[1:-1]
    return f"{list(inner[:6])}{' and more' if len(inner) > 6 else ''}"


def _run(operator: Operator, batches: Sequence[Batch]) -> tuple[Batch, list[Event]]:
    return _joined([operator.update(batch) for batch in batches])


def _joined(parts: Sequence[tuple[Batch, list[Event]]]) -> tuple[Batch, list[Event]]:
    out = Batch(
        parts[0][0].key,
        np.concatenate([batch.times for batch, _ in parts]),
        np.concatenate([batch.values for batch, _ in parts]),
        parts[0][0].schema,
    )
    return out, [event for _, events in parts for event in events]


def _same(got: tuple[Batch, list[Event]], expected: tuple[Batch, list[Event]], what: str) -> None:
    (ours, events), (theirs, expected_events) = got, expected
    _require(ours.schema == theirs.schema, f"{what}: got other columns")
    _require(ours.n_rows == theirs.n_rows, f"{what}: got {ours.n_rows} rows, not {theirs.n_rows}")
    diff = difference(ours.values, theirs.values, "values")
    if diff:
        other = ours.values.view(np.int64) != theirs.values.view(np.int64)
        row, column = (int(i) for i in np.argwhere(other)[0])
        raise AssertionError(
            f"{what}: row {row}, {ours.schema.channel_names[column]!r} is "
            f"{ours.values[row, column]!r}, "
            f"not {theirs.values[row, column]!r}; {diff}"
        )
    diff = difference(ours.times, theirs.times, "times")
    _require(not diff, f"{what}: {diff}")
    _require(
        repr(events) == repr(expected_events),
        f"{what}: got events {events!r}, not {expected_events!r}",
    )


def _state(operator: Operator) -> dict[str, Array]:
    """Return a deserialized copy of the state, which later rows do not change."""
    return unpack(pack(operator.state))


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
