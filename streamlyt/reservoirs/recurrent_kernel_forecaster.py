"""Forecaster for short series: the infinite-width limit of a reservoir, by its kernel."""

from dataclasses import replace
from functools import cached_property, partial

import numpy as np
from scipy.linalg import eigh

from streamlyt.core import Array, Floats, Forecaster
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.core.state import check_fingerprint, parameter_fingerprint, stamp
from streamlyt.core.validation import check_choice, check_integer, check_number

from ._forecasting.closed_loop import checked, warn_if_diverged
from ._forecasting.kernel_functions import KERNELS
from ._forecasting.kernel_recursion import KernelRecursion, KernelState, closed_loop
from ._forecasting.prediction_intervals import (
    IntervalForecast,
    backtest_targets,
    calibrated,
    min_origins,
)
from ._readouts.base import solve_gram
from ._readouts.cross_validated import mixed_ridges

__all__ = ["RecurrentKernelForecaster"]

_ACTIVATIONS = tuple(name for name in KERNELS if name != "intensity")
_GROWTH = 1.25  # growth of the rows between two solutions
_DROPPED = 4  # the oldest 1 / _DROPPED of the rows is dropped at the limit
_BEFORE = 0.7  # fraction of the rows that the calibration readout learns
_FAR = 100.0  # divergence limit of the closed loop, in units of the largest deviation so far


class RecurrentKernelForecaster(Forecaster):
    r"""Forecasts by the infinite-width limit of a reservoir: recurrent kernel ridge regression.

    With a growing number of nodes, the inner products of the states of an
    :class:`EchoStateNetwork` converge to a :func:`recurrent_kernel` [1]_. The solution

    .. math:: \hat u_{t+1} = u_t + \sum_s \alpha_s \big(K_{ts} + c\,(1 + u_t \cdot u_s)\big),

    follows from the products K of the states after all stored rows s, without random numbers. A
    solution over n rows costs O(n^3), a forecast O(n) per row. It suits series of a few hundred to
    a few thousand rows, where the random draw of a few thousand nodes still matters. With more rows
    a :class:`ReservoirForecaster` is cheaper and drops no rows.

    The first ``washout`` rows give the center and scale of each channel and are not learned; the
    prediction is persistence. The solution is updated after 25 % more rows; :meth:`forecast` always
    uses the newest. The default scales are those of an :class:`EchoStateNetwork`.

    Parameters
    ----------
    activation
        Activation of a node, one of :data:`KERNELS` except ``"intensity"``, whose states grow
        without bound; ``"rbf"`` is a cosine with uniform phase.
    spectral_radius, input_scale, bias_scale
        The scales of an :class:`EchoStateNetwork`. There is no leak rate: its kernel has no short
        closed form.
    linear_weight
        Weight c of the constant and linear terms. For an echo state network of N nodes it is 1/N.
    ridge
        Ridge relative to the trace of the kernel matrix. None: persistence and solutions with many
        ridges are mixed by generalized cross-validation.
    max_rows
        Maximum number of stored rows. At the limit the oldest quarter is dropped, and the reservoir
        restarts from rest at the oldest remaining row.
    washout
        First rows, at least 10, that are not used for learning.
    seed
        Seed of the perturbations for the intervals.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    References
    ----------
    .. [1] J. Dong, R. Ohana, M. Rafayelyan, F. Krzakala, "Reservoir computing meets recurrent
       kernels and structured transforms", NeurIPS 2020 (arXiv 2006.07310).

    Examples
    --------
    >>> from streamlyt.systems import Lorenz
    >>> rows = Lorenz().sample(650)
    >>> model = RecurrentKernelForecaster(ridge=1e-14)
    >>> predicted = model.predict_and_learn(rows[:600])
    >>> bool(np.abs(model.forecast(50) - rows[600:]).max() < 0.5)
    True
    """

    def __init__(
        self,
        activation: str = "cos",
        *,
        spectral_radius: float = 1.0,
        input_scale: float = 0.3,
        bias_scale: float = 1.5,
        linear_weight: float = 0.001,
        ridge: float | None = None,
        max_rows: int = 1000,
        washout: int = 20,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.spectral_radius = spectral_radius
        self.input_scale = input_scale
        self.bias_scale = bias_scale
        self.linear_weight = linear_weight
        self.ridge = ridge
        self.max_rows = max_rows
        self.washout = washout
        self.seed = seed
        check_choice("activation", activation, _ACTIVATIONS)
        for name in ("spectral_radius", "input_scale", "bias_scale", "linear_weight"):
            check_number(name, getattr(self, name), positive=False)
        if ridge is not None:
            check_number("ridge", ridge, positive=False)
        check_integer("washout", washout, 10)
        check_integer("seed", seed, 0)
        if max_rows < 4 * washout:
            raise ParameterError(
                f"max_rows must be at least four washouts ({4 * washout}), got {max_rows!r}; "
                "store more"
            )
        check_integer("max_rows", max_rows, 1)
        self._newest: tuple[dict[str, Array], int, Floats] | None = None

    @cached_property
    def _parameters(self) -> str:
        return parameter_fingerprint(self)

    def predict_and_learn(self, values: Floats) -> Floats:
        """Predict each row (n, d) before it is learnt; see :class:`Forecaster`."""
        state = self.state
        check_fingerprint(state, self._parameters)
        known = state.get("kept", state.get("head"))
        if known is not None and known.shape[1] != values.shape[1]:
            raise DataError(
                f"the number of channels must stay {known.shape[1]} as in the first rows, got "
                f"{values.shape[1]}; start a new series for other channels"
            )
        predicted = np.empty(values.shape)
        start = 0
        if "centre" not in state:
            start = self._collect_warmup(values, predicted)
        for i in range(start, len(values)):
            predicted[i] = self._learn(values[i])
        return predicted

    def forecast(self, horizon: int, context: Floats | None = None) -> Floats:
        """Return the next rows, shape (horizon, d); see :class:`ReservoirForecaster`."""
        rows = self._main(horizon, context)[0]
        return self._unscaled(rows[:, 0])

    def forecast_interval(
        self, horizon: int, coverage: float = 0.9, context: Floats | None = None
    ) -> IntervalForecast:
        """Return the forecast, its prediction intervals and its valid prediction time.

        As in :class:`ReservoirForecaster`; the calibration readout learns the older 70 percent of
        the stored rows and forecasts the others.
        """
        if not 0 < coverage < 1:
            raise ParameterError(f"coverage must be in (0, 1), got {coverage!r}")
        main, start, weights, support = self._main(horizon, context)
        kept = self.state["kept"]
        first = self.washout + int(_BEFORE * (len(kept) - self.washout))
        few = min_origins(coverage) - (len(kept) - first)
        if few > 0:
            need = int(np.ceil((min_origins(coverage) + 1) / (1 - _BEFORE)))
            raise DataError(
                f"coverage {coverage:g} needs at least {self.washout + need} learned rows, got "
                f"{len(kept)}; learn more rows, or use a smaller coverage"
            )
        ends, truth = backtest_targets(kept, first, horizon)
        older = kept[:first]
        at = self._recursion.after(kept, ends, older, self._recursion.lengths(older)[0])
        loop = self._loops_from(at, self._solve(older), older, horizon)
        interval = calibrated(
            loop, truth, coverage, float(kept.var(axis=0).mean()), self.seed
        ).around(self._loops_from(start, weights, support, horizon), main)
        return replace(
            interval,
            point=self._unscaled(interval.point),
            lower=self._unscaled(interval.lower),
            upper=self._unscaled(interval.upper),
        )

    def _main(
        self, horizon: int, after: Floats | None
    ) -> tuple[Floats, KernelState, Floats, Floats]:
        """Return the closed loop, its origin, the weights and the support."""
        check_integer("horizon", horizon, 1)
        state = self.state
        check_fingerprint(state, self._parameters)
        if "centre" not in state or len(state["kept"]) <= self.washout:
            seen = len(state.get("kept", state.get("head", ())))
            raise DataError(
                f"a forecast needs {self.washout + 1} learned rows (the washout, and one), got "
                f"{seen}; learn more rows, or use a shorter washout"
            )
        support = state["kept"]
        count = int(state["learnt"])
        if self._newest is None or self._newest[0] is not state or self._newest[1] != count:
            self._newest = state, count, self._solve(support)
        weights = self._newest[2]
        driven = support
        if after is not None:
            given = checked(np.asarray(after, np.float64), support.shape[1], self.washout)
            driven = (given - state["centre"]) * state["factor"]
        sums = self._recursion.lengths(support)[0]
        start = self._recursion.after(driven, np.array([len(driven)]), support, sums)
        rows = self._loops_from(start, weights, support, horizon)()
        warn_if_diverged(rows)
        return rows, start, weights, support

    @property
    def _recursion(self) -> KernelRecursion:
        scales = self.spectral_radius, self.input_scale, self.bias_scale, self.linear_weight
        return KernelRecursion(self.activation, *scales, self.state["centre"].size)

    def _loops_from(
        self, start: KernelState, weights: Floats, support: Floats, horizon: int
    ) -> partial[Floats]:
        far = _FAR * max(1.0, float(np.abs(support).max()))
        sums = self._recursion.lengths(support)[0]
        return partial(closed_loop, self._recursion, start, weights, support, sums, horizon, far)

    def _unscaled(self, rows: Floats) -> Floats:
        unscaled: Floats = self.state["centre"] + rows / self.state["factor"]
        return unscaled

    def _collect_warmup(self, values: Floats, predicted: Floats) -> int:
        # Predict persistence until the scales are known.
        head = self.state.get("head", np.empty((0, values.shape[1])))
        taken = min(len(values), self.washout - len(head))
        grown = np.vstack([head, values[:taken]])
        none = np.full((1, values.shape[1]), np.nan)
        predicted[:taken] = np.vstack([head[-1:] if len(head) else none, values[: taken - 1]])
        self.state["head"] = grown
        if len(grown) == self.washout:
            del self.state["head"]
            spread, most = grown.std(axis=0), np.abs(grown).max(axis=0)
            moves = spread > np.finfo(float).eps * most
            factor = np.divide(1.0, spread, out=np.ones_like(spread), where=moves)
            centre = grown.mean(axis=0)
            self.state.update(centre=centre, factor=factor, parameters=stamp(self._parameters))
            self.state["kept"] = (grown - centre) * factor
            self.state["learnt"] = np.array(len(grown))
            self._refit(np.zeros((grown.shape[1], len(grown))))
        return taken

    def _learn(self, value: Floats) -> Floats:
        """Predict one row, store it, and solve again if due."""
        state, law = self.state, self._recursion
        support = state["kept"][: len(state["sums"])]
        at = KernelState(state["kept"][-1:], state["products"], state["own"])
        ahead = at.rows + law.features(at, support) @ state["weights"].T
        row = ((value - state["centre"]) * state["factor"])[None]
        at = law.step(at, row, support, state["sums"])
        state["products"], state["own"] = at.products, at.own
        state["kept"] = np.vstack([state["kept"], row])
        state["learnt"] = np.array(int(state["learnt"]) + 1)
        if len(state["kept"]) > self.max_rows:
            state["kept"] = state["kept"][len(state["kept"]) // _DROPPED :]
            self._refit()
        elif len(state["kept"]) >= _GROWTH * len(support):
            self._refit()
        predicted: Floats = self._unscaled(ahead)[0]
        return predicted

    def _refit(self, weights: Floats | None = None) -> None:
        """Solve over all stored rows, and drive the reservoir by them from rest."""
        state = self.state
        kept = state["kept"]
        sums, _ = self._recursion.lengths(kept)
        at = self._recursion.after(kept, np.array([len(kept)]), kept, sums)
        state["sums"], state["products"], state["own"] = sums, at.products, at.own
        state["weights"] = self._solve(kept) if weights is None else weights

    def _solve(self, support: Floats) -> Floats:
        """Return the weights (d, n) over rows (n, d); rows that are not learned get zeros."""
        law, first = self._recursion, self.washout - 1
        ends = np.arange(self.washout, len(support))
        at = law.after(support, ends, support, law.lengths(support)[0])
        gram = np.ascontiguousarray(law.features(at, support)[:, first:-1])
        gram = 0.5 * (gram + gram.T)
        steps = np.diff(support, axis=0)[first:]
        weights = np.zeros(support.shape[::-1])
        if self.ridge is None:
            values, vectors = eigh(gram, check_finite=False)
            weights[:, first:-1] = mixed_ridges(values, vectors, steps)
        else:
            weights[:, first:-1] = solve_gram(gram, steps, self.ridge)
        return weights
