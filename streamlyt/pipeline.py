"""A pipeline: named operators in a row, with one memory for each series."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from streamlyt.base import Array, Batch, Event, Operator, Schema
from streamlyt.catalog import name_of
from streamlyt.errors import ParameterError, StateError, in_series

__all__ = ["Pipeline", "States"]

States = Mapping[str, Mapping[str, Mapping[str, Array]]]
"""Series -> name of the operator -> its state."""


class Pipeline:
    """Operators, each taking the rows that the one before it gave on.

    The operators given here are prototypes and stay without memory: a series' own are cloned
    from them at its first batch.

    Parameters
    ----------
    operators
        By name; or in order, each then named after its file (``newma``, ``newma_2``).

    Raises
    ------
    ParameterError
        If one of them is no operator.

    Examples
    --------
    >>> from streamlyt.base import Schema
    >>> batch = Batch("a", [0, 1], [[1.0], [2.0]], Schema.of("x"))
    >>> rows, events = Pipeline([]).step(batch)
    >>> rows.n, events
    (2, [])
    """

    def __init__(self, operators: Mapping[str, Operator] | Sequence[Operator]) -> None:
        named = operators if isinstance(operators, Mapping) else _named(operators)
        for name, operator in named.items():
            if not isinstance(operator, Operator):
                raise ParameterError(f"step {name!r} must be an Operator, got {operator!r}")
        self.operators: dict[str, Operator] = dict(named)
        self._series: dict[str, dict[str, Operator]] = {}
        self._schemas: dict[str, list[Schema]] = {}

    def step(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Absorb the rows of one series; return what comes out at the end, and the findings."""
        return self._through(batch, last=False)

    def finish(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Absorb the last rows of a series, or none; return also all that was held back."""
        return self._through(batch, last=True)

    def aside(self, key: str) -> list[Batch]:
        """Return the rows of a series that its last step set aside, because they were late."""
        return [batch for operator in self._memory(key).values() for batch in operator.aside()]

    def renumbered(self, event: Event) -> Event:
        """Return a finding on the rows that came out with the row numbers of the source."""
        operators = list(self._memory(event.key).values())
        return _numbered(event, operators, self._schemas[event.key][0])

    def appended(self, key: str) -> tuple[str, ...]:
        """Return the columns of a series that operators set beside their inputs."""
        appended: list[str] = []
        inputs: set[str] = set()
        for schema in self._schemas.get(key, ()):
            names = schema.names
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
        self._series = {}
        self._schemas = {}
        for key, by_name in states.items():
            if set(by_name) != set(self.operators):
                raise StateError(
                    f"{in_series(key)}saved states must be of operators {list(self.operators)!r}, "
                    f"got {list(by_name)!r}; resume with the pipeline of the saved run"
                )
            for name, operator in self._memory(key).items():
                operator.state = {part: array.copy() for part, array in by_name[name].items()}

    def adjust(self) -> None:
        """Bring the memory of all series in line with parameters that were others before."""
        for by_name in self._series.values():
            for operator in by_name.values():
                operator.adjust()

    def __repr__(self) -> str:
        return f"Pipeline({self.operators!r})"

    def _through(self, batch: Batch, last: bool) -> tuple[Batch, list[Event]]:
        found: list[Event] = []
        schemas = [batch.schema]
        passed: list[Operator] = []
        for name, operator in self._memory(batch.key).items():
            batch, events = operator.finish(batch) if last else operator.update(batch)
            found += [_numbered(replace(e, detector=name), passed, schemas[0]) for e in events]
            schemas.append(batch.schema)
            passed.append(operator)
        self._schemas[batch.key] = schemas
        return batch, found

    def _memory(self, key: str) -> dict[str, Operator]:
        if key not in self._series:
            self._series[key] = {name: op.clone() for name, op in self.operators.items()}
        return self._series[key]


def _numbered(event: Event, passed: Sequence[Operator], schema: Schema) -> Event:
    """Return a finding by the numbers that its rows had before the operators that they passed."""

    def source_row(number: int) -> int:
        index = (number - schema.first_row) // schema.row_step
        for operator in reversed(passed):
            index = operator.came_from(index)
        return schema.row_number(index)

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
        base = name = name_of(type(operator))
        number = 1
        while name in named:
            number += 1
            name = f"{base}_{number}"
        named[name] = operator
    return named
