"""Number of features for a target error, and cost of each construction on this machine."""

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import ParameterError
from streamlyt.core.validation import check_integer, check_number

from ._base.projection import ProjectionMap
from ._draws import Draws

__all__ = ["FeaturePlan", "plan_features"]

TIMES = (1, 4, 16)  # multiples of the number of features; the error halves each time
ROWS = 256
_PAIRS = 20
_RUNS = 3  # timings; the shortest counts
_ERROR_SEED = 1 << 32  # first seed of the maps whose errors are measured
# Limits of a measurement: numbers drawn per map and in total, features per call, seeds.
_LARGEST_DRAW, _ALL_DRAWS, _LARGEST_BATCH, _MOST_SEEDS = 1 << 23, 1 << 23, 1 << 24, 16


@dataclass(frozen=True)
class FeaturePlan:
    """One line of a plan; values that would take too long to measure are None.

    Parameters
    ----------
    construction
        Construction of the projections.
    chosen
        Whether ``"auto"`` selects it.
    n_components
        Number of features m.
    memory
        Bytes of all stored draws.
    batch_us, single_us
        Microseconds per row on this machine, for 256 rows (fewer for very large m) and for one.
    expected
        Root mean square error of the kernel estimate over pairs of rows, relative to
        sqrt(k(x, x) k(y, y)), from the published variance of dense draws.
    measured
        The same, measured on drawn maps, bias included.
    """

    construction: str
    chosen: bool
    n_components: int
    memory: int
    batch_us: float | None
    single_us: float | None
    expected: float
    measured: float | None


def plan_features(features: ProjectionMap, d: int, *, error: float) -> list[FeaturePlan]:
    """Return cost and error of m, 4 m and 16 m features for each construction.

    Errors are over twenty pairs of rows of length one, from orthogonal to nearly parallel. Times
    are measured; the selection of ``"auto"`` is a fixed rule.

    Parameters
    ----------
    features
        The map; its number of features and its construction are ignored.
    d
        Number of inputs.
    error
        Target root mean square error of m features, relative to sqrt(k(x, x) k(y, y)).

    Raises
    ------
    ParameterError
        If a parameter is invalid.

    Examples
    --------
    >>> from streamlyt.features import OpticalMap
    >>> lines = plan_features(OpticalMap(1), 4, error=0.2)
    >>> dense = [line for line in lines if line.construction == "dense"]
    >>> [(line.n_components, round(line.expected, 2)) for line in dense]
    [(20, 0.19), (80, 0.1), (320, 0.05)]
    """
    check_integer("d", d, 1)
    check_number("error", error, positive=True)
    if not isinstance(features, ProjectionMap):
        raise ParameterError(
            f"features must be a projection map of streamlyt.features, got {features!r}"
        )
    x, y = _pairs(d)
    size = _diagonal(features.kernel(x, x)) * _diagonal(features.kernel(y, y))
    spread = float(np.mean(_diagonal(features.variance(x, y)) / size))
    n_components = 2 * max(1, math.ceil(spread / error**2 / 2))  # even: a cosine and a sine each
    lines = []
    for construction in _constructions(features):
        for times in TIMES:
            m = times * n_components
            planned = _with(features, n_components=m, construction=construction)
            lines.append(_line(planned, d, m, math.sqrt(spread / m), x, y, np.sqrt(size)))
    return lines


def _constructions(features: ProjectionMap) -> list[str]:
    if "construction" not in features.get_params():
        return [features.construction]
    # The binary construction needs binary rows, unlike the pairs here.
    return [c for c in features._constructions if c not in ("auto", "binary")]


def _with(features: ProjectionMap, **changed: Any) -> ProjectionMap:
    params = features.get_params()
    return type(features)(**{**params, **{k: v for k, v in changed.items() if k in params}})


def _line(
    features: ProjectionMap, d: int, m: int, expected: float, x: Floats, y: Floats, size: Floats
) -> FeaturePlan:
    inputs = d + (features.bias != 0)
    structured = features._is_structured(inputs)
    automatic = _with(features, construction="auto")._is_structured(inputs)
    chosen = features.construction == ("structured" if automatic else "dense")
    cells = max(m, inputs) if structured else m * inputs
    batch = single = measured = None
    if cells <= _LARGEST_DRAW and m <= _LARGEST_BATCH:
        rows = np.resize(x, (max(1, min(ROWS, _LARGEST_BATCH // max(m, 2 * d))), d))
        draws = features._drawn(d)
        memory = _bytes(draws)
        batch, single = _microseconds(features, rows), _microseconds(features, rows[:1])
        measured = _error(features, cells, x, y, size)
    else:
        memory = _large(features, inputs, m, structured)
    return FeaturePlan(features.construction, chosen, m, memory, batch, single, expected, measured)


def _bytes(draws: Draws) -> int:
    tables = [part for part in draws if isinstance(part, np.ndarray)]
    return sum(table.nbytes for table in tables if table.size > 1)  # a single number is no table


def _large(features: ProjectionMap, inputs: int, m: int, structured: bool) -> int:
    # Size of two tables that were not drawn.
    if features.construction == "tiles":
        return 0
    return 2 * m * (1 if structured else inputs) * np.dtype(features.dtype).itemsize


def _microseconds(features: ProjectionMap, rows: Floats) -> float:
    features(rows)  # draw and compile first
    elapsed = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        features(rows)
        elapsed.append(time.perf_counter() - start)
    return 1e6 * min(elapsed) / len(rows)


def _error(features: ProjectionMap, cells: int, x: Floats, y: Floats, size: Floats) -> float:
    seeds = max(1, min(_MOST_SEEDS, _ALL_DRAWS // cells))
    expected = _diagonal(features.kernel(x, y))
    squares = []
    for k in range(seeds):
        drawn = _with(features, seed=_ERROR_SEED + k)
        estimates = (drawn(x).astype(np.float64) * drawn(y)).sum(axis=1)
        squares.append(((estimates - expected) / size) ** 2)
    return math.sqrt(float(np.mean(squares)))


def _pairs(d: int) -> tuple[Floats, Floats]:
    """Return pairs of rows of length one with cosines from 0 to 0.95 (d = 1: parallel)."""
    rng = np.random.default_rng(0)
    x, across = rng.normal(size=(2, _PAIRS, d))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    across -= (across * x).sum(axis=1, keepdims=True) * x
    length = np.linalg.norm(across, axis=1, keepdims=True)
    across = np.divide(across, length, out=np.zeros_like(across), where=length > 1e-9)
    cosine = np.linspace(0.0, 0.95, _PAIRS)[:, None]
    y = cosine * x + np.sqrt(1.0 - cosine**2) * across
    lengths = np.linalg.norm(y, axis=1, keepdims=True)
    return x, np.divide(y, lengths, out=x.copy(), where=lengths > 1e-9)


def _diagonal(values: Array) -> Floats:
    return np.asarray(np.diagonal(values), dtype=np.float64)
