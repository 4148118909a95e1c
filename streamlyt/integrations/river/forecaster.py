"""Forecasters as river forecasters, for numbers or dictionaries."""

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

SAVED_VERSION = 1  # increase when the meaning of the pickled state changes
_BLOCK = 64  # buffered rows; a block costs a fraction of as many single rows


class Forecaster(RiverForecaster):
    """River forecaster around a streamlyt forecaster.

    Targets are numbers, or dictionaries of numbers by name for several channels; then forecasts are
    lists of dictionaries. The names are those of the first row. Exogenous features (``x``, ``xs``)
    are accepted for river's interface and ignored: pass known series as channels. Rows are learned
    in blocks and before each forecast, with the same results as one by one. During the washout the
    forecast is persistence. Pickling keeps the state, cloning does not.

    Parameters
    ----------
    model
        Name of a forecaster (``streamlyt list``), or an instance, which is cloned.

    Raises
    ------
    ParameterError
        If ``model`` is no forecaster.

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
        self._model = _clone_model(model)
        self._names: tuple[Any, ...] | None = None
        self._buffer: list[list[float]] = []
        self._last: Floats | None = None
        self._single = False

    def learn_one(self, y: Any, x: Mapping[Any, Any] | None = None) -> None:
        """Learn the next row of the series.

        Raises
        ------
        DataError
            If a value is no finite number, or the names differ from the first row; the model is
            then unchanged.
        """
        self._buffer.append(self._row(y))
        if len(self._buffer) >= _BLOCK:
            self._learn_buffered()

    def forecast(self, horizon: int, xs: Sequence[Mapping[Any, Any]] | None = None) -> list[Any]:
        """Return the forecast of the next rows.

        Raises
        ------
        DataError
            Before the first learned row.
        ParameterError
            If the horizon is less than one row.

        Warns
        -----
        RuntimeWarning
            If the closed loop diverges; the rows from there on are NaN.
        """
        if not isinstance(horizon, int | np.integer) or horizon < 1:
            raise ParameterError(f"horizon must be an integer of at least 1, got {horizon!r}")
        self._learn_buffered()
        if self._last is None or self._names is None:
            raise DataError(
                "a forecast needs at least one learned row, got none; call learn_one first"
            )
        try:
            rows = self._model.forecast(int(horizon))
        except DataError:  # during the washout
            rows = np.tile(self._last, (horizon, 1))
        if self._single:
            return [float(value) for value in rows[:, 0]]
        return [dict(zip(self._names, row, strict=True)) for row in rows.tolist()]

    def _row(self, y: Any) -> list[float]:
        if self._names is None:
            names = tuple(y) if isinstance(y, Mapping) else ("y",)
            if not names:
                raise DataError("target must have at least one channel, got an empty dictionary")
            row = _numbers(y, names)
            self._names, self._single = names, not isinstance(y, Mapping)
            return row
        if self._single is isinstance(y, Mapping):
            kind = "a number" if self._single else f"a dictionary of {list(self._names)!r}"
            raise DataError(f"targets must stay {kind} as in the first row, got {y!r}")
        return _numbers(y, self._names)

    def _learn_buffered(self) -> None:
        if self._buffer:
            rows = np.array(self._buffer)
            self._buffer = []
            self._model.predict_and_learn(rows)
            self._last = rows[-1]

    def __getstate__(self) -> dict[str, Any]:
        fields = {**self.__dict__, "_model": pack(self._model.state)}
        return {**fields, "_version": SAVED_VERSION}

    def __setstate__(self, state: dict[str, Any]) -> None:
        fields = dict(state)
        version = fields.pop("_version", None)
        if version != SAVED_VERSION:
            raise StateError(
                f"the saved forecaster must have version {SAVED_VERSION}, got {version!r}; "
                "train it again"
            )
        memory = unpack(fields.pop("_model"))
        if "_waiting" in fields:  # its name in older pickles
            fields["_buffer"] = fields.pop("_waiting")
        self.__dict__.update(fields)
        self._model = _clone_model(self.model)
        self._model.state = memory

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"model": "reservoir_forecaster"}


def _clone_model(model: str | OurForecaster) -> OurForecaster:
    forecaster = (
        get_component("reservoirs", model, "forecaster")() if isinstance(model, str) else model
    )
    if not isinstance(forecaster, OurForecaster):
        raise ParameterError(
            f"model must be a forecaster of streamlyt.reservoirs, got {model!r}; "
            "use ReservoirForecaster()"
        )
    return forecaster.clone()


def _numbers(y: Any, names: tuple[Any, ...]) -> list[float]:
    """Return the values of a target in the order of the names."""
    if isinstance(y, Mapping):
        if len(y) != len(names) or any(name not in y for name in names):
            raise DataError(
                f"targets must have the names of the first row, {list(names)!r}, got {list(y)!r}"
            )
        values = [y[name] for name in names]
    else:
        values = [y]
    total = 0.0
    for value in values:
        if type(value) is not float:
            break
        total += value
    else:
        if math.isfinite(total):  # fast path; a sum that overflows is checked value by value
            return values
    return [to_float(name, value) for name, value in zip(names, values, strict=True)]
