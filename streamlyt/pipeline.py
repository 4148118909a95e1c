"""A pipeline: a graph of named operators, with one state for each series."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from streamlyt.core import Array, Batch, Event, Operator, Schema
from streamlyt.core.component import component_name
from streamlyt.core.errors import DataError, ParameterError, StateError, series_prefix
from streamlyt.core.former_names import current_name

__all__ = ["SOURCE", "Pipeline", "States", "resolve_inputs"]

SOURCE = "source"
"""Name of the node at which rows enter; every other node is an operator."""

States = Mapping[str, Mapping[str, Mapping[str, Array]]]
"""Series -> name of the operator -> its state."""


class Pipeline:
    """A graph of operators; each takes the output of the previous one, or of another node.

    A node is the source or an operator; several operators may take the output of one node. The
    first of them keeps the key of its rows. Each further one starts a *branch*, whose rows and
    events are a separate series: for key ``pump``, the branch that starts at ``minutes`` is the
    series ``pump/minutes``.

    The operators passed here are prototypes and stay without state: each series gets clones of
    them at its first batch.

    Parameters
    ----------
    operators
        By name; or in order, each then named after its component (``newma``, ``newma_2``).
    inputs
        Name of an operator -> the node whose output it takes: ``"source"`` or an earlier operator.
        Default: the previous operator.

    Attributes
    ----------
    outputs
        The nodes whose output no operator takes.

    Raises
    ------
    ParameterError
        If a value is not an Operator, or an input is not an earlier node.

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
        self.outputs = tuple(node for node in (SOURCE, *named) if node not in self.inputs.values())
        self._branch_points = _branch_points(self.inputs)
        self._series: dict[str, dict[str, Operator]] = {}
        self._schemas: dict[str, dict[str, Schema]] = {}
        self._source_series: dict[str, str] = {}  # output series -> source series

    def process(self, batch: Batch) -> tuple[dict[str, Batch], list[Event]]:
        """Process the rows of one series; return the rows at each node, and the events."""
        return self._run(batch, last=False)

    def finish(self, batch: Batch) -> tuple[dict[str, Batch], list[Event]]:
        """Process the last rows of a series, or none; return all buffered rows too."""
        return self._run(batch, last=True)

    def late_rows(self, key: str) -> list[Batch]:
        """Return the late rows of the last batch of a series."""
        return [
            batch for operator in self._operators_of(key).values() for batch in operator.late_rows()
        ]

    def operators_before(self, node: str) -> tuple[str, ...]:
        """Return the operators on the path from the source to a node, that node included."""
        passed: list[str] = []
        while node != SOURCE:
            passed.insert(0, node)
            node = self.inputs[node]
        return tuple(passed)

    def with_source_rows(self, event: Event) -> Event:
        """Return an event on rows of the last output with the source's row numbers."""
        operators = self._operators_of(event.key)
        passed = [operators[name] for name in self.operators_before(self.outputs[-1])]
        return _numbered(event, passed, self._schemas[event.key][SOURCE])

    def appended_channels(self, key: str, output: str) -> tuple[str, ...]:
        """Return the channels that operators appended on the path to an output.

        ``key`` is the key of the source series.
        """
        appended: list[str] = []
        inputs: set[str] = set()
        schemas = self._schemas.get(key, {})
        for node in (SOURCE, *self.operators_before(output)):
            names = schemas[node].channel_names if node in schemas else ()
            if inputs and inputs.issubset(names):
                known = inputs.union(appended)
                appended += [name for name in names if name not in known]
            else:  # all channels are new: they are the inputs of the next operators
                inputs, appended = set(names), []
        return tuple(appended)

    def states(self, keys: Iterable[str] | None = None) -> dict[str, dict[str, dict[str, Array]]]:
        """Return the states of some or all series. The arrays are the operators' own."""
        selected = self._series if keys is None else keys
        return {
            key: {name: operator.state for name, operator in self._series[key].items()}
            for key in selected
        }

    def restore(self, states: States) -> None:
        """Replace all states by those that :meth:`states` returned.

        Raises
        ------
        StateError
            If the states are of other operators.
        """
        self._series, self._schemas, self._source_series = {}, {}, {}
        for key, by_name in states.items():
            self.restore_series(key, by_name)

    def restore_series(self, key: str, by_name: Mapping[str, Mapping[str, Array]] | None) -> None:
        """Replace the states of one series; None resets it.

        Raises
        ------
        StateError
            If the states are of other operators.
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
        for name, operator in self._operators_of(key).items():
            operator.state = {entry: array.copy() for entry, array in by_name[name].items()}

    def on_params_changed(self) -> None:
        """Adapt the states of all series after a change of reloadable parameters."""
        for by_name in self._series.values():
            for operator in by_name.values():
                operator.on_params_changed()

    def __repr__(self) -> str:
        return f"Pipeline({self.operators!r})"

    def _run(self, batch: Batch, last: bool) -> tuple[dict[str, Batch], list[Event]]:
        events: list[Event] = []
        rows = {SOURCE: batch}
        operators = self._operators_of(batch.key)
        for name, operator in operators.items():
            inputs = rows[self.inputs[name]]
            if name in self._branch_points:
                inputs = replace(inputs, key=_branch(inputs.key, name))
            rows[name], new = operator.finish(inputs) if last else operator.update(inputs)
            if new:
                passed = [operators[node] for node in self.operators_before(self.inputs[name])]
                events += [_numbered(replace(e, detector=name), passed, batch.schema) for e in new]
        self._schemas[batch.key] = {node: output.schema for node, output in rows.items()}
        return rows, events

    def _operators_of(self, key: str) -> dict[str, Operator]:
        if key not in self._series:
            self._claim(key)
            self._series[key] = {name: op.clone() for name, op in self.operators.items()}
        return self._series[key]

    def _claim(self, key: str) -> None:
        """Raise a DataError if a series or its branches have the name of another series."""
        if not self._branch_points:
            return
        names = {SOURCE: key}
        for name, node in self.inputs.items():
            names[name] = _branch(names[node], name) if name in self._branch_points else names[node]
        for output in names.values():
            owner = self._source_series.setdefault(output, key)
            if owner != key:
                raise DataError(
                    f"output series must have unique names, got {output!r} from series {owner!r} "
                    f"and from series {key!r}; give the operator that starts the branch another "
                    f"label"
                )


def _branch(key: str, name: str) -> str:
    """Return the name of a series in the branch that starts at an operator."""
    return f"{key}/{name}" if key else name


def resolve_inputs(names: Sequence[str], after: Mapping[str, str]) -> dict[str, str]:
    """Return for each operator, in order, the node whose output it takes.

    Raises
    ------
    ParameterError
        If an input is not an earlier node.
    """
    for name in after:
        if name not in names:
            raise ParameterError(f"input must be of operators {list(names)!r}, got {name!r}")
    inputs: dict[str, str] = {}
    known = [SOURCE]
    for name in names:
        inputs[name] = after.get(name, known[-1])
        if inputs[name] not in known:
            raise ParameterError(
                f"operators.{name}.input must be one of {known!r}, the nodes before it, "
                f"got {inputs[name]!r}"
            )
        known.append(name)
    return inputs


def _branch_points(inputs: Mapping[str, str]) -> frozenset[str]:
    """Return the operators that are not the first to take the output of their node."""
    seen: set[str] = set()
    result = set()
    for name, node in inputs.items():
        if node in seen:
            result.add(name)
        seen.add(node)
    return frozenset(result)


def _numbered(event: Event, passed: Sequence[Operator], schema: Schema) -> Event:
    """Return an event with the row numbers of the source, before the operators ``passed``."""

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
