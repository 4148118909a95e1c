"""Metrics of a daemon in the Prometheus text format."""

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
    """The content of ``/metrics``, collected at each request.

    Parameters
    ----------
    gauges
        Metrics of the engine.
    ready
        Returns whether the daemon is ready.
    time_unit
        Unit of the rows' times; only nanoseconds since 1970 give a lag behind the clock.
    """

    def __init__(self, gauges: RunMetrics, ready: Callable[[], bool], time_unit: str) -> None:
        self.gauges, self.ready, self.time_unit = gauges, ready, time_unit
        self.restarts = self.reloads = self.refused_reloads = 0
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Collector(self))

    def text(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the current value of each metric."""
        gauges = self.gauges
        for name, value, description in (
            ("rows", gauges.rows, "Rows consumed from the source."),
            ("batches", gauges.batches, "Batches consumed from the source."),
            ("alarms", gauges.events, "Change events emitted."),
            (
                "dead_letters",
                gauges.dead_letters,
                "Messages that could not be decoded completely.",
            ),
            ("late_rows", gauges.late_rows, "Rows that arrived after the watermark."),
            ("nan_values", gauges.missing_values, "Missing values (NaN) in consumed rows."),
            (
                "dropped_rows",
                gauges.dropped_rows,
                "Rows dropped by the source for missing values.",
            ),
            (
                "refused_rows",
                gauges.rejected_rows,
                "Rows made dead letters by the source for missing values.",
            ),
            ("checkpoints", gauges.checkpoints, "Checkpoints."),
            ("engine_restarts", self.restarts, "Restarts of the engine after an error."),
            ("reloads", self.reloads, "Reloads of the pipeline file that were applied."),
            (
                "reloads_refused",
                self.refused_reloads,
                "Reloads of the pipeline file that were rejected.",
            ),
        ):
            yield CounterMetricFamily(f"streamlyt_{name}", description, value=value)
        for name, number, description in (
            ("ready", float(self.ready()), "1 if the engine is processing, else 0."),
            ("queue_rows", gauges.queued_rows, "Rows in the prefetch queue."),
            ("queue_bytes", gauges.queued_bytes, "Bytes in the prefetch queue."),
            ("lag_messages", gauges.lag, "Messages between the position and the log end."),
            ("event_time_lag_seconds", self._event_time_lag(), "Age of the newest row consumed."),
            (
                "checkpoint_seconds",
                gauges.last_checkpoint_seconds,
                "Duration of the last checkpoint.",
            ),
            (
                "checkpoint_age_seconds",
                _since(gauges.last_checkpoint_at),
                "Seconds since the last checkpoint.",
            ),
        ):
            if number is not None:
                yield GaugeMetricFamily(f"streamlyt_{name}", description, value=number)

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
