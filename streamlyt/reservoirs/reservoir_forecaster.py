"""Online forecaster: reservoirs, a linear readout and closed-loop forecasts."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Literal

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.core.state import check_fingerprint, parameter_fingerprint
from streamlyt.core.validation import check_choice, check_integer, check_number

from ._base.reservoir import Reservoir
from ._forecasting.calibration import Calibration
from ._forecasting.closed_loop import (
    ForecastOrigins,
    checked,
    closed_loop,
    forecast_origins,
    warn_if_diverged,
)
from ._forecasting.online_readout import OnlineReadout
from ._forecasting.prediction_intervals import (
    ConformalCalibration,
    IntervalForecast,
    Loop,
    backtest_targets,
    calibrated,
    min_origins,
)
from ._forecasting.shrinkage import ShrunkForecast, shrinkage_factor
from ._forecasting.state_features import StateFeatures, as_tuple
from ._readouts import READOUTS
from ._readouts.base import BLOCK

__all__ = ["ReservoirForecaster"]

_FAR = 100.0  # divergence limit of the closed loop, in units of the largest deviation so far


class ReservoirForecaster(OnlineReadout):
    r"""Forecasts from reservoirs with a linear readout that learns online.

    The first ``washout`` rows give the center and scale of each channel and drive the reservoirs
    from rest; the prediction is persistence. From then on the readout

    .. math:: \hat u_{t+1} = u_t + W \phi_t, \qquad \phi_t = (1, u_t, x_t),

    learns from every row; x is the states of all reservoirs. W is the ridge solution over all rows
    so far, each weighted by ``forgetting_factor`` to the power of its age in rows. It is solved
    again after 25 % more rows, and at least every ``max_refit_interval`` rows. :meth:`forecast`
    always uses the newest solution, feeds its own predictions back, and does not change the state.

    **Fields.** With a ``patch_size`` the channels are points of a field. Every patch has its own
    reservoirs, driven by its points and a halo around them; all patches share weights and readout.
    This makes fields with many points tractable; the dynamics must be the same everywhere.

    Parameters
    ----------
    reservoirs
        One reservoir, or several in parallel. None: a default :class:`EchoStateNetwork`.
    target_type
        Target of the readout: ``"increment"`` (as above) or ``"value"``.
    ridge
        Ridge of the solution, relative to the trace of the Gram matrix of the features. The
        default, just above the rounding of the sums, is for noiseless series; if the noise is a
        fraction s of the standard deviation, start with s squared.
    forgetting_factor
        Weight of a row relative to the next one, in (0, 1]; 1: no forgetting. The memory is
        1 / (1 - ``forgetting_factor``) rows.
    washout
        First rows, at least 10, that are not used for learning.
    input_noise
        Standard deviation, relative to the channels, of noise on the inputs of a second set of
        reservoirs from which the readout learns to return to the series. It stabilizes closed loops
        and doubles the time per step. 0: none.
    patch_size
        Channels of a patch, a divisor of their number; None for one set of reservoirs over all.
    halo
        Width of the halo on each side, in units of length.
    spacing
        Distance between two channels, in the same units.
    boundary
        ``"periodic"``: the last channel is next to the first; ``"open"``: zeros beyond the ends.
    readout
        ``"normal_equations"``: normal equations and Cholesky factors; ``"qr"``: triangular factor
        of the features, with twice the digits at twice the time. ``"gcv"``: for unknown noise, a
        mixture of persistence and solutions over groups of reservoirs and ridges from ``ridge``
        upwards; forecasts are shrunk to persistence by a factor fitted to forecasts from up to 100
        recent origins (``calibration_rows``). ``"sketch"``: for more than 8000 features, a random
        projection to half of them, at most 4096. ``"rls"`` and ``"nlms"``: for comparison.
    max_refit_interval
        Maximum rows between two solutions; None for the number of features.
    calibration_rows
        Number of recent rows that calibrate the intervals of :meth:`forecast_interval`; the state
        then has an earlier readout that did not learn them, and twice as many rows. 0: no
        intervals.
    seed
        Seed of the noise, and of the perturbations for the intervals.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    Examples
    --------
    >>> from streamlyt.reservoirs import EchoStateNetwork
    >>> from streamlyt.systems import Lorenz
    >>> rows = Lorenz().sample(3100)
    >>> model = ReservoirForecaster(EchoStateNetwork(300, seed=1))
    >>> predicted = model.predict_and_learn(rows[:3000])
    >>> bool(np.abs(model.forecast(100) - rows[3000:]).max() < 1.0)
    True
    """

    def __init__(
        self,
        reservoirs: Reservoir | Sequence[Reservoir] | None = None,
        *,
        target_type: Literal["increment", "value"] = "increment",
        ridge: float = 2.5e-16,
        forgetting_factor: float = 1.0,
        washout: int = 200,
        input_noise: float = 0.0,
        patch_size: int | None = None,
        halo: float = 8.0,
        spacing: float = 1.0,
        boundary: Literal["periodic", "open"] = "periodic",
        readout: Literal[
            "normal_equations", "qr", "gcv", "sketch", "rls", "nlms"
        ] = "normal_equations",
        max_refit_interval: int | None = None,
        calibration_rows: int = 2000,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.reservoirs = reservoirs
        self.target_type = target_type
        self.ridge = ridge
        self.forgetting_factor = forgetting_factor
        self.washout = washout
        self.input_noise = input_noise
        self.patch_size = patch_size
        self.halo = halo
        self.spacing = spacing
        self.boundary = boundary
        self.readout = readout
        self.max_refit_interval = max_refit_interval
        self.calibration_rows = calibration_rows
        self.seed = seed
        check_choice("target_type", target_type, ("increment", "value"))
        check_choice("boundary", boundary, ("periodic", "open"))
        check_choice("readout", readout, tuple(READOUTS))
        for name in ("ridge", "input_noise", "halo"):
            check_number(name, getattr(self, name), positive=False)
        check_number("spacing", spacing, positive=True)
        if not 0 < forgetting_factor <= 1:
            raise ParameterError(f"forgetting_factor must be in (0, 1], got {forgetting_factor!r}")
        check_integer("washout", washout, 10)
        check_integer("calibration_rows", calibration_rows, 0)
        check_integer("seed", seed, 0)
        if patch_size is not None:
            check_integer("patch_size", patch_size, 1)
        if max_refit_interval is not None:
            check_integer("max_refit_interval", max_refit_interval, 1)
        self._drive = StateFeatures(
            as_tuple(reservoirs), patch_size, halo, spacing, boundary, input_noise, seed
        )
        self._readout = READOUTS[readout](ridge, forgetting_factor)
        self._calibration = Calibration(calibration_rows, washout)
        self._cached_conformal: (
            tuple[dict[str, Array], tuple[int, int, float], ConformalCalibration] | None
        ) = None
        self._shrinkages: tuple[dict[str, Array], tuple[int, int], float] | None = None
        self._newest: tuple[dict[str, Array], int, Floats] | None = None

    @cached_property
    def _parameters(self) -> str:
        return parameter_fingerprint(self)

    def forecast(self, horizon: int, context: Floats | None = None) -> Floats:
        """Return the forecast of the next rows, shape (horizon, d).

        Parameters
        ----------
        horizon
            Forecast horizon in rows, at least 1.
        context
            Rows (n, d), at least ``washout`` of them, that end at the forecast origin; they drive
            the reservoirs from rest. None: the origin is the last learned row.

        Raises
        ------
        ParameterError
            If the horizon is less than one row.
        DataError
            If fewer rows than the washout were learned, or are in ``context``.

        Warns
        -----
        RuntimeWarning
            If the closed loop diverges; the rows from there on are NaN.
        """
        return self._unscaled(self._ahead(horizon, context)[:, 0])

    def forecast_interval(
        self, horizon: int, coverage: float = 0.9, context: Floats | None = None
    ) -> IntervalForecast:
        """Return the forecast, its prediction intervals and its valid prediction time.

        An earlier readout, which did not learn the newest ``calibration`` rows, forecasts from up
        to 100 of them. Its errors give split conformal intervals per horizon and channel, which are
        wider where trajectories diverge. Their coverage is nominal if the series continues as over
        these rows; an early model that still improves fast covers more. The state does not change.

        Parameters
        ----------
        horizon, context
            As for :meth:`forecast`.
        coverage
            Nominal coverage of each interval, in (0, 1).

        Raises
        ------
        ParameterError
            If a parameter is out of its range, or ``calibration`` is 0.
        DataError
            If there are too few rows; the message states the required number.
        """
        if not 0 < coverage < 1:
            raise ParameterError(f"coverage must be in (0, 1), got {coverage!r}")
        main = self._ahead(horizon, context)
        new = self._shrunk_loop(self._origins(context), self._current(), horizon)
        interval = self._conformal(horizon, coverage).around(new, main)
        return replace(
            interval,
            point=self._unscaled(interval.point),
            lower=self._unscaled(interval.lower),
            upper=self._unscaled(interval.upper),
        )

    def _conformal(self, horizon: int, coverage: float) -> ConformalCalibration:
        state = self.state
        kept, first = self._calibration.kept(state, min_origins(coverage))
        key = int(state["learnt"]), horizon, coverage
        if (
            self._cached_conformal is None
            or self._cached_conformal[0] is not state
            or self._cached_conformal[1] != key
        ):
            ends, truth = backtest_targets(kept, first, horizon)
            earlier = forecast_origins(self._drive, kept, ends)
            ends = ends + self._calibration.oldest(state, kept)
            loop = self._shrunk_loop(earlier, state["lag.weights"], horizon, ends)
            variance = float(kept.var(axis=0).mean())
            conformal = calibrated(loop, truth, coverage, variance, self.seed)
            self._cached_conformal = state, key, conformal
        return self._cached_conformal[2]

    def _unscaled(self, rows: Floats) -> Floats:
        unscaled: Floats = self.state["centre"] + rows / self.state["factor"]
        return unscaled

    def _ahead(self, horizon: int, after: Floats | None) -> Floats:
        """Return the closed loop from the forecast origin; warn if it diverges."""
        check_integer("horizon", horizon, 1)
        check_fingerprint(self.state, self._parameters)
        start = self._origins(after)
        rows = self._shrunk_loop(start, self._current(), horizon)()
        warn_if_diverged(rows)
        return rows

    def _shrunk_loop(
        self, start: ForecastOrigins, weights: Floats, horizon: int, ends: Array | None = None
    ) -> Loop:
        """Return closed loops, shrunk to persistence for the cross-validated readout."""
        loop = self._loops_from(start, weights, horizon, ends)
        if self.readout != "gcv" or not self.calibration_rows:
            return loop
        return ShrunkForecast(loop, start.rows, self._shrinkage(horizon))

    def _shrinkage(self, horizon: int) -> float:
        # From the rows up to the last full block, so it is computed once per block.
        state = self.state
        kept, first, oldest = self._calibration.settled(state, BLOCK)
        key = oldest + len(kept), horizon
        if (
            self._shrinkages is None
            or self._shrinkages[0] is not state
            or self._shrinkages[1] != key
        ):
            factor = 1.0
            if len(kept) > first:
                ends, truth = backtest_targets(kept, first, horizon)
                earlier = forecast_origins(self._drive, kept, ends)
                ahead = self._loops_from(earlier, state["lag.weights"], horizon, oldest + ends)()
                factor = shrinkage_factor(
                    ahead, earlier.rows, truth, max(1.0, float(state["extent"]))
                )
            self._shrinkages = state, key, factor
        return self._shrinkages[2]

    def _loops_from(
        self, start: ForecastOrigins, weights: Floats, horizon: int, ends: Array | None = None
    ) -> partial[Floats]:
        """Return loops from origins after ``ends`` rows of the series; None: the present."""
        far = _FAR * max(1.0, float(self.state["extent"]))
        increments = self.target_type == "increment"
        known = self._calibration.known(self.state, horizon, ends)
        return partial(
            closed_loop, self._drive, start, weights, horizon, increments, far, known=known
        )

    def _origins(self, after: Floats | None) -> ForecastOrigins:
        """Return the forecast origin after the last learned row, or after ``after``."""
        state = self.state
        if "centre" not in state:
            seen = len(state.get("head", ()))
            raise DataError(
                f"a forecast needs {self.washout} learned rows (the washout), got {seen}; learn "
                "more rows, or use a shorter washout"
            )
        if after is None:
            return ForecastOrigins(
                self._drive.clean_state(state), state["last"][None], state["features"]
            )
        after = checked(np.asarray(after, np.float64), state["centre"].size, self.washout)
        rows = (after - state["centre"]) * state["factor"]
        return forecast_origins(self._drive, rows, np.array([len(rows)]))

    def _current(self) -> Floats:
        """Return the solution over all rows so far, including the open block."""
        state = self.state
        learnt = int(state["learnt"])
        if learnt == int(state["solved"]):
            return state["weights"]
        if self._newest is None or self._newest[0] is not state or self._newest[1] != learnt:
            self._newest = state, learnt, self._readout.solve(self._sums())
        return self._newest[2]

    def _sums(self) -> dict[str, Array]:
        """Return the state of the readout, including the rows of the open block."""
        state = self.state
        memory = dict(state)
        place = int(state["learnt"]) % BLOCK
        if place:
            rows = place * (len(state["pending"]) // BLOCK)
            memory.update({name: memory[name].copy() for name in self._readout.start(0, 0)})
            self._readout.absorb(state["pending"][:rows], state["answers"][:rows], place, memory)
        return memory
