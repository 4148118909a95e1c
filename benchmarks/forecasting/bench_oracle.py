"""Convergence of reservoirs to their infinite-width limit with their size."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # CPU seconds count threads that spin

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks._results import record, say
from streamlyt.core import Floats
from streamlyt.devices import Camera, SimulatedDevice
from streamlyt.reservoirs import EchoStateNetwork, OpticalReservoir, recurrent_kernel
from streamlyt.reservoirs._base.reservoir import Reservoir

SIZES = (125, 509, 2045)  # with the three inputs just below powers of two
# Of each size. Intensities are all above 0 and err together: a slope of 24 is off by 0.07.
DRAWS, OPTICAL_DRAWS = 24, 48
ACTIVATIONS = ("erf", "sign", "heaviside", "relu", "cos")
SCALES: dict[str, Any] = {"spectral_radius": 0.7, "input_scale": 0.9, "bias_scale": 0.3}
DIM: dict[str, Any] = {
    "spectral_radius": 0.3,
    "input_scale": 0.1,
    "bias_scale": 0.8,
}  # |z|^2 grows with its state
GOAL = "-0.6 to -0.4"


def slope(
    make: Callable[[int, int], Reservoir], exact: Floats, series: Floats, draws: int = DRAWS
) -> float:
    """Return the power of the size with which the error of the products of states goes."""
    off = []
    for size in SIZES:
        squares = []
        for seed in range(draws):
            reservoir = make(size, seed)
            states = reservoir.run(series.transpose(1, 0, 2), reservoir.start(len(series), 3))[-1]
            found = (states @ states.T / size)[np.tril_indices(len(series), -1)]
            squares.append(((found - exact) ** 2).mean() / (exact**2).mean())
        off.append(np.sqrt(np.mean(squares)))
    return float(np.polyfit(np.log(SIZES), np.log(off), 1)[0])


def limit(series: Floats, activation: str, scales: dict[str, Any]) -> Floats:
    """Return the products of the states of each two series in the limit."""
    pairs = zip(*np.tril_indices(len(series), -1), strict=True)
    return np.array(
        [
            recurrent_kernel(series[i], series[j], activation=activation, **scales)[-1, 0]
            for i, j in pairs
        ]
    )


def echo(construction: str, activation: str, size: int, seed: int) -> EchoStateNetwork:
    """Return one of the classical reservoirs."""
    return EchoStateNetwork(
        size,
        construction=construction,
        activation=activation,
        connections_per_node=50,
        seed=seed,
        **SCALES,
    )


def optical(construction: str, size: int, seed: int) -> OpticalReservoir:
    """Return one behind a camera without rounding and a saturation out of reach."""
    light = SimulatedDevice(Camera(0), construction=construction, dtype="float64", seed=seed)
    return OpticalReservoir(size, light, saturation=1e9, **DIM)


def main() -> None:
    series = np.random.default_rng(1).normal(size=(8, 6, 3)).clip(-4.0, 4.0)
    what = "error of N nodes against the limit"
    for construction in ("structured", "dense", "sparse"):
        slopes = [
            slope(partial(echo, construction, each), limit(series, each, SCALES), series)
            for each in ACTIVATIONS
        ]
        case = f"{what}: EchoStateNetwork, {construction}"
        by_activation = dict(zip(ACTIVATIONS, np.round(slopes, 3).tolist(), strict=True))
        record("reservoirs", case, slopes, "power of N", GOAL, by_activation=by_activation)
    # A display shows the inputs from the end of their range on.
    exact = limit(series + 4.0, "intensity", DIM)
    slopes = [
        slope(partial(optical, each), exact, series, OPTICAL_DRAWS)
        for each in ("structured", "dense")
    ]
    record("reservoirs", f"{what}: OpticalReservoir, both media", slopes, "power of N", GOAL)
    say("done")


if __name__ == "__main__":
    main()
