"""A forecaster that starts anew where a detector tells that the old law holds no longer."""

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

_RECENT = 32  # rows whose error is looked at when an alarm comes
_WORSE = 2.0  # times the usual error: less is a change that the old read-out lives with
# Of a model's life, however long: new starts expected where the law stays, if excursions have the
# tail of an exponential; and the least number of stretches of 64 rows that a record is one of.
_FALSE, _STRETCHES = 0.1, 4.0
_LATE = 128  # rows that a detector may be late: they do not set what is no alarm
_PATIENCE = 64  # rows after an alarm in which the errors may come to that
_MEMORY = 1000  # rows that say which error is usual
_ERROR = Schema.of("error")
_MODEL, _WATCH, _OWN = "model.", "watch.", "own."


class ChangeAwareForecaster(Forecaster):
    r"""Watches the errors of a forecaster, and lets it forget all after a change.

    The logarithm of the error of each row, the root mean square over the channels in units of
    their spread, goes to a detector. Where it raises an alarm, and within 64 rows the mean of the
    last 32 exceeds the usual one by log 2 and by far more than it ever did, the forecaster starts
    anew with the next row: what follows was made by another law, and old rows would only blur it.
    An alarm without such errors is passed over. Each new start is a finding.

    A chaotic system has hard stretches of its own, whose excursions r of the logarithm have about
    the tail of an exponential: the largest of k stretches of 64 rows grows as :math:`\log k`. So
    one of the same law exceeds

    .. math:: r_{max} \left(1 + \frac{\log 10 + 2 \log \log k}{\log k}\right)

    with a chance of :math:`0.1 / (k \log^2 k)`, the sum of which over all k stays near a tenth:
    three times the largest excursion in a young life, twice after 40,000 rows, and less later. But
    no error can exceed that of a model that knows nothing: half the way from :math:`r_{max}` to the
    error of staying at the last row is enough.

    Parameters
    ----------
    reservoirs
        The forecaster; one of its defaults where None.
    detectors
        The detector that watches, of one channel; None: nobody does.
    settle
        Rows after a start before errors are watched: they fall while the read-out still learns.
    policy
        What a change does: ``"anew"`` lets the forecaster forget all and learn the new law alone;
        ``"keep"`` only tells of it, for a forecaster that forgets at its own pace (``forget``) or
        laws that share much. The watch begins anew either way.

    Raises
    ------
    ParameterError
        If one of them is something else.

    Examples
    --------
    >>> from streamlyt.detectors import MultiscaleNEWMA
    >>> from streamlyt.reservoirs import RobustForecaster
    >>> rng = np.random.default_rng(0)
    >>> rows = np.sin(np.arange(3000) * np.repeat([0.3, 0.9], 1500)) + 0.1 * rng.normal(size=3000)
    >>> model = ChangeAwareForecaster(RobustForecaster(), MultiscaleNEWMA(), settle=300)
    >>> batch = Batch("", np.arange(3000), rows[:, None], Schema.of("x"))
    >>> [event.alarm_index // 100 for event in model.update(batch)[1]]
    [15]
    """

    def __init__(
        self,
        reservoirs: Forecaster | None = None,
        detectors: Operator | None = None,
        *,
        settle: int = 2000,
        policy: Literal["anew", "keep"] = "anew",
    ) -> None:
        if not isinstance(reservoirs, Forecaster | None) or isinstance(
            reservoirs, ChangeAwareForecaster
        ):
            raise ParameterError(
                f"reservoirs must be a forecaster, got {reservoirs!r}; take ReservoirForecaster()"
            )
        if not isinstance(detectors, Operator | None):
            raise ParameterError(f"detectors must be a detector or None, got {detectors!r}")
        check_integer("settle", settle, 0)
        if policy not in ("anew", "keep"):
            raise ParameterError(f"policy must be 'anew' or 'keep', got {policy!r}")
        self.reservoirs = reservoirs
        self.detectors = detectors
        self.settle = settle
        self.policy = policy
        self._model = ReservoirForecaster() if reservoirs is None else reservoirs.clone()
        self._watch = None if detectors is None else detectors.clone()
        self._own: dict[str, Array] = {}
        self._times: Array | None = None
        self._found: list[tuple[int, Event]] = []

    @property
    def state(self) -> dict[str, Array]:
        """Memory of the forecaster, the detector and the watch, by prefix."""
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
        """First rows after a start of which a forecast can make nothing."""
        return int(getattr(self._model, "washout", 1))

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Predict the rows, learn from them, and tell where the model started anew."""
        before = int(self._own["rows"]) if self._own else 0
        self._times, self._found = batch.times, []
        try:
            out, _ = super().update(batch)
        finally:
            self._times = None
        name, number = component_name(self), batch.schema.source_row
        told = [
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
            for at, event in self._found
        ]
        return out, told

    def predict_and_learn(self, values: Floats) -> Floats:
        """Predict each row (n, d) before it is learnt; see :class:`Forecaster`."""
        if self._watch is None:
            return self._model.predict_and_learn(values)
        if not self._own:
            width = values.shape[1]
            self._own = {
                "rows": np.array(0),  # of the series
                "start": np.array(0),  # the first one that the model of now has seen
                "moments": np.zeros((3, width)),  # number, mean and squares since then
                "usual": np.zeros(2),  # mean logarithm of the error, and rows in it
                "recent": np.zeros(_RECENT),
                "last": np.full(width, np.nan),  # row
                "staying": np.zeros(2),  # sum of the logarithms of the error of staying; rows
                "excursions": np.zeros(_LATE),  # of the recent mean from the usual one
                "record": np.zeros(1),  # the largest of those before
                "pending": np.zeros(4, np.int64),  # rows left, its row; row and time of the change
            }
        predicted = np.empty(values.shape)
        at, part = 0, values[:0]
        while at < len(values):
            if not len(part):
                part = self._model.predict_and_learn(values[at:])
            alarm = self._look(values[at:], part, at)
            stop = len(values) if alarm is None else at + alarm + 1
            predicted[at:stop] = part[: stop - at]
            # A model that starts anew has seen none of what follows; one that is kept, all of it.
            part = part[stop - at :] if self.policy == "keep" else part[:0]
            at = stop
        return predicted

    def forecast(self, horizon: int) -> Floats:
        """Return the rows expected next; see :class:`Forecaster`."""
        return self._model.forecast(horizon)

    def forecast_interval(self, horizon: int, coverage: float = 0.9) -> IntervalForecast:
        """Return the rows expected next with bands; see :class:`ReservoirForecaster`.

        Raises
        ------
        ParameterError
            If the forecaster has no bands.
        """
        if not isinstance(self._model, ReservoirForecaster):
            raise ParameterError(f"bands need a reservoir forecaster, got {self._model!r}")
        return self._model.forecast_interval(horizon, coverage)

    def _look(self, values: Floats, predicted: Floats, offset: int) -> int | None:
        """Watch the errors of rows; return the row after which all was forgotten, if one was."""
        assert self._watch is not None
        own = self._own
        first, start = int(own["rows"]), int(own["start"])
        errors, staying = self._errors(values, predicted)
        began = max(0, start + self.settle - first)  # the first row here that is watched
        seen = first + began - start - self.settle  # and how many were before it
        events: dict[int, Event] = {}
        if began < len(values):
            rows = np.arange(first + began, first + len(values))
            times = rows if self._times is None else self._times[offset + began :]
            _, found = self._watch.update(Batch("", times, errors[began:, None], _ERROR))
            events = {began + event.alarm_index - seen: event for event in found}
        for i in range(began, len(values)):
            recent, (mean, count) = own["recent"], own["usual"]
            place = (first + i) % _RECENT
            oldest = recent[place]
            recent[place] = errors[i]
            watched = first + i - start - self.settle + 1
            if watched > _RECENT:  # what is usual ends where what is recent begins
                count = min(count + 1, _MEMORY)
                own["usual"] = np.array([mean + (oldest - mean) / count, count])
            worse = float(recent.mean() - own["usual"][0]) if watched > 2 * _RECENT else 0.0
            if i in events:
                event = events[i]
                change = start + self.settle + event.change_index
                own["pending"] = np.array([_PATIENCE, first + i, change, event.change_time])
            level = self._level(watched, float(staying[i]))
            if own["pending"][0] and worse > level:
                self._found.append((offset + i, self._event(worse, level, first + i)))
                self._begin_anew(first + i + 1)
                return i
            if own["pending"][0]:
                own["pending"] = own["pending"] - [1, 0, 0, 0]
            excursions = own["excursions"]
            place = (first + i) % len(excursions)
            own["record"] = np.maximum(own["record"], excursions[place])
            excursions[place] = worse
        own["rows"] = np.array(first + len(values))
        return None

    def _level(self, watched: int, staying: float) -> float:
        """Return the excursion that is too much, of so many rows; staying has that error."""
        record, usual = float(self._own["record"][0]), float(self._own["usual"][0])
        enough = max(record + math.log(_WORSE), 0.5 * (record + staying - usual))
        return max(math.log(_WORSE), min(_margin(watched) * record, enough))

    def _event(self, worse: float, level: float, row: int) -> Event:
        _, _, change, time = (int(each) for each in self._own["pending"])
        return Event("", "", row, time, change, time, math.exp(worse), math.exp(level))

    def _begin_anew(self, row: int) -> None:
        assert self._watch is not None
        self._watch.state = {}
        if self.policy == "anew":
            self._model.state = {}
        own = self._own
        own["rows"] = own["start"] = np.array(row)
        for name in ("moments", "usual", "recent", "staying", "record", "pending", "excursions"):
            own[name] = np.zeros_like(own[name])
        own["last"] = np.full_like(own["last"], np.nan)

    def _errors(self, values: Floats, predicted: Floats) -> tuple[Floats, Floats]:
        """Return the logarithm of the error of each row, in units of the spread before it.

        Beside it the mean, up to each row, of that of staying at the row before.
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
    """Return how many times the largest excursion of so many rows is too much to be chance."""
    k = math.log(max(_STRETCHES, watched / (2 * _RECENT)))
    return 1.0 + (math.log(1.0 / _FALSE) + 2.0 * math.log(k)) / k
