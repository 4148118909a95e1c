"""The forecaster for what was measured: short or long, noisy, with trend and season."""

from streamlyt.core.validation import check_integer

from .echo_state_network import EchoStateNetwork
from .nvar import NVAR
from .reservoir_forecaster import ReservoirForecaster

__all__ = ["RobustForecaster"]


class RobustForecaster(ReservoirForecaster):
    """A :class:`ReservoirForecaster` that finds out by itself how much a series can teach.

    Its read-out sees the last rows and an :class:`Echo`, and mixes solutions over the last row,
    over the last rows and over all, of all ridges, and persistence, by how each would err on rows
    that it has not seen (generalised cross-validation). So it goes as far as the rows allow: with
    few or random ones it stays near the last value, with many it forecasts nonlinear dynamics.
    A forecast goes only the share of the way that those from up to 100 newest moments should have
    gone, by a read-out that had not learnt what followed; predictions of the next row do not.
    Leaps count no more than six usual steps, and a row that is further out than half the span of
    those at least a horizon old, which are all that it is known of how they went on, is not
    believed to lead anywhere.

    Parameters
    ----------
    delays
        Last rows k that a linear forecast sees; one more than a season is a good choice.
    n_components
        Nodes of the reservoir.
    forget
        Share of all that was learnt that each row takes away, in [0, 1).
    washout
        First rows, at least 10, that are not learnt from.
    calibration
        Newest rows from which bands are made.
    seed
        Of the reservoir.

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
