"""Forecaster that resets after a detected change of the dynamics."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from streamlyt.core import Array, Batch, Event, Floats, Forecaster, Operator, Schema
from streamlyt.core.component import component_name
from streamlyt.core.errors import ParameterError
from streamlyt.core.validation import check_integer

from ._forecasting.prediction_intervals import IntervalForecast
from .reservoir_forecaster import ReservoirForecaster

__all__ = ["ChangeAwareForecaster"]

_RECENT = 32  # rows whose mean error is tested after an alarm
_WORSE = 2.0  # minimum ratio to the usual error; the old readout tolerates smaller changes
# Expected false resets over the lifetime of a model, if excursions have an exponential tail; and
# the minimum number of segments of 64 rows behind the largest excursion.
_FALSE, _SEGMENTS = 0.1, 4.0
_MAX_DELAY = 128  # maximum detection delay; later excursions do not count as normal
_PATIENCE = 64  # rows after an alarm in which the errors may confirm it
_USUAL_ROWS = 1000  # rows behind the usual error
_ERROR = Schema.of("error")
_MODEL, _WATCH, _OWN = "model.", "watch.", "own."


class ChangeAwareForecaster(Forecaster):
    r"""Monitors the errors of a forecaster, and resets it after a change of the dynamics.

    The logarithm of the error of each row, the root mean square over the channels in units of
    their spread, is the input of a detector. The forecaster resets at the next row if the detector
    raises an alarm and, within 64 rows, the mean of the last 32 exceeds the usual one by log 2 and
    by far more than ever before. The following rows have different dynamics, and old rows would
    only bias the readout. An alarm without such errors is ignored. Each reset is an event.

    A chaotic system has segments that are hard to predict. The excursions r of the logarithm have
    about an exponential tail: the largest of k segments of 64 rows grows as :math:`\log k`. So,
    without a change, the largest excursion exceeds

    .. math:: r_{max} \left(1 + \frac{\log 10 + 2 \log \log k}{\log k}\right)

    with a probability of :math:`0.1 / (k \log^2 k)`, whose sum over all k stays near a tenth. The
    factor is three at first, two after 40,000 rows, and decreases further. No error can exceed that
    of an uninformed model: half of the way from :math:`r_{max}` to the error of persistence is
    enough.

    Parameters
    ----------
    forecaster
        The forecaster; None for a default :class:`ReservoirForecaster`.
    detector
        The detector of one channel that monitors the errors; None: no monitoring.
    warmup_rows
        Rows after a reset before errors are monitored: they fall while the readout still learns.
    on_change
        Effect of a change: ``"reset"`` resets the forecaster, so it learns the new dynamics alone;
        ``"keep"`` only emits the event, for a forecaster that forgets (``forget``) or for similar
        dynamics. The monitoring resets in both cases.

    Raises
    ------
    ParameterError
        If a parameter has the wrong type or value.

    Examples
    --------
    >>> from streamlyt.detectors import MultiscaleNEWMA
    >>> from streamlyt.reservoirs import RobustForecaster
    >>> rng = np.random.default_rng(0)
    >>> rows = np.sin(np.arange(3000) * np.repeat([0.3, 0.9], 1500)) + 0.1 * rng.normal(size=3000)
    >>> model = ChangeAwareForecaster(RobustForecaster(), MultiscaleNEWMA(), warmup_rows=300)
    >>> batch = Batch("", np.arange(3000), rows[:, None], Schema.of("x"))
    >>> [event.alarm_index // 100 for event in model.update(batch)[1]]
    [15]
    """

    def __init__(
        self,
        forecaster: Forecaster | None = None,
        detector: Operator | None = None,
        *,
        warmup_rows: int = 2000,
        on_change: Literal["reset", "keep"] = "reset",
    ) -> None:
        if not isinstance(forecaster, Forecaster | None) or isinstance(
            forecaster, ChangeAwareForecaster
        ):
            raise ParameterError(
                f"forecaster must be a forecaster, got {forecaster!r}; use ReservoirForecaster()"
            )
        if not isinstance(detector, Operator | None):
            raise ParameterError(f"detector must be a detector or None, got {detector!r}")
        check_integer("warmup_rows", warmup_rows, 0)
        if on_change not in ("reset", "keep"):
            raise ParameterError(f"on_change must be 'reset' or 'keep', got {on_change!r}")
        self.forecaster = forecaster
        self.detector = detector
        self.warmup_rows = warmup_rows
        self.on_change = on_change
        self._model = ReservoirForecaster() if forecaster is None else forecaster.clone()
        self._watch = None if detector is None else detector.clone()
        self._own: dict[str, Array] = {}
        self._times: Array | None = None
        self._resets: list[tuple[int, Event]] = []

    @property
    def state(self) -> dict[str, Array]:
        """State of the forecaster, the detector and the monitoring, by prefix."""
        parts: list[tuple[str, Mapping[str, Array]]] = [(_MODEL, self._model.state)]
        parts += [(_WATCH, self._watch.state)] if self._watch else []
        parts.append((_OWN, self._own))
        return {prefix + name: array for prefix, part in parts for name, array in part.items()}

    @state.setter
    def state(self, saved: Mapping[str, Array]) -> None:
        def part(prefix: str) -> dict[str, Array]:
            return {k.removeprefix(prefix): v for k, v in saved.items() if k.startswith(prefix)}

        self._model.state = part(_MODEL)
        if self._watch is not None:
            self._watch.state = part(_WATCH)
        self._own = part(_OWN)

    @property
    def washout(self) -> int:
        """First rows after a reset that no forecast can start from."""
        return int(getattr(self._model, "washout", 1))

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Predict the rows, learn from them, and return an event for each reset."""
        before = int(self._own["rows"]) if self._own else 0
        self._times, self._resets = batch.times, []
        try:
            out, _ = super().update(batch)
        finally:
            self._times = None
        name, number = component_name(self), batch.schema.source_row
        events = [
            replace(
                event,
                key=batch.key,
                detector=name,
                alarm_index=number(before + at),
                alarm_time=int(batch.times[at]),
                change_index=number(event.change_index),
                channels=(),
                contributions=(),
                time_unit=batch.schema.time_unit,
            )
            for at, event in self._resets
        ]
        return out, events

    def predict_and_learn(self, values: Floats) -> Floats:
        """Predict each row (n, d) before it is learned; see :class:`Forecaster`."""
        if self._watch is None:
            return self._model.predict_and_learn(values)
        if not self._own:
            n_channels = values.shape[1]
            self._own = {
                "rows": np.array(0),  # of the series
                "start": np.array(0),  # first row of the present model
                "moments": np.zeros(
                    (3, n_channels)
                ),  # count, mean and squared deviations since then
                "usual": np.zeros(2),  # mean logarithm of the error, and its number of rows
                "recent": np.zeros(_RECENT),
                "last": np.full(n_channels, np.nan),  # row
                "staying": np.zeros(2),  # sum of the logarithms of the error of persistence; rows
                "excursions": np.zeros(_MAX_DELAY),  # excess of the recent mean over the usual one
                "record": np.zeros(1),  # the largest excursion before those
                "pending": np.zeros(4, np.int64),  # rows left, its row; row and time of the change
            }
        predicted = np.empty(values.shape)
        at, part = 0, values[:0]
        while at < len(values):
            if not len(part):
                part = self._model.predict_and_learn(values[at:])
            alarm = self._monitor(values[at:], part, at)
            stop = len(values) if alarm is None else at + alarm + 1
            predicted[at:stop] = part[: stop - at]
            # A reset model has learned none of the following rows, a kept one all of them.
            part = part[stop - at :] if self.on_change == "keep" else part[:0]
            at = stop
        return predicted

    def forecast(self, horizon: int) -> Floats:
        """Return the forecast of the next rows; see :class:`Forecaster`."""
        return self._model.forecast(horizon)

    def forecast_interval(self, horizon: int, coverage: float = 0.9) -> IntervalForecast:
        """Return the forecast with prediction intervals; see :class:`ReservoirForecaster`.

        Raises
        ------
        ParameterError
            If the forecaster has no prediction intervals.
        """
        if not isinstance(self._model, ReservoirForecaster):
            raise ParameterError(
                f"forecaster must be a ReservoirForecaster, got {self._model!r}; "
                "other forecasters have no prediction intervals"
            )
        return self._model.forecast_interval(horizon, coverage)

    def _monitor(self, values: Floats, predicted: Floats, offset: int) -> int | None:
        """Monitor the errors of rows; return the row after which the model was reset, if any."""
        assert self._watch is not None
        own = self._own
        first, start = int(own["rows"]), int(own["start"])
        errors, staying = self._errors(values, predicted)
        began = max(0, start + self.warmup_rows - first)  # first monitored row
        seen = first + began - start - self.warmup_rows  # monitored rows before it
        events: dict[int, Event] = {}
        if began < len(values):
            rows = np.arange(first + began, first + len(values))
            times = rows if self._times is None else self._times[offset + began :]
            _, found = self._watch.update(Batch("", times, errors[began:, None], _ERROR))
            events = {began + event.alarm_index - seen: event for event in found}
        for i in range(began, len(values)):
            recent, (mean, count) = own["recent"], own["usual"]
            slot = (first + i) % _RECENT
            oldest = recent[slot]
            recent[slot] = errors[i]
            watched = first + i - start - self.warmup_rows + 1
            if watched > _RECENT:  # the usual error excludes the recent rows
                count = min(count + 1, _USUAL_ROWS)
                own["usual"] = np.array([mean + (oldest - mean) / count, count])
            worse = float(recent.mean() - own["usual"][0]) if watched > 2 * _RECENT else 0.0
            if i in events:
                event = events[i]
                change = start + self.warmup_rows + event.change_index
                own["pending"] = np.array([_PATIENCE, first + i, change, event.change_time])
            level = self._level(watched, float(staying[i]))
            if own["pending"][0] and worse > level:
                self._resets.append((offset + i, self._event(worse, level, first + i)))
                self._reset_model(first + i + 1)
                return i
            if own["pending"][0]:
                own["pending"] = own["pending"] - [1, 0, 0, 0]
            excursions = own["excursions"]
            slot = (first + i) % len(excursions)
            own["record"] = np.maximum(own["record"], excursions[slot])
            excursions[slot] = worse
        own["rows"] = np.array(first + len(values))
        return None

    def _level(self, watched: int, staying: float) -> float:
        """Return the excursion that counts as a change after this number of rows."""
        record, usual = float(self._own["record"][0]), float(self._own["usual"][0])
        enough = max(record + math.log(_WORSE), 0.5 * (record + staying - usual))
        return max(math.log(_WORSE), min(_margin(watched) * record, enough))

    def _event(self, worse: float, level: float, row: int) -> Event:
        _, _, change, time = (int(value) for value in self._own["pending"])
        return Event("", "", row, time, change, time, math.exp(worse), math.exp(level))

    def _reset_model(self, row: int) -> None:
        assert self._watch is not None
        self._watch.state = {}
        if self.on_change == "reset":
            self._model.state = {}
        own = self._own
        own["rows"] = own["start"] = np.array(row)
        for name in ("moments", "usual", "recent", "staying", "record", "pending", "excursions"):
            own[name] = np.zeros_like(own[name])
        own["last"] = np.full_like(own["last"], np.nan)

    def _errors(self, values: Floats, predicted: Floats) -> tuple[Floats, Floats]:
        """Return the logarithm of each row's error, in units of the spread before it.

        The second result is the running mean of the same for persistence.
        """
        count, mean, squares = self._own["moments"]
        last, (total, seen) = self._own["last"], self._own["staying"]
        out, staying = np.empty((2, len(values)))
        tiny = np.finfo(float).eps
        for i, (row, guess) in enumerate(zip(values, predicted, strict=True)):
            count = count + 1.0
            off = row - mean
            mean = mean + off / count
            squares = squares + off * (row - mean)
            variance = np.where(squares > 0, squares / count, 1.0)
            square = float(((row - guess) ** 2 / variance).mean())
            out[i] = 0.5 * math.log((square if math.isfinite(square) else 1.0) + tiny**2)
            step = float(((row - last) ** 2 / variance).mean())
            if math.isfinite(step):
                total, seen = total + 0.5 * math.log(step + tiny**2), seen + 1.0
            last, staying[i] = row, total / max(seen, 1.0)
        self._own["moments"] = np.stack([count, mean, squares])
        self._own["last"], self._own["staying"] = np.array(last), np.array([total, seen])
        return out, staying


def _margin(watched: int) -> float:
    """Return the factor of the largest excursion beyond which a larger one is a change."""
    k = math.log(max(_SEGMENTS, watched / (2 * _RECENT)))
    return 1.0 + (math.log(1.0 / _FALSE) + 2.0 * math.log(k)) / k
