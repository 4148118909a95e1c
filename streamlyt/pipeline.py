"""A pipeline: named operators in a row, with one memory for each series."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from streamlyt.core import Array, Batch, Event, Operator, Schema
from streamlyt.core.component import component_name
from streamlyt.core.errors import DataError, ParameterError, StateError, series_prefix
from streamlyt.core.former_names import current_name

__all__ = ["SOURCE", "Pipeline", "States", "resolve_inputs"]

SOURCE = "source"
"""The place where rows come in, beside the operators."""

States = Mapping[str, Mapping[str, Mapping[str, Array]]]
"""Series -> name of the operator -> its state."""


class Pipeline:
    """Operators, each taking the rows that the one before it gave on, or those of another place.

    A place is the source or an operator; from each place rows may go on to several operators.
    The first of them goes on under the key of its rows; each further one begins a *branch*, whose
    rows and findings are a series of their own: of key ``pump``, the branch that begins at
    ``minutes`` gives the series ``pump/minutes``.

    The operators given here are prototypes and stay without memory: a series' own are cloned
    from them at its first batch.

    Parameters
    ----------
    operators
        By name; or in order, each then named after its file (``newma``, ``newma_2``).
    inputs
        Name of an operator -> the place that it takes its rows from: ``"source"``, or an operator
        before it. Those that are left out follow the one before them.

    Attributes
    ----------
    outputs
        The places that no operator takes rows from: where rows come out.

    Raises
    ------
    ParameterError
        If one of them is no operator, or follows what does not stand before it.

    Examples
    --------
    >>> from streamlyt.core import Schema
    >>> batch = Batch("a", [0, 1], [[1.0], [2.0]], Schema.of("x"))
    >>> rows, events = Pipeline([]).process(batch)
    >>> rows["source"].n_rows, events
    (2, [])
    """

    def __init__(
        self,
        operators: Mapping[str, Operator] | Sequence[Operator],
        inputs: Mapping[str, str] | None = None,
    ) -> None:
        named = operators if isinstance(operators, Mapping) else _named(operators)
        for name, operator in named.items():
            if not isinstance(operator, Operator):
                raise ParameterError(f"step {name!r} must be an Operator, got {operator!r}")
            if name == SOURCE:
                raise ParameterError(f"no operator may be called {SOURCE!r}; give it another label")
        self.operators: dict[str, Operator] = dict(named)
        self.inputs = resolve_inputs(list(named), inputs or {})
        self.outputs = tuple(
            place for place in (SOURCE, *named) if place not in self.inputs.values()
        )
        self._branch_points = _branch_points(self.inputs)
        self._series: dict[str, dict[str, Operator]] = {}
        self._schemas: dict[str, dict[str, Schema]] = {}
        self._source_series: dict[str, str] = {}  # series that comes out -> series of the source

    def process(self, batch: Batch) -> tuple[dict[str, Batch], list[Event]]:
        """Absorb the rows of one series; return what comes out at each place, and the findings."""
        return self._through(batch, last=False)

    def finish(self, batch: Batch) -> tuple[dict[str, Batch], list[Event]]:
        """Absorb the last rows of a series, or none; return also all that was held back."""
        return self._through(batch, last=True)

    def late_rows(self, key: str) -> list[Batch]:
        """Return the rows of a series that its last step set aside, because they were late."""
        return [batch for operator in self._memory(key).values() for batch in operator.late_rows()]

    def operators_before(self, place: str) -> tuple[str, ...]:
        """Return the operators that rows have passed when they come out at a place."""
        passed: list[str] = []
        while place != SOURCE:
            passed.insert(0, place)
            place = self.inputs[place]
        return tuple(passed)

    def with_source_rows(self, event: Event) -> Event:
        """Return a finding on rows that came out at the last end with the source's row numbers."""
        memory = self._memory(event.key)
        passed = [memory[name] for name in self.operators_before(self.outputs[-1])]
        return _numbered(event, passed, self._schemas[event.key][SOURCE])

    def appended_channels(self, key: str, end: str) -> tuple[str, ...]:
        """Return the columns that operators set beside their inputs on the way to an end.

        ``key`` is that of the source.
        """
        appended: list[str] = []
        inputs: set[str] = set()
        schemas = self._schemas.get(key, {})
        for place in (SOURCE, *self.operators_before(end)):
            names = schemas[place].channel_names if place in schemas else ()
            if inputs and inputs.issubset(names):
                known = inputs.union(appended)
                appended += [name for name in names if name not in known]
            else:  # other columns altogether: they are the inputs of what follows
                inputs, appended = set(names), []
        return tuple(appended)

    def states(self, keys: Iterable[str] | None = None) -> dict[str, dict[str, dict[str, Array]]]:
        """Return the memory of some series, or of all. The arrays are the operators' own."""
        wanted = self._series if keys is None else keys
        return {
            key: {name: operator.state for name, operator in self._series[key].items()}
            for key in wanted
        }

    def restore(self, states: States) -> None:
        """Forget everything, and go on from the memory that :meth:`states` gave.

        Raises
        ------
        StateError
            If the memory is of other operators.
        """
        self._series, self._schemas, self._source_series = {}, {}, {}
        for key, by_name in states.items():
            self.restore_series(key, by_name)

    def restore_series(self, key: str, by_name: Mapping[str, Mapping[str, Array]] | None) -> None:
        """Go on with one series from a memory that :meth:`states` gave; None: from the start.

        Raises
        ------
        StateError
            If the memory is of other operators.
        """
        self._series.pop(key, None)
        self._schemas.pop(key, None)
        if by_name is None:
            return
        if set(by_name) != set(self.operators):
            # An operator without an id has the name of its component, which may have changed.
            by_name = {current_name(name): state for name, state in by_name.items()}
        if set(by_name) != set(self.operators):
            raise StateError(
                f"{series_prefix(key)}saved states must be of operators {list(self.operators)!r}, "
                f"got {list(by_name)!r}; resume with the pipeline of the saved run"
            )
        for name, operator in self._memory(key).items():
            operator.state = {part: array.copy() for part, array in by_name[name].items()}

    def on_params_changed(self) -> None:
        """Bring the memory of all series in line with parameters that were others before."""
        for by_name in self._series.values():
            for operator in by_name.values():
                operator.on_params_changed()

    def __repr__(self) -> str:
        return f"Pipeline({self.operators!r})"

    def _through(self, batch: Batch, last: bool) -> tuple[dict[str, Batch], list[Event]]:
        found: list[Event] = []
        rows = {SOURCE: batch}
        memory = self._memory(batch.key)
        for name, operator in memory.items():
            taken = rows[self.inputs[name]]
            if name in self._branch_points:
                taken = replace(taken, key=_branch(taken.key, name))
            rows[name], events = operator.finish(taken) if last else operator.update(taken)
            if events:
                passed = [memory[each] for each in self.operators_before(self.inputs[name])]
                found += [
                    _numbered(replace(e, detector=name), passed, batch.schema) for e in events
                ]
        self._schemas[batch.key] = {place: each.schema for place, each in rows.items()}
        return rows, found

    def _memory(self, key: str) -> dict[str, Operator]:
        if key not in self._series:
            self._claim(key)
            self._series[key] = {name: op.clone() for name, op in self.operators.items()}
        return self._series[key]

    def _claim(self, key: str) -> None:
        """Hold the names of a series and its branches against those of other series."""
        if not self._branch_points:
            return
        names = {SOURCE: key}
        for name, place in self.inputs.items():
            names[name] = (
                _branch(names[place], name) if name in self._branch_points else names[place]
            )
        for out in names.values():
            owner = self._source_series.setdefault(out, key)
            if owner != key:
                raise DataError(
                    f"series must come out under names of their own, got {out!r} of series "
                    f"{owner!r} and of series {key!r}; give the operator that begins the branch "
                    f"another label"
                )


def _branch(key: str, name: str) -> str:
    """Return what a series is called in the branch that an operator begins."""
    return f"{key}/{name}" if key else name


def resolve_inputs(names: Sequence[str], after: Mapping[str, str]) -> dict[str, str]:
    """Return for each operator, in order, the place that it takes its rows from.

    Raises
    ------
    ParameterError
        If it follows what does not stand before it.
    """
    for name in after:
        if name not in names:
            raise ParameterError(f"after must be of operators {list(names)!r}, got {name!r}")
    found: dict[str, str] = {}
    known = [SOURCE]
    for name in names:
        found[name] = after.get(name, known[-1])
        if found[name] not in known:
            raise ParameterError(
                f"operators.{name}.after must be one of {known!r}, which stand before it, "
                f"got {found[name]!r}"
            )
        known.append(name)
    return found


def _branch_points(after: Mapping[str, str]) -> frozenset[str]:
    """Return the operators that are not the first to take rows from their place."""
    seen: set[str] = set()
    found = set()
    for name, place in after.items():
        if place in seen:
            found.add(name)
        seen.add(place)
    return frozenset(found)


def _numbered(event: Event, passed: Sequence[Operator], schema: Schema) -> Event:
    """Return a finding by the numbers that its rows had before the operators that they passed."""

    def source_row(number: int) -> int:
        index = (number - schema.first_row) // schema.row_step
        for operator in reversed(passed):
            index = operator.input_index(index)
        return schema.source_row(index)

    if not passed:
        return event
    return replace(
        event,
        alarm_index=source_row(event.alarm_index),
        change_index=source_row(event.change_index),
    )


def _named(operators: Sequence[Operator]) -> dict[str, Operator]:
    named: dict[str, Operator] = {}
    for operator in operators:
        base = name = component_name(type(operator))
        number = 1
        while name in named:
            number += 1
            name = f"{base}_{number}"
        named[name] = operator
    return named
