"""A pipeline as TOML: a source, operators and sinks by the names of the catalog."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import tomli_w

from streamlyt._build import OPERATOR_ROOMS, build, made
from streamlyt._layers import TABLES, Setting, labels, overlaid, settled
from streamlyt._schema import schema
from streamlyt._serving import Serving
from streamlyt.base import Operator, Sink, Source
from streamlyt.catalog import describe, unknown
from streamlyt.errors import FormatError, ParameterError

__all__ = ["PipelineSpec", "Serving", "Setting", "dump", "load", "schema", "settings"]


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
    """

    source: Source
    operators: dict[str, Operator]
    sinks: tuple[Sink, ...] = ()
    serve: Serving = field(default_factory=Serving)


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

        [[sinks]]
        name = "files"

        [serve]                      # how `streamlyt serve` runs it
        port = 8750

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
        rest = {name: value for name, value in table.items() if name != "label"}
        operator = build(rest, OPERATOR_ROOMS, None, where)
        if not isinstance(table.get("label", ""), str) or label in operators:
            raise ParameterError(
                f"{where}.label must be a name that no operator has yet, got {label!r}"
            )
        operators[label] = operator
    return PipelineSpec(
        source=build(tables["source"], ("connectors",), "source", "source"),
        operators=operators,
        sinks=tuple(
            build(table, ("connectors",), "sink", f"sinks.{i}")
            for i, table in enumerate(_list(tables, "sinks"))
        ),
        serve=made(Serving, tables.get("serve", {}), "serve"),
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
    operators: Mapping[str, Operator] | Sequence[Operator],
    sinks: Iterable[Sink] = (),
) -> str:
    """Return a pipeline as TOML that :func:`load` reads back, to the last bit of each number.

    Raises
    ------
    ParameterError
        If a parameter is nothing that TOML can say.
    """
    tables: dict[str, Any] = {"source": describe(source), "operators": []}
    labels = list(operators) if isinstance(operators, Mapping) else None
    taken: dict[str, Operator] = {}
    for i, operator in enumerate(
        operators.values() if isinstance(operators, Mapping) else operators
    ):
        table = describe(operator)
        usual = _free(table["name"], taken)
        label = usual if labels is None else labels[i]
        taken[label] = operator
        extra = {} if label == usual else {"label": label}
        tables["operators"].append({"name": table.pop("name"), **extra, **table})
    tables["sinks"] = [describe(sink) for sink in sinks]
    return tomli_w.dumps({name: table for name, table in tables.items() if table})


def _tables(text: str | PathLike[str]) -> dict[str, Any]:
    tables = _parsed(text)
    for each in tables:
        if each not in TABLES:
            raise unknown("table", each, list(TABLES))
    if not isinstance(tables.get("source"), dict):
        raise ParameterError("there must be one table [source]; add it, with the name of a source")
    if not isinstance(tables.get("serve", {}), dict):
        raise ParameterError(f"serve must be a table, got {tables['serve']!r}; write [serve]")
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
