"""``streamlyt evaluate``: how good detectors are, where the changes are known."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamlyt.cli.error_handling import echo_status
from streamlyt.cli.options import Format

if TYPE_CHECKING:
    from streamlyt.evaluate import AnnotatedSeries as Series
    from streamlyt.evaluate import BenchmarkPlan, Candidate, SeriesScore, SyntheticScore

__all__ = ["evaluate_detectors"]

_STREAMS, _SERIES = "Synthetic streams", "Annotated series"


def evaluate_detectors(
    detectors: Annotated[
        list[str] | None,
        typer.Argument(
            help="What is measured: newma, 'newma(window=20, arl=1e3)', river.drift:ADWIN, or "
            "module:Class of your own; default all detectors of streamlyt list, those of river "
            "where it is installed, and never.",
            metavar="DETECTOR",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Measure on the annotated series in this folder, not on synthetic streams: "
            "annotations.json, desc.txt, or changes.json beside CSV files.",
            metavar="FOLDER",
            rich_help_panel=_SERIES,
        ),
    ] = None,
    each: Annotated[
        bool,
        typer.Option(
            "--each",
            help="Show every series in the table, not only the means.",
            rich_help_panel=_SERIES,
        ),
    ] = False,
    law: Annotated[
        list[str] | None,
        typer.Option(
            help="Law of the streams (more than once for several): gaussian, mixture, laplace, "
            "uniform, binary, autoregressive; default all.",
            metavar="NAME",
            rich_help_panel=_STREAMS,
        ),
    ] = None,
    streams: Annotated[
        int,
        typer.Option(
            help="Streams without a change, and as many with five.",
            metavar="NUMBER",
            min=1,
            rich_help_panel=_STREAMS,
        ),
    ] = 10,
    rows: Annotated[
        int,
        typer.Option(
            help="Rows of a stream without a change.",
            metavar="NUMBER",
            min=1,
            rich_help_panel=_STREAMS,
        ),
    ] = 20_000,
    seconds: Annotated[
        float,
        typer.Option(
            help="Most seconds for a detector on a law; what is not reached is not counted. "
            "0: no limit, and then the figures depend on nothing but the seed.",
            metavar="NUMBER",
            min=0,
            rich_help_panel=_STREAMS,
        ),
    ] = 10.0,
    seed: Annotated[
        int, typer.Option(help="Seed of streams and detectors.", metavar="NUMBER", min=0)
    ] = 0,
    margin: Annotated[
        int,
        typer.Option(help="Rows that a change may be off in F1.", metavar="ROWS", min=0),
    ] = 5,
    form: Annotated[
        Format,
        typer.Option(
            "--format", help="How the scores are written: table, jsonl or csv.", metavar="FORM"
        ),
    ] = Format.table,
) -> int:
    """Measure false alarms, delays and scores of detectors where the changes are known."""
    from streamlyt.cli._output.scores import print_laws, print_series  # heavy: not for --help
    from streamlyt.evaluate import GENERATORS, BenchmarkPlan, load_annotated
    from streamlyt.evaluate.synthetic_streams import no_change_stream

    laws = law or list(GENERATORS)
    for name in laws:
        no_change_stream(name, seed)  # a name that nobody knows is told before anything runs
    plan = BenchmarkPlan(
        streams=streams, quiet_rows=rows, margin=margin, seconds=seconds, seed=seed
    )
    everyone = _contenders(detectors or [], seed)
    if data is not None:
        series = load_annotated(data)
        print_series(_on_series(everyone, series, plan.margin), form, each)
        return 0
    print_laws(_on_laws(everyone, laws, plan), form)
    return 0


def _contenders(asked: "list[str]", seed: int) -> "list[Candidate]":
    import sys
    from importlib.util import find_spec

    from streamlyt.evaluate import NO_ALARM, RIVER_BASELINES, candidate
    from streamlyt.registry import component_names

    if not asked:
        ours = [name for name in component_names("detectors") if _complete(name)]
        asked = [*ours, *(RIVER_BASELINES if find_spec("river") else ()), NO_ALARM]
    # A class of one's own lies where one stands: a script has that folder on its path, we do not.
    sys.path.append("")
    try:
        return [candidate(text, seed) for text in asked]
    finally:
        sys.path.remove("")


def _complete(name: str) -> bool:
    """Return whether a detector can be made without arguments."""
    from inspect import Parameter, signature

    from streamlyt.registry import get_component

    parameters = signature(get_component("detectors", name)).parameters.values()
    return all(each.default is not Parameter.empty for each in parameters)


def _on_laws(
    everyone: "list[Candidate]", laws: "list[str]", plan: "BenchmarkPlan"
) -> "list[SyntheticScore]":
    from streamlyt.evaluate import score_on_generator

    scores = []
    for i, name in enumerate(laws):
        for j, who in enumerate(everyone):
            echo_status(
                f"[{i * len(everyone) + j + 1}/{len(laws) * len(everyone)}] {name}: {who.name}"
            )
            scores.append(score_on_generator(who, name, plan))
    return scores


def _on_series(
    everyone: "list[Candidate]", series: "list[Series]", margin: int
) -> "list[SeriesScore]":
    from streamlyt.evaluate import score_on_series

    scores = []
    for i, who in enumerate(everyone):
        echo_status(f"[{i + 1}/{len(everyone)}] {len(series)} series: {who.name}")
        scores += [score_on_series(who, each, margin) for each in series]
    return scores
