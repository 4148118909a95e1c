"""A pipeline as TOML: a source, operators and sinks by the names of the catalog."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import tomli_w

from streamlyt._build import OPERATOR_ROOMS, build, made
from streamlyt._layers import ALONE, TABLES, Setting, labels, overlaid, settled, without
from streamlyt._policy import Policy
from streamlyt._schema import schema
from streamlyt._serving import Serving
from streamlyt.base import Operator, Sink, Source
from streamlyt.catalog import describe, unknown
from streamlyt.errors import FormatError, ParameterError
from streamlyt.pipeline import SOURCE, Pipeline, wired

__all__ = ["PipelineSpec", "Policy", "Serving", "Setting", "dump", "load", "schema", "settings"]


@dataclass(frozen=True)
class PipelineSpec:
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
    after
        Name of an operator -> the place that it takes its rows from, if not the one before it.
    places
        For each sink the place whose rows it takes; None for all ends.
    policy
        How long its run file keeps rows.
    """

    source: Source
    operators: dict[str, Operator]
    sinks: tuple[Sink, ...] = ()
    serve: Serving = field(default_factory=Serving)
    after: dict[str, str] = field(default_factory=dict)
    places: tuple[str | None, ...] = ()
    policy: Policy = field(default_factory=Policy)

    def pipeline(self) -> Pipeline:
        """Return the operators as a pipeline, without memory."""
        return Pipeline(self.operators, self.after)


def load(
    text: str | PathLike[str], sets: Iterable[str] = (), environ: Mapping[str, str] | None = None
) -> PipelineSpec:
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
        name = "tumbling"
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
    tables, _ = overlaid(_tables(text), sets, environ or {})
    operators: dict[str, Operator] = {}
    for label, table in zip(labels(tables), _list(tables, "operators"), strict=True):
        where = f"operators.{len(operators)}"
        operator = build(without(table, "label", "after"), OPERATOR_ROOMS, None, where)
        if not isinstance(table.get("label", ""), str) or label in operators:
            raise ParameterError(
                f"{where}.label must be a name that no operator has yet, got {label!r}"
            )
        operators[label] = operator
    sinks = _list(tables, "sinks")
    return PipelineSpec(
        source=build(tables["source"], ("connectors",), "source", "source"),
        operators=operators,
        sinks=tuple(
            build(without(table, "after"), ("connectors",), "sink", f"sinks.{i}")
            for i, table in enumerate(sinks)
        ),
        serve=made(Serving, tables.get("serve", {}), "serve"),
        after=_after(list(operators), _list(tables, "operators")),
        places=tuple(
            _place(table.get("after"), f"sinks.{i}", [SOURCE, *operators])
            for i, table in enumerate(sinks)
        ),
        policy=made(Policy, tables.get("policy", {}), "policy"),
    )


def settings(
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
    >>> text = "[source]\nname = 'files'\npath = 'a.csv'\n[[operators]]\nname = 'bank'\n"
    >>> for each in settings(text, ["operators.bank.window=100"]):
    ...     if each.origin != "default":
    ...         print(each.key, each.value, each.origin)
    source.name files file
    source.path a.csv file
    operators.bank.name bank file
    operators.bank.window 100 --set
    """
    return settled(*overlaid(_tables(text), sets, environ or {}))


def dump(
    source: Source,
    operators: Mapping[str, Operator] | Sequence[Operator] | Pipeline,
    sinks: Iterable[Sink] = (),
    places: Sequence[str | None] = (),
) -> str:
    """Return a pipeline as TOML that :func:`load` reads back, to the last bit of each number.

    ``places`` says for each sink whose rows it takes, as in :class:`PipelineSpec`.

    Raises
    ------
    ParameterError
        If a parameter is nothing that TOML can say.
    """
    tables: dict[str, Any] = {"source": describe(source), "operators": []}
    pipeline = operators if isinstance(operators, Pipeline) else Pipeline(operators)
    taken: dict[str, Operator] = {}
    before = SOURCE
    for label, operator in pipeline.operators.items():
        table = describe(operator)
        usual = _free(table["name"], taken)
        taken[label] = operator
        extra = {} if label == usual else {"label": label}
        if pipeline.after[label] != before:
            extra["after"] = pipeline.after[label]
        before = label
        tables["operators"].append({"name": table.pop("name"), **extra, **table})
    tables["sinks"] = [describe(sink) for sink in sinks]
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
    wired(names, after)
    return after


def _place(value: Any, where: str, known: list[str]) -> str | None:
    if value is not None and value not in known:
        raise unknown(f"{where}.after", value, known)
    return None if value is None else str(value)


def _tables(text: str | PathLike[str]) -> dict[str, Any]:
    tables = _parsed(text)
    for each in tables:
        if each not in TABLES:
            raise unknown("table", each, list(TABLES))
    if not isinstance(tables.get("source"), dict):
        raise ParameterError("there must be one table [source]; add it, with the name of a source")
    for alone in ALONE:
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
