"""What every operator promises, as checks that anyone can run on his own."""

from collections.abc import Callable, Iterator, Sequence
from inspect import signature
from itertools import pairwise

import numpy as np

from streamlyt._bits import difference
from streamlyt._states import pack, unpack
from streamlyt.base import Array, Batch, Event, Operator, Schema
from streamlyt.errors import DataError

__all__ = ["check_operator", "example", "example_batch", "yield_checks"]

Check = Callable[[Operator, Batch], None]


def check_operator(operator: Operator, batch: Batch) -> None:
    """Hold an operator to every promise of the house.

    Parameters
    ----------
    operator
        A prototype; only clones of it are run.
    batch
        Rows that it takes, some hundreds.

    Raises
    ------
    AssertionError
        For the first promise that is broken; the message says which and where.

    Examples
    --------
    >>> from streamlyt.base import Operator
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
    yield check_input_unwritten  # first: who writes to his input spoils it for the others
    yield check_repr
    yield check_clone
    yield check_same_seed
    yield check_cut
    yield check_heartbeat
    yield check_resumed
    yield check_input_copied
    yield check_hole
    yield check_bounded


def example(cls: type[Operator]) -> tuple[Operator, Batch]:
    """Return an operator of a class and rows for it, to be checked.

    A class that cannot be made without arguments, or that does not take rows of any three
    channels, says both itself by a class method ``_example() -> (operator, batch)``.
    """
    own = getattr(cls, "_example", None)
    if own is not None:
        found: tuple[Operator, Batch] = own()
        return found
    return cls(), example_batch()


def example_batch(n: int = 600) -> Batch:
    """Return seeded noise of three channels whose mean moves at two thirds of the rows."""
    values = np.random.default_rng(0).normal(size=(n, 3))
    values[2 * n // 3 :] += 4.0
    return Batch("example", np.arange(n) * 5, values, Schema.of("x", "y", "z"))


def check_repr(operator: Operator, batch: Batch) -> None:
    """``repr`` tells every parameter, and running changes none."""
    operator = operator.clone()
    before = repr(operator)
    for name in signature(type(operator)).parameters:
        _hold(hasattr(operator, name), f"parameter {name!r} must be kept under its own name")
        _hold(f"{name}={getattr(operator, name)!r}" in before, f"repr must tell {name!r}")
    operator.update(batch)
    _hold(repr(operator) == before, f"parameters must never change, got {operator!r} of {before}")


def check_clone(operator: Operator, batch: Batch) -> None:
    """A clone has the parameters and not the memory."""
    used = operator.clone()
    first = _run(used, [batch])
    fresh = used.clone()
    _hold(repr(fresh) == repr(used), f"a clone must have the parameters, got {fresh!r} of {used!r}")
    _hold(not fresh.state, f"a clone must have no memory, got {sorted(fresh.state)!r}")
    _same(_run(fresh, [batch]), first, "a clone must start afresh")


def check_same_seed(operator: Operator, batch: Batch) -> None:
    """The same parameters and rows give the same rows, whatever else draws random numbers."""
    kept = np.random.get_state()  # noqa: NPY002 - the generator that no operator may draw from
    try:
        np.random.seed(1)  # noqa: NPY002
        first = _run(operator.clone(), [batch])
        np.random.seed(2)  # noqa: NPY002
        _same(_run(operator.clone(), [batch]), first, "the same seed must give the same rows")
    finally:
        np.random.set_state(kept)  # noqa: NPY002


def check_cut(operator: Operator, batch: Batch) -> None:
    """Cutting the stream elsewhere changes nothing."""
    whole = _run(operator.clone(), [batch])
    for ends in _cuts(batch.n):
        parts = [batch.rows(start, stop) for start, stop in pairwise(ends)]
        _same(_run(operator.clone(), parts), whole, f"rows must not depend on cuts at {_few(ends)}")


def check_heartbeat(operator: Operator, batch: Batch) -> None:
    """A heartbeat leaves no trace."""
    half = batch.n // 2
    quiet = operator.clone()
    whole = _run(quiet, [batch.rows(0, half), batch.rows(half, batch.n)])
    operator = operator.clone()
    parts = []
    for part in (batch.rows(0, half), batch.rows(half, batch.n)):
        out, events = operator.update(batch.rows(0, 0))
        _hold(out.n == 0, f"a heartbeat must give no rows, got {out.n}")
        _hold(not events, f"a heartbeat must give no findings, got {events!r}")
        parts.append(operator.update(part))
    _same(_joined(parts), whole, "rows must not depend on heartbeats")
    told = difference(_state(operator), _state(quiet), "state")
    _hold(not told, f"a heartbeat must leave the state as it was: {told}")


def check_resumed(operator: Operator, batch: Batch) -> None:
    """Saving the state and going on elsewhere changes nothing."""
    whole = _run(operator.clone(), [batch])
    for ends in _cuts(batch.n):
        one = operator.clone()
        parts = []
        for start, stop in pairwise(ends):
            parts.append(one.update(batch.rows(start, stop)))
            saved = pack(one.state)
            one = operator.clone()
            one.state = unpack(saved)
        _same(_joined(parts), whole, f"rows must not depend on resuming at {_few(ends)}")


def check_input_unwritten(operator: Operator, batch: Batch) -> None:
    """The input is not written to."""
    values, times = batch.values.copy(), batch.times.copy()
    operator.clone().update(Batch(batch.key, times, values, batch.schema))
    told = difference(values, batch.values, "values") or difference(times, batch.times, "times")
    _hold(not told, f"the input must not be written to: {told}")


def check_input_copied(operator: Operator, batch: Batch) -> None:
    """The memory is no view of the input: a source may use one buffer for all its batches."""
    half = batch.n // 2
    whole = _run(operator.clone(), [batch.rows(0, half), batch.rows(half, batch.n)])
    buffer = batch.values[:half].copy()
    one = operator.clone()
    out, events = one.update(Batch(batch.key, batch.times[:half], buffer, batch.schema))
    parts = [(out.with_values(out.values.copy(), out.schema), events)]
    buffer[:] = 0.5
    parts.append(one.update(batch.rows(half, batch.n)))
    _same(_joined(parts), whole, "the input must be copied to be remembered")


def check_hole(operator: Operator, batch: Batch) -> None:
    """A hole (NaN) is refused and leaves no trace, or is passed on and soon forgotten."""
    half = batch.n // 2
    values = batch.values[half : half + 1].copy()
    values[0, -1] = np.nan
    hole = Batch(batch.key, batch.times[half : half + 1], values, batch.schema)
    one = operator.clone()
    one.update(batch.rows(0, half))
    before = _state(one)
    try:
        one.update(hole)
    except DataError:
        told = difference(_state(one), before, "state")
        _hold(not told, f"a row that is refused must leave the state as it was: {told}")
        return
    out, _ = one.update(batch.rows(half, batch.n))
    clean = _run(operator.clone(), [batch])[0].values
    lost = np.isnan(out.values[-1]) & ~np.isnan(clean[-1]) if out.n and len(clean) else np.array(0)
    _hold(
        not lost.any(),
        f"a hole must be refused or forgotten: {batch.n - half} rows later the output is still NaN",
    )


def check_bounded(operator: Operator, batch: Batch) -> None:
    """The size of the state is bounded by the parameters."""
    one = operator.clone()
    sizes = []
    span = int(batch.times[-1] - batch.times[0]) + 1
    for turn in range(16):
        times = batch.times + turn * span
        one.update(Batch(batch.key, times, batch.values, batch.schema))
        sizes.append(sum(np.asarray(array).nbytes for array in one.state.values()))
    _hold(
        sizes[15] <= sizes[7],
        f"the state must be bounded, got {sizes[7]} bytes after {8 * batch.n} rows and "
        f"{sizes[15]} after {16 * batch.n}",
    )


def _cuts(n: int) -> list[list[int]]:
    """Return where to cut: nowhere near, at each row of the first, and at random."""
    random = sorted(np.random.default_rng(0).integers(0, n + 1, size=12).tolist())
    start = min(n, 70)  # past the first block of 64 of whatever is done in blocks
    return [[0, 0, 1, n - 1, n], [*range(start + 1), n], [0, n // 3, n // 2, n], [0, *random, n]]


def _few(ends: Sequence[int]) -> str:
    inner = ends[1:-1]
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
    (ours, found), (theirs, wanted) = got, expected
    _hold(ours.schema == theirs.schema, f"{what}: got other columns")
    _hold(ours.n == theirs.n, f"{what}: got {ours.n} rows, not {theirs.n}")
    told = difference(ours.values, theirs.values, "values")
    if told:
        other = ours.values.view(np.int64) != theirs.values.view(np.int64)
        row, column = (int(i) for i in np.argwhere(other)[0])
        raise AssertionError(
            f"{what}: row {row}, {ours.schema.names[column]!r} is {ours.values[row, column]!r}, "
            f"not {theirs.values[row, column]!r}; {told}"
        )
    told = difference(ours.times, theirs.times, "times")
    _hold(not told, f"{what}: {told}")
    _hold(repr(found) == repr(wanted), f"{what}: got findings {found!r}, not {wanted!r}")


def _state(operator: Operator) -> dict[str, Array]:
    """Return the state as it is read back: a copy that later rows do not change."""
    return unpack(pack(operator.state))


def _hold(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
