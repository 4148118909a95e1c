"""Features of a readout: windows, input noise, and the states of all reservoirs."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError, ParameterError, StateError
from streamlyt.reservoirs._base.reservoir import Reservoir
from streamlyt.reservoirs._kernels.reservoir import read_rows
from streamlyt.reservoirs.echo_state_network import EchoStateNetwork

from .patches import Patches, halo_channels

__all__ = ["StateFeatures", "as_tuple"]

_NOISE_ROWS = 256  # per draw, counted from the first row of the series


class StateFeatures:
    """Map from rows to features: a constant, the inputs, and the states of all reservoirs.

    With noise there are two sets of lanes: first those of the clean rows, then the noisy ones.
    """

    def __init__(
        self,
        reservoirs: Sequence[Reservoir],
        patch: int | None,
        halo: float,
        spacing: float,
        boundary: str,
        noise: float,
        seed: int,
    ) -> None:
        self.reservoirs = reservoirs
        self.noise = noise
        self.seed = seed
        self._cut = patch, halo_channels(halo, spacing), boundary == "periodic"
        self._appends = any(reservoir.appends_inputs for reservoir in reservoirs)
        self._patches: Patches | None = None
        self._width = 0
        self._drawn = lru_cache(maxsize=2)(self._draw)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_drawn"}

    def __setstate__(self, known: dict[str, Any]) -> None:
        self.__dict__.update(known)
        self._drawn = lru_cache(maxsize=2)(self._draw)  # a cache, not state

    def patches(self, width: int) -> Patches:
        """Return the windows of rows of ``width`` channels."""
        if self._patches is None or self._width != width:
            self._patches, self._width = Patches(width, *self._cut), width
        return self._patches

    def n_features(self, width: int) -> int:
        """Return the number of features of a lane."""
        w = self.patches(width).width
        own = sum(reservoir.n_outputs(w) for reservoir in self.reservoirs)
        return 1 + (w if self._appends else 0) + own

    def ends(self, width: int) -> Array:
        """Return the ends of the groups of features: inputs, then each reservoir in turn."""
        w = self.patches(width).width
        own = [reservoir.n_outputs(w) for reservoir in self.reservoirs]
        first = [1 + w] if self._appends else []
        return np.array([*first, *(1 + w * self._appends + np.cumsum(own))])

    def check(self, width: int, state: dict[str, Array]) -> None:
        """Raise if the state has another number of channels, or other reservoirs."""
        known = state.get("centre", state["head"][0] if "head" in state else None)
        if known is not None and known.size != width:
            raise DataError(
                f"the number of channels must stay {known.size}, got {width}; use a new series key "
                "for a different schema"
            )
        if known is None:
            self.patches(width)  # raises if patch does not divide them
        elif "features" in state:
            n = self.n_features(width)
            if state["features"].shape[1] != n:
                raise StateError(
                    f"the saved state must have {n} features, got "
                    f"{state['features'].shape[1]}; use the parameters of the saved run"
                )

    def start(self, width: int) -> dict[str, Array]:
        """Return the initial state of all reservoirs."""
        patches = self.patches(width)
        lanes = patches.lanes * (2 if self.noise else 1)
        memory = {}
        for i, reservoir in enumerate(self.reservoirs):
            for name, array in reservoir.start(lanes, patches.width).items():
                memory[f"reservoir{i}.{name}"] = array
        return memory

    def clean_state(self, state: dict[str, Array]) -> dict[str, Array]:
        """Return a copy of the state of the clean lanes."""
        memory = {k: v for k, v in state.items() if k.startswith("reservoir")}
        return {k: v[: len(v) // 2 if self.noise else len(v)].copy() for k, v in memory.items()}

    def run(self, rows: Floats, memory: dict[str, Array], width: int) -> Floats:
        """Drive all lanes with rows (n, d), or several concatenated ones; return (n, lanes, F)."""
        patches = self.patches(width)
        n, several = len(rows), rows.shape[1] // width
        cut = patches.windows(rows.reshape(n * several, width))
        windows = cut.reshape(n, several * patches.lanes, patches.width)
        features = np.empty((*windows.shape[:2], self.n_features(width)))
        features[..., 0] = 1.0
        at = 1
        if self._appends:
            at += patches.width
            features[..., 1:at] = windows
        for i, reservoir in enumerate(self.reservoirs):
            prefix = f"reservoir{i}."
            own = {k.removeprefix(prefix): v for k, v in memory.items() if k.startswith(prefix)}
            states = reservoir.run(windows, own)
            features[..., at : at + states.shape[2]] = states
            at += states.shape[2]
        return features

    def with_noise(self, rows: Floats, first: int) -> tuple[Floats, Floats]:
        """Return rows with noisy copies appended (n, 2 d), and the noise (n, d).

        ``first`` is the number of the first row in the series.
        """
        if not self.noise:
            return rows, np.zeros((len(rows), 0))
        n, width = rows.shape
        noise = np.empty(rows.shape)
        for i in range(n):
            block, place = divmod(first + i, _NOISE_ROWS)
            noise[i] = self._drawn(block, width)[place]
        return np.hstack([rows, rows + noise]), noise

    def split(self, features: Floats) -> tuple[Floats, Floats]:
        """Return the features (lanes, F) of one row for the clean and the noisy lanes."""
        lanes = len(features) // 2 if self.noise else len(features)
        return features[:lanes], features[lanes:]

    def split_rows(self, features: Floats) -> tuple[Floats, Floats]:
        """Return the same for features (n, lanes, F)."""
        lanes = features.shape[1] // 2 if self.noise else features.shape[1]
        return features[:, :lanes], features[:, lanes:]

    def read(self, features: Floats, weights: Floats) -> Floats:
        """Return weights (p, F) times features (..., F), row by row."""
        rows = np.ascontiguousarray(features.reshape(-1, features.shape[-1]))
        out = np.empty((len(rows), len(weights)))
        read_rows(rows, weights, out)
        return out

    def persistence(self, width: int) -> Floats:
        """Return the weights (p, w) on a window that reproduce the patch."""
        patches = self.patches(width)
        inside = (patches.width - patches.size) // 2
        weights = np.zeros((patches.size, patches.width))
        weights[:, inside : inside + patches.size] = np.eye(patches.size)
        return weights

    def _draw(self, block: int, width: int) -> Floats:
        rng = np.random.default_rng([self.seed, block])
        drawn: Floats = self.noise * rng.normal(size=(_NOISE_ROWS, width))
        return drawn


def as_tuple(reservoirs: Any) -> tuple[Reservoir, ...]:
    """Return one reservoir or several as a tuple; None: a default EchoStateNetwork."""
    found = EchoStateNetwork() if reservoirs is None else reservoirs
    several = found if isinstance(found, Sequence) else [found]
    valid = tuple(each for each in several if isinstance(each, Reservoir))
    if not valid or len(valid) != len(several):
        raise ParameterError(
            f"reservoirs must be a reservoir or several, got {reservoirs!r}; use "
            "EchoStateNetwork(1020)"
        )
    return valid
