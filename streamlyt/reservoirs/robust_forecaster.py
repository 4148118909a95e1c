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
    delays
        Number of last rows k in the linear part; one more than the season is a good choice.
    n_components
        Nodes of the reservoir.
    forget
        Share of all that was learnt that each row takes away, in [0, 1).
    washout
        First rows, at least 10, that are not learnt from.
    calibration
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
        delays: int = 13,
        n_components: int = 200,
        *,
        forget: float = 0.0,
        washout: int = 20,
        calibration: int = 2000,
        seed: int = 0,
    ) -> None:
        check_integer("delays", delays, 1)
        super().__init__(
            (
                NVAR(delays, order=1),
                EchoStateNetwork(n_components, spectral_radius=1.05, compressed=True, seed=seed),
            ),
            readout="cross-validated",
            forget=forget,
            washout=washout,
            calibration=calibration,
            seed=seed,
        )
        self.delays = delays
        self.n_components = n_components
