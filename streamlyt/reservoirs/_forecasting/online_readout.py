"""Online learning: rows drive the reservoirs, and a readout accumulates blocks of them."""

from abc import abstractmethod
from typing import Literal

import numpy as np

from streamlyt.core import Floats, Forecaster
from streamlyt.core.state import check_fingerprint, stamp
from streamlyt.reservoirs._readouts.base import BLOCK, Readout

from .calibration import Calibration
from .robustness import huber_weights, init_robust_state, running_extrapolation_weight
from .state_features import StateFeatures

__all__ = ["OnlineReadout"]

_GROWTH = 1.25  # initial growth of the rows between two solutions


class OnlineReadout(Forecaster):
    """Learning part of a :class:`ReservoirForecaster`; it uses the parameters of that class."""

    target_type: Literal["increment", "value"]
    washout: int
    input_noise: float
    patch_size: int | None
    max_refit_interval: int | None
    _drive: StateFeatures
    _readout: Readout
    _calibration: Calibration

    @property
    @abstractmethod
    def _parameters(self) -> str:
        """Return the fingerprint of the parameters."""

    def predict_and_learn(self, values: Floats) -> Floats:
        """Predict each row (n, d) before it is learned; see :class:`Forecaster`."""
        check_fingerprint(self.state, self._parameters)
        self._drive.check(values.shape[1], self.state)
        predicted = np.empty(values.shape)
        start = 0
        if "centre" not in self.state:
            start = self._collect_warmup(values, predicted)
        while start < len(values):
            block_row = int(self.state["learnt"]) % BLOCK
            stop = min(len(values), start + BLOCK - block_row)
            self._learn(values[start:stop], block_row, predicted[start:stop])
            start = stop
        return predicted

    def _collect_warmup(self, values: Floats, predicted: Floats) -> int:
        # Predict persistence until the scales are known.
        head = self.state.get("head", np.empty((0, values.shape[1])))
        taken = min(len(values), self.washout - len(head))
        grown = np.vstack([head, values[:taken]])
        first = (
            grown[len(head) - 1 : len(head)] if len(head) else np.full((1, len(grown.T)), np.nan)
        )
        predicted[:taken] = np.vstack([first, values[: taken - 1]])
        self.state["head"] = grown
        if len(grown) == self.washout:
            del self.state["head"]
            self._initialize(grown)
        return taken

    def _initialize(self, head: Floats) -> None:
        # Patches share their weights, so all channels have one scale.
        axis = None if self.patch_size else 0
        width = head.shape[1]
        spread = np.broadcast_to(head.std(axis=axis), width)
        centre = np.broadcast_to(head.mean(axis=axis), width).copy()
        least = np.finfo(float).eps * np.abs(head).max(axis=0)
        factor = np.divide(1.0, spread, out=np.ones(width), where=spread > least)
        self.state.update(centre=centre, factor=factor, parameters=stamp(self._parameters))
        state = self.state
        state.update(self._drive.start(width))
        rows = (head - centre) * factor
        noisy, noise = self._drive.with_noise(rows, 0)
        features = self._drive.run(noisy, state, width)[-1]
        clean, noisy_features = self._drive.split(features)
        patches = self._drive.patches(width)
        state["features"], state["disturbed"] = clean.copy(), noisy_features.copy()
        state["last"], state["noise"] = rows[-1].copy(), noise[-1].copy()
        state["extent"] = np.abs(rows).max()
        state["learnt"] = np.array(0)
        state["solved"] = np.array(0)
        state["weights"] = np.zeros((patches.size, clean.shape[1]))
        state["pending"] = np.zeros((BLOCK * patches.lanes, clean.shape[1]))
        state["answers"] = np.zeros((BLOCK * patches.lanes, patches.size))
        state.update(self._readout.start(clean.shape[1], patches.size))
        if "ends" in state:
            state["ends"] = self._drive.ends(width)
            state.update(init_robust_state(rows))
            state["gone.low"], state["gone.high"] = np.full((2, width), np.inf) * [[1.0], [-1.0]]
        if self.target_type == "value":
            state["weights"][:, 1 : 1 + patches.width] = self._drive.persistence(width)
        state.update(self._calibration.start(rows, state["weights"]))

    def _learn(self, values: Floats, block_row: int, predicted: Floats) -> None:
        state, drive = self.state, self._drive
        width = values.shape[1]
        rows = (values - state["centre"]) * state["factor"]
        before = np.vstack([state["last"], rows[:-1]])
        learnt = int(state["learnt"])
        disturbed, noise = drive.with_noise(rows, self.washout + learnt)
        features = drive.run(disturbed, state, width)
        clean, noisy_features = drive.split_rows(features)
        inputs = np.concatenate([state["features"][None], clean[:-1]])
        ahead = drive.read(inputs, state["weights"]).reshape(rows.shape)
        increments = self.target_type == "increment"
        if "low" in state:
            ahead = ahead * running_extrapolation_weight(before, state)
        predicted[:] = state["centre"] + (before + ahead if increments else ahead) / state["factor"]
        if self.input_noise:
            inputs = np.concatenate([state["disturbed"][None], noisy_features[:-1]])
            before = before + np.vstack([state["noise"], noise[:-1]])
        answers = drive.patches(width).own(rows - before if increments else rows)
        lanes = drive.patches(width).lanes
        if "low" in state:
            weight = np.repeat(huber_weights(rows - before, state), lanes)[:, None]
            inputs, answers = inputs * weight.reshape(len(rows), lanes, 1), answers * weight
        at = slice(block_row * lanes, (block_row + len(values)) * lanes)
        state["pending"][at] = inputs.reshape(-1, inputs.shape[2])
        state["answers"][at] = answers
        state["last"], state["features"] = rows[-1].copy(), clean[-1].copy()
        state["disturbed"], state["noise"] = noisy_features[-1].copy(), noise[-1].copy()
        state["extent"] = np.maximum(state["extent"], np.abs(rows).max())
        self._calibration.keep(rows, learnt, state)
        state["learnt"] = np.array(learnt + len(values))
        if block_row + len(values) == BLOCK:
            self._readout.absorb(state["pending"], state["answers"], BLOCK, state)
            self._solve_when_due(learnt + len(values))

    def _solve_when_due(self, learnt: int) -> None:
        state = self.state
        most = self.max_refit_interval or state["features"].shape[1]
        solved = int(state["solved"])
        if learnt >= min(_GROWTH * solved, solved + most):
            state["weights"] = self._readout.solve(state)
            state["solved"] = np.array(learnt)
            self._calibration.solved(state["weights"], learnt, state)
