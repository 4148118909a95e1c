"""Tables of the river wheel as rows of numbers, and river's models for comparison."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from river import datasets, forest, linear_model, multiclass, neighbors, preprocessing, tree
from river.datasets import synth

from streamlyt.integrations.river import Classifier, Regressor

__all__ = ["CLASSES", "CLASSIFIERS", "MOST_ROWS", "NUMBERS", "REGRESSORS"]

Rows = Iterator[tuple[dict[Any, Any], Any]]
Maker = Callable[[], Any]

LAGS = {"WaterFlow": 48, "AirlinePassengers": 12}  # tables of a date alone: past values are inputs
DRIFTS = (2500, 5000, 7500)


def _plain(rows: Iterable[tuple[Any, Any]]) -> Rows:
    for x, y in rows:
        yield {name: _number(value) for name, value in x.items()}, y


def _number(value: Any) -> Any:
    if isinstance(value, str) and len(value) == 1:
        return float(ord(value) - ord("A"))
    return value.timestamp() / 86400 if isinstance(value, dt.datetime) else value


def _lagged(rows: Iterable[tuple[Any, Any]], lags: int) -> Rows:
    """Give past values for inputs; before the first one they are the first."""
    past: list[float] = []
    for _, y in rows:
        first = past[-1] if past else 0.0  # river's models take no holes
        filled = [*past, *[first] * (lags - len(past))]
        yield {f"lag {k + 1}": value for k, value in enumerate(filled)}, float(y)
        past = [float(y), *past][:lags]


def _first_of(name: str) -> Callable[[], Rows]:
    """Give a table of several targets with the first of them alone, letters as numbers."""

    def rows() -> Rows:
        for x, y in _plain(getattr(datasets, name)()):
            yield x, next(iter(y.values()))

    return rows


def _shipped(name: str) -> Callable[[], Rows]:
    def rows() -> Rows:
        found = getattr(datasets, name)()
        return _lagged(found, LAGS[name]) if name in LAGS else _plain(found)

    return rows


def _friedman() -> Rows:
    return islice(_plain(synth.Friedman(seed=42)), 10_000)


def _friedman_drift() -> Rows:
    return islice(_plain(synth.FriedmanDrift("lea", position=DRIFTS, seed=42)), 10_000)


NUMBERS: Mapping[str, Callable[[], Rows]] = {
    "AirlinePassengers": _shipped("AirlinePassengers"),
    "ChickWeights": _shipped("ChickWeights"),
    "SP500Stocks": _shipped("SP500Stocks"),
    "SolarFlare": _first_of("SolarFlare"),
    "TrumpApproval": _shipped("TrumpApproval"),
    "WaterFlow": _shipped("WaterFlow"),
    "Friedman": _friedman,
    "FriedmanDrift": _friedman_drift,
}
CLASSES: Mapping[str, Callable[[], Rows]] = {
    **{name: _shipped(name) for name in ("Bananas", "Phishing", "ImageSegments", "Shuttle")},
    "Yeast": _first_of("Yeast"),
}
MOST_ROWS = {"Shuttle": 5000}  # of 49,097: the slowest models take minutes for those


def _scaled(model: Any) -> Any:
    return preprocessing.StandardScaler() | model


REGRESSORS: Mapping[str, Maker] = {
    "KernelRegressor": Regressor,
    "LinearRegression": lambda: _scaled(linear_model.LinearRegression()),
    "KNN": lambda: _scaled(neighbors.KNNRegressor()),
    "Hoeffding adaptive tree": lambda: _scaled(tree.HoeffdingAdaptiveTreeRegressor(seed=1)),
    "ARF": lambda: _scaled(forest.ARFRegressor(seed=1)),
    "AMF": lambda: _scaled(forest.AMFRegressor(seed=1)),
}
CLASSIFIERS: Mapping[str, Maker] = {
    "KernelClassifier": lambda: Classifier(max_features=128),  # Yeast has 103
    "LogisticRegression": lambda: _scaled(
        multiclass.OneVsRestClassifier(linear_model.LogisticRegression())
    ),
    "KNN": lambda: _scaled(neighbors.KNNClassifier()),
    "Hoeffding adaptive tree": lambda: _scaled(tree.HoeffdingAdaptiveTreeClassifier(seed=1)),
    "ARF": lambda: _scaled(forest.ARFClassifier(seed=1)),
    "AMF": lambda: _scaled(forest.AMFClassifier(seed=1)),
}
