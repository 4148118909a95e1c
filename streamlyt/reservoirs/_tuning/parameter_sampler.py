"""Random parameters of forecasters, global or near others."""

import math

import numpy as np

from streamlyt.reservoirs.echo_state_network import EchoStateNetwork
from streamlyt.reservoirs.reservoir_forecaster import ReservoirForecaster
from streamlyt.reservoirs.robust_forecaster import RobustForecaster

__all__ = ["MANY", "ParameterSampler", "short"]

MANY = 1000  # minimum rows for trials of the model for noiseless systems
_SIZES = (
    60,
    124,
    252,
    508,
    1020,
    2044,
)  # nodes of an echo state network
_SMALL = (25, 50, 100, 200, 400)  # nodes of the robust forecaster
_DELAYS = 60  # maximum delays, and at most an eighth of the rows
_NEAR = 0.5  # fraction of the draws near the best so far, after the first round


class ParameterSampler:
    """Draws forecasters for series of a given length.

    Parameters
    ----------
    seed
        Seed of all draws.
    rows
        Rows of the shortest series.
    """

    def __init__(self, seed: int, rows: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._rows = rows
        self._sizes = [size for size in _SIZES if size <= rows // 2]

    def forecaster(self, best: ReservoirForecaster | None) -> ReservoirForecaster:
        """Return a forecaster; half of them are near the best, if there is one."""
        if best is not None and self._rng.random() < _NEAR:
            return self._near_model(best)
        if self._rows >= MANY and self._rng.random() < 0.5:
            return self._echo()
        most = max(2, min(_DELAYS, self._rows // 8))
        return RobustForecaster(round(self._log_uniform(1.0, most)), int(self._rng.choice(_SMALL)))

    def _echo(self) -> ReservoirForecaster:
        size = int(self._rng.choice(self._sizes))
        echo = EchoStateNetwork(
            size,
            spectral_radius=self._log_uniform(0.2, 1.4),
            input_scale=self._log_uniform(0.02, 2.0),
            bias_scale=self._log_uniform(0.1, 3.0),
            leak_rate=1.0 if self._rng.random() < 0.5 else self._log_uniform(0.05, 1.0),
        )
        return ReservoirForecaster(echo)

    def _near_model(self, model: ReservoirForecaster) -> ReservoirForecaster:
        """Return parameters near those of a model."""
        if isinstance(model, RobustForecaster):
            delays = max(1, round(model.n_delays * self._near()))
            size = max(5, round(model.n_components * self._near()))
            return RobustForecaster(delays, size)
        echo = EchoStateNetwork() if model.reservoirs is None else model.reservoirs
        assert isinstance(echo, EchoStateNetwork)
        leak = min(1.0, _rounded(echo.leak_rate * self._near())) if echo.leak_rate < 1 else 1.0
        at = int(np.argmin(np.abs(np.log(np.array(self._sizes) / echo.n_components))))
        size = self._sizes[min(len(self._sizes) - 1, max(0, at + int(self._rng.integers(-1, 2))))]
        neighbor = EchoStateNetwork(
            size,
            spectral_radius=_rounded(echo.spectral_radius * self._near()),
            input_scale=_rounded(echo.input_scale * self._near()),
            bias_scale=_rounded(echo.bias_scale * self._near()),
            leak_rate=leak,
        )
        return ReservoirForecaster(neighbor)

    def _near(self) -> float:
        return float(np.exp(0.3 * self._rng.normal()))

    def _log_uniform(self, low: float, high: float) -> float:
        """Return a log-uniform number of three digits, so that saved values match the trial."""
        return _rounded(float(np.exp(self._rng.uniform(math.log(low), math.log(high)))))


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def short(model: ReservoirForecaster) -> str:
    """Return a short description of a model."""
    if isinstance(model, RobustForecaster):
        return f"robust_forecaster, {model.n_delays} delays, {model.n_components} nodes"
    echo = EchoStateNetwork() if model.reservoirs is None else model.reservoirs
    size = echo.n_components if isinstance(echo, EchoStateNetwork) else 0
    return f"reservoir_forecaster, {size} nodes, ridge {model.ridge:.1g}"
