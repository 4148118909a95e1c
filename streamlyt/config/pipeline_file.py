"""Pipeline files: a source, operators and sinks as TOML, by their registry names."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import tomli_w

from streamlyt.core import Operator, Sink, Source
from streamlyt.core.errors import FormatError, ParameterError, unknown_name_error
from streamlyt.pipeline import SOURCE, Pipeline, resolve_inputs
from streamlyt.registry import component_to_table
from streamlyt.runfile.retention import RetentionPolicy

from .factory import OPERATOR_CATEGORIES, build_component, instantiate
from .json_schema import pipeline_schema
from .layers import (
    SINGLETON_TABLES,
    TABLES,
    Setting,
    apply_overrides,
    omit_keys,
    operator_ids,
    resolve_settings,
)
from .serve import ServeConfig

__all__ = [
    "PipelineConfig",
    "RetentionPolicy",
    "ServeConfig",
    "Setting",
    "dump",
    "effective_settings",
    "load",
    "pipeline_schema",
]


@dataclass(frozen=True)
class PipelineConfig:
    """The objects that a pipeline file defines.

    Parameters
    ----------
    source
        Source of the rows.
    operators
        Operators by id, in order.
    sinks
        Sinks of rows and events.
    serve
        Configuration of the daemon.
    inputs
        Id of an operator -> its input node, if not the previous operator.
    sink_inputs
        Input node of each sink; None for all outputs.
    retention
        Retention of rows in the run file.
    """

    source: Source
    operators: dict[str, Operator]
    sinks: tuple[Sink, ...] = ()
    serve: ServeConfig = field(default_factory=ServeConfig)
    inputs: dict[str, str] = field(default_factory=dict)
    sink_inputs: tuple[str | None, ...] = ()
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)

    def pipeline(self) -> Pipeline:
        """Return the operators as a pipeline without state."""
        return Pipeline(self.operators, self.inputs)


def load(
    text: str | PathLike[str], sets: Iterable[str] = (), environ: Mapping[str, str] | None = None
) -> PipelineConfig:
    """Create the objects that a pipeline file defines.

    ::

        [source]
        type = "trajectories"        # a connector
        topology = "villin.pdb"      # a parameter of its source

        [[operators]]
        type = "newma"               # a detector, transform or model
        id = "fast"                  # id in this pipeline; default: the type
        window = 40

        [operators.features]         # a nested component: the key is its category
        type = "optical"

        [[operators]]
        type = "tumbling_window"
        id = "minutes"
        input = "source"             # input node: starts a second branch

        [[sinks]]
        type = "files"
        input = "fast"               # input node; default: all outputs

        [serve]                      # configuration of `streamlyt serve`
        port = 8750

        [retention]                  # retention of rows in the run file
        max_age = "30d"

    An omitted parameter keeps its default; ``"none"`` means None where that is not the default.
    Paths are relative to the working directory.

    Parameters
    ----------
    text
        The TOML; or the path of a file, as a ``Path`` or as one line without ``=``.
    sets
        Overrides of values in the file: ``operators.fast.window=40``.
    environ
        Environment variables; those like ``STREAMLYT_OPERATORS__FAST__WINDOW`` override the file,
        and ``sets`` overrides them. None: the environment is ignored.

    Raises
    ------
    FormatError
        If the text is not TOML.
    ParameterError
        If a table, name or parameter is unknown, missing or of another type.
    """
    tables, _ = apply_overrides(_tables(text), sets, environ or {})
    operators: dict[str, Operator] = {}
    for operator_id, table in zip(operator_ids(tables), _list(tables, "operators"), strict=True):
        where = f"operators.{len(operators)}"
        operator = build_component(
            omit_keys(table, "id", "input"), OPERATOR_CATEGORIES, None, where
        )
        if not isinstance(table.get("id", ""), str) or operator_id in operators:
            raise ParameterError(
                f"{where}.id must be unique among the operators, got {operator_id!r}"
            )
        operators[operator_id] = operator
    sinks = _list(tables, "sinks")
    return PipelineConfig(
        source=build_component(tables["source"], ("connectors",), "source", "source"),
        operators=operators,
        sinks=tuple(
            build_component(omit_keys(table, "input"), ("connectors",), "sink", f"sinks.{i}")
            for i, table in enumerate(sinks)
        ),
        serve=instantiate(ServeConfig, tables.get("serve", {}), "serve"),
        inputs=_inputs(list(operators), _list(tables, "operators")),
        sink_inputs=tuple(
            _input_node(table.get("input"), f"sinks.{i}", [SOURCE, *operators])
            for i, table in enumerate(sinks)
        ),
        retention=instantiate(RetentionPolicy, tables.get("retention", {}), "retention"),
    )


def effective_settings(
    text: str | PathLike[str], sets: Iterable[str] = (), environ: Mapping[str, str] | None = None
) -> list[Setting]:
    r"""Return every value of a pipeline file and its origin; see :func:`load`.

    Raises
    ------
    FormatError
        If the text is not TOML.
    ParameterError
        If a table or a name is unknown.

    Examples
    --------
    >>> text = "[source]\ntype = 'files'\npath = 'a.csv'\n[[operators]]\ntype = 'newma'\n"
    >>> for each in effective_settings(text, ["operators.newma.window=100"]):
    ...     if each.origin != "default":
    ...         print(each.key, each.value, each.origin)
    source.type files file
    source.path a.csv file
    operators.newma.type newma file
    operators.newma.window 100 --set
    """
    return resolve_settings(*apply_overrides(_tables(text), sets, environ or {}))


def dump(
    source: Source,
    operators: Mapping[str, Operator] | Sequence[Operator] | Pipeline,
    sinks: Iterable[Sink] = (),
    sink_inputs: Sequence[str | None] = (),
) -> str:
    """Return a pipeline as TOML; :func:`load` restores it, numbers bit for bit.

    ``sink_inputs`` are as in :class:`PipelineConfig`.

    Raises
    ------
    ParameterError
        If a parameter cannot be written as TOML.
    """
    tables: dict[str, Any] = {"source": component_to_table(source), "operators": []}
    pipeline = operators if isinstance(operators, Pipeline) else Pipeline(operators)
    used: dict[str, Operator] = {}
    previous = SOURCE
    for operator_id, operator in pipeline.operators.items():
        table = component_to_table(operator)
        default = _unique_id(table["type"], used)
        used[operator_id] = operator
        extra = {} if operator_id == default else {"id": operator_id}
        if pipeline.inputs[operator_id] != previous:
            extra["input"] = pipeline.inputs[operator_id]
        previous = operator_id
        tables["operators"].append({"type": table.pop("type"), **extra, **table})
    tables["sinks"] = [component_to_table(sink) for sink in sinks]
    for table, node in zip(tables["sinks"], sink_inputs, strict=False):
        table |= {} if node is None else {"input": node}
    return tomli_w.dumps({name: table for name, table in tables.items() if table})


def _inputs(names: list[str], tables: list[dict[str, Any]]) -> dict[str, str]:
    """Return the input nodes that the tables of the operators name."""
    inputs: dict[str, str] = {}
    for i, (name, table) in enumerate(zip(names, tables, strict=True)):
        node = _input_node(table.get("input"), f"operators.{name}", [SOURCE, *names[:i]])
        if node is not None:
            inputs[name] = node
    resolve_inputs(names, inputs)
    return inputs


def _input_node(value: Any, where: str, known: list[str]) -> str | None:
    if value is not None and value not in known:
        raise unknown_name_error(f"{where}.input", value, known)
    return None if value is None else str(value)


def _tables(text: str | PathLike[str]) -> dict[str, Any]:
    tables = _parsed(text)
    for name in tables:
        if name not in TABLES:
            raise unknown_name_error("table", name, list(TABLES))
    if not isinstance(tables.get("source"), dict):
        raise ParameterError("missing table [source]; add one with a type")
    for name in SINGLETON_TABLES:
        if not isinstance(tables.get(name, {}), dict):
            raise ParameterError(f"{name} must be a table, got {tables[name]!r}; write [{name}]")
    for name in ("operators", "sinks"):
        _list(tables, name)
    return tables


def _parsed(text: str | PathLike[str]) -> dict[str, Any]:
    is_path = not isinstance(text, str) or (text and "\n" not in text and "=" not in text)
    where = "the pipeline"
    if is_path:
        where = str(text)
        try:
            text = Path(text).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise FormatError(f"the pipeline file {where} cannot be read: {error}") from error
    try:
        return tomllib.loads(str(text))
    except tomllib.TOMLDecodeError as error:
        raise FormatError(f"{where} must be TOML: {error}") from error


def _list(tables: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = tables.get(name, [])
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise ParameterError(f"{name} must be a list of tables, got {value!r}; write [[{name}]]")
    return value


def _unique_id(name: str, used: Mapping[str, Any]) -> str:
    unique, number = name, 1
    while unique in used:
        number += 1
        unique = f"{name}_{number}"
    return unique
