"""The forecaster: reservoirs, a read-out that learns with every row, and its own future."""

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
    moments_of,
    warn_if_diverged,
)
from ._forecasting.online_readout import OnlineReadout
from ._forecasting.prediction_intervals import (
    ConformalCalibration,
    IntervalForecast,
    Loop,
    backtest_targets,
    calibrated,
    fewest_moments,
)
from ._forecasting.shrinkage import ShrunkForecast, shrinkage_factor
from ._forecasting.state_features import StateFeatures, listed
from ._readouts import READOUTS
from ._readouts.base import BLOCK

__all__ = ["ReservoirForecaster"]

_FAR = 100.0  # times the largest deviation so far: the closed loop has left for good


class ReservoirForecaster(OnlineReadout):
    r"""Forecasts from reservoirs: fixed maps with a memory, and a linear read-out on line.

    The first ``washout`` rows give centre and scale of each channel and drive the reservoirs from
    rest; the last row is the prediction meanwhile. From then on the read-out

    .. math:: \hat u_{t+1} = u_t + W \phi_t, \qquad \phi_t = (1, u_t, x_t),

    learns from every row, x being the states of all reservoirs. W is the ridge solution over all
    rows so far, each forgotten by the share ``forget`` with every later one. It is renewed after
    every quarter more rows, and at least every ``refit``; :meth:`forecast` always takes the
    newest, feeds its own predictions back, and leaves the memory of learning alone.

    **Fields.** With a ``patch`` the channels are points of a field: every patch has its own
    reservoirs, driven by its points and a halo beside them, and all patches share weights and
    read-out. That is what makes a field of many points forecastable; it must obey the same law
    everywhere.

    Parameters
    ----------
    reservoirs
        One reservoir, or several in parallel. None: a default :class:`EchoStateNetwork`.
    target
        What the read-out gives: ``"increment"`` (as above) or ``"value"``.
    ridge
        Of the solution, relative to the trace of the Gram matrix of the features. The default,
        just above the rounding of the sums, serves series without noise; with noise of a share s
        of their spread, s squared is a beginning.
    forget
        Share of all that was learnt that each row takes away, in [0, 1): 1 over the memory.
    washout
        First rows, at least 10, that are not learnt from.
    noise
        Spread, relative to that of the channels, of noise on the inputs of a second set of
        reservoirs from which the read-out learns to come back to the series: makes closed loops
        steady, and doubles the time of the steps. 0 for none.
    patch
        Channels of a patch, a divisor of their number; None for one set of reservoirs over all.
    halo
        Width of what a patch sees on each side, in units of length.
    spacing
        Distance between two channels, in the same units.
    boundary
        ``"periodic"``: the last channel lies beside the first; ``"open"``: zeros beyond the ends.
    readout
        ``"gram"``: sums of products and Cholesky's factors; ``"square-root"``: the triangle of the
        features themselves, with twice the digits at twice the time. ``"cross-validated"``: for
        noise of unknown size, a mixture of solutions by several reservoirs and by ridges from
        ``ridge`` upwards, and of persistence; a forecast then goes as far from the last row as
        those from up to 100 newest moments should have gone (``calibration``). ``"sketch"``:
        for more than some 8000 features, a half of them, at most 4096, mixed at random. ``"rls"``
        and ``"nlms"``: for comparison.
    refit
        Most rows between two solutions; None for the number of features.
    calibration
        Newest rows from which the bands of :meth:`forecast_bands` are made: an earlier read-out
        is kept that had not seen them, and twice as many rows. 0: no bands, and nothing is kept.
    seed
        Of the noise, and of the kicks for the bands.

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
        target: Literal["increment", "value"] = "increment",
        ridge: float = 2.5e-16,
        forget: float = 0.0,
        washout: int = 200,
        noise: float = 0.0,
        patch: int | None = None,
        halo: float = 8.0,
        spacing: float = 1.0,
        boundary: Literal["periodic", "open"] = "periodic",
        readout: Literal[
            "gram", "square-root", "cross-validated", "sketch", "rls", "nlms"
        ] = "gram",
        refit: int | None = None,
        calibration: int = 2000,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.reservoirs = reservoirs
        self.target = target
        self.ridge = ridge
        self.forget = forget
        self.washout = washout
        self.noise = noise
        self.patch = patch
        self.halo = halo
        self.spacing = spacing
        self.boundary = boundary
        self.readout = readout
        self.refit = refit
        self.calibration = calibration
        self.seed = seed
        check_choice("target", target, ("increment", "value"))
        check_choice("boundary", boundary, ("periodic", "open"))
        check_choice("readout", readout, tuple(READOUTS))
        for name in ("ridge", "noise", "halo"):
            check_number(name, getattr(self, name), positive=False)
        check_number("spacing", spacing, positive=True)
        if not 0 <= forget < 1:
            raise ParameterError(f"forget must be in [0, 1), got {forget!r}")
        check_integer("washout", washout, 10)
        check_integer("calibration", calibration, 0)
        check_integer("seed", seed, 0)
        if patch is not None:
            check_integer("patch", patch, 1)
        if refit is not None:
            check_integer("refit", refit, 1)
        self._drive = StateFeatures(listed(reservoirs), patch, halo, spacing, boundary, noise, seed)
        self._readout = READOUTS[readout](ridge, 1.0 - forget)
        self._calibration = Calibration(calibration, washout)
        self._asked: (
            tuple[dict[str, Array], tuple[int, int, float], ConformalCalibration] | None
        ) = None
        self._shares: tuple[dict[str, Array], tuple[int, int], float] | None = None
        self._newest: tuple[dict[str, Array], int, Floats] | None = None

    @cached_property
    def _parameters(self) -> str:
        return parameter_fingerprint(self)

    def forecast(self, horizon: int, context: Floats | None = None) -> Floats:
        """Return the rows expected next, shape (horizon, d).

        Parameters
        ----------
        horizon
            Rows to go ahead, at least 1.
        after
            Rows (n, d), at least ``washout`` of them, after which the forecast begins; None: after
            the last row that was learnt. The reservoirs are driven by them from rest.

        Raises
        ------
        ParameterError
            If the horizon is less than one row.
        DataError
            If fewer rows than the washout were learnt, or are in ``after``.

        Warns
        -----
        RuntimeWarning
            If the closed loop leaves the series for good; the rows from there on are NaN.
        """
        return self._unscaled(self._ahead(horizon, context)[:, 0])

    def forecast_interval(
        self, horizon: int, coverage: float = 0.9, context: Floats | None = None
    ) -> IntervalForecast:
        """Return the rows expected next, bands around them, and how long they will hold.

        Closed loops of an earlier read-out begin at up to 100 of the newest ``calibration`` rows,
        which it had not learnt from, and are compared with what followed: split conformal bands,
        each horizon and channel of its own, wider where the system runs apart. They promise the
        coverage as long as the series goes on as over these rows; an early model that still
        learns fast is better than its bands. Nothing is learnt and nothing changes.

        Parameters
        ----------
        horizon, after
            As for :meth:`forecast`.
        coverage
            Share of the cases in which a band holds the true value, in (0, 1).

        Raises
        ------
        ParameterError
            If a parameter is out of its range, or ``calibration`` is 0.
        DataError
            If there are too few rows yet; the message says how many it takes.
        """
        if not 0 < coverage < 1:
            raise ParameterError(f"coverage must be in (0, 1), got {coverage!r}")
        main = self._ahead(horizon, context)
        new = self._believed(self._moments(context), self._current(), horizon)
        found = self._quantiles(horizon, coverage).around(new, main)
        return replace(
            found,
            point=self._unscaled(found.point),
            lower=self._unscaled(found.lower),
            upper=self._unscaled(found.upper),
        )

    def _quantiles(self, horizon: int, coverage: float) -> ConformalCalibration:
        state = self.state
        kept, first = self._calibration.kept(state, fewest_moments(coverage))
        asked = int(state["learnt"]), horizon, coverage
        if self._asked is None or self._asked[0] is not state or self._asked[1] != asked:
            ends, truth = backtest_targets(kept, first, horizon)
            earlier = moments_of(self._drive, kept, ends)
            ends = ends + self._calibration.oldest(state, kept)
            loop = self._believed(earlier, state["lag.weights"], horizon, ends)
            variance = float(kept.var(axis=0).mean())
            found = calibrated(loop, truth, coverage, variance, self.seed)
            self._asked = state, asked, found
        return self._asked[2]

    def _unscaled(self, rows: Floats) -> Floats:
        unscaled: Floats = self.state["centre"] + rows / self.state["factor"]
        return unscaled

    def _ahead(self, horizon: int, after: Floats | None) -> Floats:
        """Return the closed loop from the last row, or after others; say where it left."""
        check_integer("horizon", horizon, 1)
        check_fingerprint(self.state, self._parameters)
        start = self._moments(after)
        rows = self._believed(start, self._current(), horizon)()
        warn_if_diverged(rows)
        return rows

    def _believed(
        self, start: ForecastOrigins, weights: Floats, horizon: int, ends: Array | None = None
    ) -> Loop:
        """Return closed loops, a share of which is believed where noise may be in the rows."""
        loop = self._looped(start, weights, horizon, ends)
        if self.readout != "cross-validated" or not self.calibration:
            return loop
        return ShrunkForecast(loop, start.rows, self._share(horizon))

    def _share(self, horizon: int) -> float:
        # Of the rows up to the last full block: it serves for all forecasts until the next.
        state = self.state
        kept, first, oldest = self._calibration.settled(state, BLOCK)
        asked = oldest + len(kept), horizon
        if self._shares is None or self._shares[0] is not state or self._shares[1] != asked:
            share = 1.0
            if len(kept) > first:
                ends, truth = backtest_targets(kept, first, horizon)
                earlier = moments_of(self._drive, kept, ends)
                ahead = self._looped(earlier, state["lag.weights"], horizon, oldest + ends)()
                share = shrinkage_factor(
                    ahead, earlier.rows, truth, max(1.0, float(state["extent"]))
                )
            self._shares = state, asked, share
        return self._shares[2]

    def _looped(
        self, start: ForecastOrigins, weights: Floats, horizon: int, ends: Array | None = None
    ) -> partial[Floats]:
        """Return loops from moments after ``ends`` rows of the series each; None for now."""
        far = _FAR * max(1.0, float(self.state["extent"]))
        increments = self.target == "increment"
        known = self._calibration.known(self.state, horizon, ends)
        return partial(
            closed_loop, self._drive, start, weights, horizon, increments, far, known=known
        )

    def _moments(self, after: Floats | None) -> ForecastOrigins:
        """Return the moment after the last row that was learnt, or after others."""
        state = self.state
        if "centre" not in state:
            seen = len(state.get("head", ()))
            raise DataError(
                f"a forecast needs {self.washout} rows (the washout) to have been learnt, got "
                f"{seen}; learn more rows, or take a shorter washout"
            )
        if after is None:
            return ForecastOrigins(self._drive.quiet(state), state["last"][None], state["features"])
        after = checked(np.asarray(after, np.float64), state["centre"].size, self.washout)
        rows = (after - state["centre"]) * state["factor"]
        return moments_of(self._drive, rows, np.array([len(rows)]))

    def _current(self) -> Floats:
        """Return the solution over all rows so far, those of the open block too."""
        state = self.state
        learnt = int(state["learnt"])
        if learnt == int(state["solved"]):
            return state["weights"]
        if self._newest is None or self._newest[0] is not state or self._newest[1] != learnt:
            self._newest = state, learnt, self._readout.solve(self._sums())
        return self._newest[2]

    def _sums(self) -> dict[str, Array]:
        """Return what the read-out knows, the rows of the open block learnt as well."""
        state = self.state
        memory = dict(state)
        place = int(state["learnt"]) % BLOCK
        if place:
            rows = place * (len(state["pending"]) // BLOCK)
            memory.update({name: memory[name].copy() for name in self._readout.start(0, 0)})
            self._readout.absorb(state["pending"][:rows], state["answers"][:rows], place, memory)
        return memory
