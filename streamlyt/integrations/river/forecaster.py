"""Any forecaster of ours as one of river's: a number or a dictionary at a time."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from streamlyt.core import Floats
from streamlyt.core import Forecaster as OurForecaster
from streamlyt.core.errors import DataError, MissingDependencyError, ParameterError, StateError
from streamlyt.core.state import pack, unpack
from streamlyt.registry import get_component

try:
    from river.time_series.base import Forecaster as RiverForecaster
except ImportError as problem:
    raise MissingDependencyError("river", "river") from problem

from ._values import to_float

__all__ = ["Forecaster"]

SAVED_VERSION = 1  # raised when what is pickled changes its meaning
_WAITING = 64  # rows kept back: a block of them costs a fraction of as many single ones


class Forecaster(RiverForecaster):
    """A forecaster of streamlyt in river's words.

    Targets are numbers, or dictionaries of numbers by name for a series of several channels; then
    forecasts are lists of dictionaries. The names are those of the first row. Exogenous features
    (``x``, ``xs``) are taken, as river wants it, and passed over: give what is to be known as
    channels. Rows are learnt in blocks, and before a forecast, to the same bits. Until the model
    has its first rows (the washout), a forecast is the last row. Pickling keeps the memory,
    cloning does not.

    Parameters
    ----------
    model
        Name of a forecaster (``streamlyt list``), or one, of which a clone is run.

    Raises
    ------
    ParameterError
        If it is no forecaster.

    Examples
    --------
    >>> from streamlyt.systems import Lorenz
    >>> model = Forecaster()
    >>> rows = Lorenz().sample(2003).tolist()
    >>> for x, y, z in rows[:2000]:
    ...     model.learn_one({"x": x, "y": y, "z": z})
    >>> abs(model.forecast(3)[2]["x"] - rows[2002][0]) < 0.01
    True
    """

    def __init__(self, model: str | OurForecaster = "reservoir_forecaster") -> None:
        self.model = model
        self._model = _made(model)
        self._names: tuple[Any, ...] | None = None
        self._waiting: list[list[float]] = []
        self._last: Floats | None = None
        self._single = False

    def learn_one(self, y: Any, x: Mapping[Any, Any] | None = None) -> None:
        """Learn the next row of the series.

        Raises
        ------
        DataError
            If a value is no finite number, or the names are others than in the first row; the
            model is then as it was.
        """
        self._waiting.append(self._row(y))
        if len(self._waiting) >= _WAITING:
            self._learn_waiting()

    def forecast(self, horizon: int, xs: Sequence[Mapping[Any, Any]] | None = None) -> list[Any]:
        """Return what is expected of the next rows.

        Raises
        ------
        DataError
            If nothing was learnt yet.
        ParameterError
            If the horizon is less than one row.

        Warns
        -----
        RuntimeWarning
            If the closed loop leaves the series for good; the rows from there on are NaN.
        """
        if not isinstance(horizon, int | np.integer) or horizon < 1:
            raise ParameterError(f"horizon must be an integer of at least 1, got {horizon!r}")
        self._learn_waiting()
        if self._last is None or self._names is None:
            raise DataError("a forecast needs at least one row to have been learnt, got none")
        try:
            rows = self._model.forecast(int(horizon))
        except DataError:  # fewer rows than its washout
            rows = np.tile(self._last, (horizon, 1))
        if self._single:
            return [float(value) for value in rows[:, 0]]
        return [dict(zip(self._names, row, strict=True)) for row in rows.tolist()]

    def _row(self, y: Any) -> list[float]:
        if self._names is None:
            names = tuple(y) if isinstance(y, Mapping) else ("y",)
            if not names:
                raise DataError("a target must have a channel at least, got an empty dictionary")
            row = _numbers(y, names)
            self._names, self._single = names, not isinstance(y, Mapping)
            return row
        if self._single is isinstance(y, Mapping):
            kind = "a number" if self._single else f"a dictionary of {list(self._names)!r}"
            raise DataError(f"targets must stay {kind} as in the first row, got {y!r}")
        return _numbers(y, self._names)

    def _learn_waiting(self) -> None:
        if self._waiting:
            rows = np.array(self._waiting)
            self._waiting = []
            self._model.predict_and_learn(rows)
            self._last = rows[-1]

    def __getstate__(self) -> dict[str, Any]:
        known = {**self.__dict__, "_model": pack(self._model.state)}
        return {**known, "_version": SAVED_VERSION}

    def __setstate__(self, state: dict[str, Any]) -> None:
        known = dict(state)
        version = known.pop("_version", None)
        if version != SAVED_VERSION:
            raise StateError(
                f"a saved forecaster must have version {SAVED_VERSION}, got {version!r}; "
                "train it again"
            )
        memory = unpack(known.pop("_model"))
        self.__dict__.update(known)
        self._model = _made(self.model)
        self._model.state = memory

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"model": "reservoir_forecaster"}


def _made(model: str | OurForecaster) -> OurForecaster:
    made = get_component("reservoirs", model, "forecaster")() if isinstance(model, str) else model
    if not isinstance(made, OurForecaster):
        raise ParameterError(
            f"model must be a forecaster, of streamlyt.reservoirs, got {model!r}; "
            "take ReservoirForecaster()"
        )
    return made.clone()


def _numbers(y: Any, names: tuple[Any, ...]) -> list[float]:
    """Return the values of a target in the order of the names."""
    if isinstance(y, Mapping):
        if len(y) != len(names) or any(name not in y for name in names):
            raise DataError(
                f"targets must have the names of the first row, {list(names)!r}, got {list(y)!r}"
            )
        found = [y[name] for name in names]
    else:
        found = [y]
    total = 0.0
    for value in found:
        if type(value) is not float:
            break
        total += value
    else:
        if math.isfinite(total):  # one look at all of them; a sum too large is looked at again
            return found
    return [to_float(name, value) for name, value in zip(names, found, strict=True)]
