"""The counts of a daemon in the words of Prometheus."""

import time
from collections.abc import Callable, Iterator
from time import monotonic

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streamlyt.engines import RunMetrics

__all__ = ["PrometheusMetrics"]

_NS = 1e-9


class PrometheusMetrics:
    """What ``/metrics`` tells, taken from the gauges when it is asked for.

    Parameters
    ----------
    gauges
        Of the engine.
    ready
        Whether the daemon is.
    time_unit
        Of the rows; only nanoseconds since 1970 can be held against the clock.
    """

    def __init__(self, gauges: RunMetrics, ready: Callable[[], bool], time_unit: str) -> None:
        self.gauges, self.ready, self.time_unit = gauges, ready, time_unit
        self.restarts = self.reloads = self.refused_reloads = 0
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Collector(self))

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield each metric as it is now."""
        gauges = self.gauges
        for name, value, told in (
            ("rows", gauges.rows, "Rows taken from the source."),
            ("batches", gauges.batches, "Batches of them."),
            ("alarms", gauges.events, "Findings."),
            (
                "dead_letters",
                gauges.dead_letters,
                "Messages that could not be decoded, or not whole.",
            ),
            ("late_rows", gauges.late_rows, "Rows that came too late to be put in order."),
            ("nan_values", gauges.missing_values, "Missing values (NaN) in the rows taken."),
            (
                "dropped_rows",
                gauges.dropped_rows,
                "Rows left out by the source for missing values.",
            ),
            ("refused_rows", gauges.rejected_rows, "Rows made dead letters for missing values."),
            ("checkpoints", gauges.checkpoints, "Checkpoints made."),
            ("engine_restarts", self.restarts, "Times that the engine had to begin again."),
            ("reloads", self.reloads, "Changes of parameters taken over."),
            ("reloads_refused", self.refused_reloads, "Changes of parameters refused."),
        ):
            yield CounterMetricFamily(f"streamlyt_{name}", told, value=value)
        for name, number, told in (
            ("ready", float(self.ready()), "1 where the engine takes rows."),
            ("queue_rows", gauges.queued_rows, "Rows read ahead and not yet taken."),
            ("queue_bytes", gauges.queued_bytes, "Bytes of them."),
            ("lag_messages", gauges.lag, "Messages that wait at the source."),
            ("event_time_lag_seconds", self._event_time_lag(), "Age of the newest row taken."),
            (
                "checkpoint_seconds",
                gauges.last_checkpoint_seconds,
                "What the last checkpoint took.",
            ),
            (
                "checkpoint_age_seconds",
                _since(gauges.last_checkpoint_at),
                "Since the last checkpoint.",
            ),
        ):
            if number is not None:
                yield GaugeMetricFamily(f"streamlyt_{name}", told, value=number)

    def _event_time_lag(self) -> float | None:
        newest = self.gauges.newest_event_time
        if newest is None or self.time_unit != "ns":
            return None
        return time.time() - newest * _NS


class _Collector(Collector):
    def __init__(self, metrics: PrometheusMetrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics.collect()


def _since(at: float | None) -> float | None:
    return None if at is None else monotonic() - at
