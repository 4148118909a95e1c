"""Forecaster for measured series: short or long, noisy, with trend and season."""

from streamlyt.core.validation import check_integer

from .echo_state_network import EchoStateNetwork
from .nvar import NVAR
from .reservoir_forecaster import ReservoirForecaster

__all__ = ["RobustForecaster"]


class RobustForecaster(ReservoirForecaster):
    """A :class:`ReservoirForecaster` that adapts its complexity to the series.

    The readout combines the last rows and an :class:`EchoStateNetwork`. It mixes persistence and
    solutions over the last row, over the last rows and over all features, with many ridges,
    weighted by generalized cross-validation. With few or random rows it stays near persistence;
    with many it forecasts nonlinear dynamics. Forecasts are shrunk to persistence by a factor
    fitted to forecasts from up to 100 recent origins by a readout that did not learn the following
    rows; one-step predictions are not. Steps larger than six usual steps get a Huber weight. For
    rows outside the range of the rows at least a horizon old, by more than half its span, the
    predicted step is damped, because no continuation of such rows is known.

    Parameters
    ----------
    n_delays
        Number of last rows k in the linear part; one more than the season is a good choice.
    n_components
        Nodes of the reservoir.
    forgetting_factor
        Weight of a row relative to the next one, in (0, 1]; 1: no forgetting.
    washout
        First rows, at least 10, that are not learnt from.
    calibration_rows
        Recent rows that calibrate the prediction intervals.
    seed
        Seed of the reservoir.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> months = np.arange(144)
    >>> rows = (100 + months + 20 * np.sin(months * np.pi / 6))[:, None]
    >>> model = RobustForecaster()
    >>> predicted = model.predict_and_learn(rows[:132])
    >>> bool(np.abs(model.forecast(12) - rows[132:]).max() < 1)
    True
    """

    def __init__(
        self,
        n_delays: int = 13,
        n_components: int = 200,
        *,
        forgetting_factor: float = 1.0,
        washout: int = 20,
        calibration_rows: int = 2000,
        seed: int = 0,
    ) -> None:
        check_integer("n_delays", n_delays, 1)
        super().__init__(
            (
                NVAR(n_delays, order=1),
                EchoStateNetwork(
                    n_components, spectral_radius=1.05, arcsinh_inputs=True, seed=seed
                ),
            ),
            readout="gcv",
            forgetting_factor=forgetting_factor,
            washout=washout,
            calibration_rows=calibration_rows,
            seed=seed,
        )
        self.n_delays = n_delays
        self.n_components = n_components
