"""``streamlyt evaluate``: benchmark detectors on data with known changes."""

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
            help="Detectors: newma, 'newma(window=20, arl=1e3)', river.drift:ADWIN, or a class "
            "module:Class. Default: all detectors of streamlyt list, those of river if "
            "installed, and the no-alarm baseline.",
            metavar="DETECTOR",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Directory of annotated series to use instead of synthetic streams: "
            "annotations.json, desc.txt, or changes.json next to CSV files.",
            metavar="DIRECTORY",
            rich_help_panel=_SERIES,
        ),
    ] = None,
    per_series: Annotated[
        bool,
        typer.Option(
            "--per-series",
            help="Show every series in the table, not only means.",
            rich_help_panel=_SERIES,
        ),
    ] = False,
    generator: Annotated[
        list[str] | None,
        typer.Option(
            help="Generator of the streams (repeatable): gaussian, mixture, laplace, uniform, "
            "binary, autoregressive. Default: all.",
            metavar="NAME",
            rich_help_panel=_STREAMS,
        ),
    ] = None,
    n_streams: Annotated[
        int,
        typer.Option(
            help="Number of no-change streams, and of streams with five changes each.",
            metavar="NUMBER",
            min=1,
            rich_help_panel=_STREAMS,
        ),
    ] = 10,
    n_rows: Annotated[
        int,
        typer.Option(
            help="Rows of a no-change stream.",
            metavar="NUMBER",
            min=1,
            rich_help_panel=_STREAMS,
        ),
    ] = 20_000,
    time_limit: Annotated[
        float,
        typer.Option(
            help="Time limit in seconds of a detector on a generator; unfinished streams do not "
            "count. 0: no limit, so that the scores depend on the seed only.",
            metavar="NUMBER",
            min=0,
            rich_help_panel=_STREAMS,
        ),
    ] = 10.0,
    seed: Annotated[
        int, typer.Option(help="Random seed of streams and detectors.", metavar="NUMBER", min=0)
    ] = 0,
    margin: Annotated[
        int,
        typer.Option(help="F1 tolerance in rows.", metavar="ROWS", min=0),
    ] = 5,
    form: Annotated[
        Format,
        typer.Option("--format", help="Output format: table, jsonl or csv.", metavar="FORMAT"),
    ] = Format.table,
) -> int:
    """Measure false alarms, detection delays and scores on data with known changes."""
    from streamlyt.cli._output.scores import print_generators, print_series  # slow to import
    from streamlyt.evaluate import GENERATORS, BenchmarkPlan, load_annotated
    from streamlyt.evaluate.synthetic_streams import no_change_stream

    generators = generator or list(GENERATORS)
    for name in generators:
        no_change_stream(name, seed)  # raises for an unknown name before the benchmark starts
    plan = BenchmarkPlan(
        n_streams=n_streams, n_rows=n_rows, margin=margin, time_limit=time_limit, seed=seed
    )
    candidates = _candidates(detectors or [], seed)
    if data is not None:
        series = load_annotated(data)
        print_series(_score_series(candidates, series, plan.margin), form, per_series)
        return 0
    print_generators(_score_generators(candidates, generators, plan), form)
    return 0


def _candidates(names: "list[str]", seed: int) -> "list[Candidate]":
    import sys
    from importlib.util import find_spec

    from streamlyt.evaluate import NO_ALARM, RIVER_BASELINES, candidate
    from streamlyt.registry import component_names

    if not names:
        own = [name for name in component_names("detectors") if _has_defaults(name)]
        names = [*own, *(RIVER_BASELINES if find_spec("river") else ()), NO_ALARM]
    # Make classes in the working directory importable, as they are for a script.
    sys.path.append("")
    try:
        return [candidate(text, seed) for text in names]
    finally:
        sys.path.remove("")


def _has_defaults(name: str) -> bool:
    """Return whether all parameters of a detector have defaults."""
    from inspect import Parameter, signature

    from streamlyt.registry import get_component

    parameters = signature(get_component("detectors", name)).parameters.values()
    return all(parameter.default is not Parameter.empty for parameter in parameters)


def _score_generators(
    candidates: "list[Candidate]", generators: "list[str]", plan: "BenchmarkPlan"
) -> "list[SyntheticScore]":
    from streamlyt.evaluate import score_on_generator

    scores: list[SyntheticScore] = []
    total = len(generators) * len(candidates)
    for name in generators:
        for candidate in candidates:
            echo_status(f"[{len(scores) + 1}/{total}] {name}: {candidate.name}")
            scores.append(score_on_generator(candidate, name, plan))
    return scores


def _score_series(
    candidates: "list[Candidate]", series: "list[Series]", margin: int
) -> "list[SeriesScore]":
    from streamlyt.evaluate import score_on_series

    scores = []
    for i, candidate in enumerate(candidates):
        echo_status(f"[{i + 1}/{len(candidates)}] {len(series)} series: {candidate.name}")
        scores += [score_on_series(candidate, one_series, margin) for one_series in series]
    return scores
