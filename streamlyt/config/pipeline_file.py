"""A pipeline as TOML: a source, operators and sinks by the names of the catalog."""

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
    """What a pipeline file says, as objects.

    Parameters
    ----------
    source
        Where rows come from.
    operators
        What is done with them, in order, by name.
    sinks
        Where they go.
    serve
        How it is run as a daemon.
    inputs
        Name of an operator -> the place that it takes its rows from, if not the one before it.
    sink_inputs
        For each sink the place whose rows it takes; None for all ends.
    retention
        How long its run file keeps rows.
    """

    source: Source
    operators: dict[str, Operator]
    sinks: tuple[Sink, ...] = ()
    serve: ServeConfig = field(default_factory=ServeConfig)
    inputs: dict[str, str] = field(default_factory=dict)
    sink_inputs: tuple[str | None, ...] = ()
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)

    def pipeline(self) -> Pipeline:
        """Return the operators as a pipeline, without memory."""
        return Pipeline(self.operators, self.inputs)


def load(
    text: str | PathLike[str], sets: Iterable[str] = (), environ: Mapping[str, str] | None = None
) -> PipelineConfig:
    """Make the objects that a pipeline file names.

    ::

        [source]
        name = "trajectories"        # a file in connectors/
        topology = "villin.pdb"      # and the parameters of its source

        [[operators]]
        name = "newma"               # a file in detectors/, observables/ or models/
        label = "fast"               # its name in this pipeline, if not that
        window = 40

        [operators.features]         # a component in a component: named after its room
        name = "optical"

        [[operators]]
        name = "tumbling_window"
        label = "minutes"
        after = "source"             # a branch of its own, beside the one above

        [[sinks]]
        name = "files"
        after = "fast"               # rows of that operator; left out, those at all ends

        [serve]                      # how `streamlyt serve` runs it
        port = 8750

        [policy]                     # how long its run file keeps rows
        retain_age = "30d"

    A parameter that is left out keeps its default; ``"none"`` says None where that is not the
    default. A path counts from the working directory.

    Parameters
    ----------
    text
        The TOML; or the path of a file, as a ``Path`` or as one line without ``=``.
    sets
        What shall hold in place of the file's own: ``operators.fast.window=40``.
    environ
        Variables of the environment; those like ``STREAMLYT_OPERATORS__FAST__WINDOW`` stand
        between the file and ``sets``. None: they are not looked at.

    Raises
    ------
    FormatError
        If it is not TOML.
    ParameterError
        If a table, name or parameter is unknown, missing or of another type.
    """
    tables, _ = apply_overrides(_tables(text), sets, environ or {})
    operators: dict[str, Operator] = {}
    for label, table in zip(operator_ids(tables), _list(tables, "operators"), strict=True):
        where = f"operators.{len(operators)}"
        operator = build_component(
            omit_keys(table, "label", "after"), OPERATOR_CATEGORIES, None, where
        )
        if not isinstance(table.get("label", ""), str) or label in operators:
            raise ParameterError(
                f"{where}.label must be a name that no operator has yet, got {label!r}"
            )
        operators[label] = operator
    sinks = _list(tables, "sinks")
    return PipelineConfig(
        source=build_component(tables["source"], ("connectors",), "source", "source"),
        operators=operators,
        sinks=tuple(
            build_component(omit_keys(table, "after"), ("connectors",), "sink", f"sinks.{i}")
            for i, table in enumerate(sinks)
        ),
        serve=instantiate(ServeConfig, tables.get("serve", {}), "serve"),
        inputs=_after(list(operators), _list(tables, "operators")),
        sink_inputs=tuple(
            _place(table.get("after"), f"sinks.{i}", [SOURCE, *operators])
            for i, table in enumerate(sinks)
        ),
        retention=instantiate(RetentionPolicy, tables.get("policy", {}), "policy"),
    )


def effective_settings(
    text: str | PathLike[str], sets: Iterable[str] = (), environ: Mapping[str, str] | None = None
) -> list[Setting]:
    r"""Return every value of a pipeline file, and where it comes from; see :func:`load`.

    Raises
    ------
    FormatError
        If it is not TOML.
    ParameterError
        If a table or a name is unknown.

    Examples
    --------
    >>> text = "[source]\nname = 'files'\npath = 'a.csv'\n[[operators]]\nname = 'newma'\n"
    >>> for each in effective_settings(text, ["operators.newma.window=100"]):
    ...     if each.origin != "default":
    ...         print(each.key, each.value, each.origin)
    source.name files file
    source.path a.csv file
    operators.newma.name newma file
    operators.newma.window 100 --set
    """
    return resolve_settings(*apply_overrides(_tables(text), sets, environ or {}))


def dump(
    source: Source,
    operators: Mapping[str, Operator] | Sequence[Operator] | Pipeline,
    sinks: Iterable[Sink] = (),
    places: Sequence[str | None] = (),
) -> str:
    """Return a pipeline as TOML that :func:`load` reads back, to the last bit of each number.

    ``places`` says for each sink whose rows it takes, as in :class:`PipelineConfig`.

    Raises
    ------
    ParameterError
        If a parameter is nothing that TOML can say.
    """
    tables: dict[str, Any] = {"source": component_to_table(source), "operators": []}
    pipeline = operators if isinstance(operators, Pipeline) else Pipeline(operators)
    taken: dict[str, Operator] = {}
    before = SOURCE
    for label, operator in pipeline.operators.items():
        table = component_to_table(operator)
        usual = _free(table["name"], taken)
        taken[label] = operator
        extra = {} if label == usual else {"label": label}
        if pipeline.inputs[label] != before:
            extra["after"] = pipeline.inputs[label]
        before = label
        tables["operators"].append({"name": table.pop("name"), **extra, **table})
    tables["sinks"] = [component_to_table(sink) for sink in sinks]
    for table, place in zip(tables["sinks"], places, strict=False):
        table |= {} if place is None else {"after": place}
    return tomli_w.dumps({name: table for name, table in tables.items() if table})


def _after(names: list[str], tables: list[dict[str, Any]]) -> dict[str, str]:
    """Return what the tables of the operators say of the places that they follow."""
    after: dict[str, str] = {}
    for i, (name, table) in enumerate(zip(names, tables, strict=True)):
        place = _place(table.get("after"), f"operators.{name}", [SOURCE, *names[:i]])
        if place is not None:
            after[name] = place
    resolve_inputs(names, after)
    return after


def _place(value: Any, where: str, known: list[str]) -> str | None:
    if value is not None and value not in known:
        raise unknown_name_error(f"{where}.after", value, known)
    return None if value is None else str(value)


def _tables(text: str | PathLike[str]) -> dict[str, Any]:
    tables = _parsed(text)
    for each in tables:
        if each not in TABLES:
            raise unknown_name_error("table", each, list(TABLES))
    if not isinstance(tables.get("source"), dict):
        raise ParameterError("there must be one table [source]; add it, with the name of a source")
    for alone in SINGLETON_TABLES:
        if not isinstance(tables.get(alone, {}), dict):
            raise ParameterError(f"{alone} must be a table, got {tables[alone]!r}; write [{alone}]")
    for room in ("operators", "sinks"):
        _list(tables, room)
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
    found = tables.get(name, [])
    if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
        raise ParameterError(f"{name} must be a list of tables, got {found!r}; write [[{name}]]")
    return found


def _free(name: str, taken: Mapping[str, Any]) -> str:
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
