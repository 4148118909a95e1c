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
    metrics
        Metrics of the engine.
    ready
        Returns whether the daemon is ready.
    time_unit
        Unit of the rows' times; only nanoseconds since 1970 give a lag behind the clock.
    """

    def __init__(self, metrics: RunMetrics, ready: Callable[[], bool], time_unit: str) -> None:
        self.metrics, self.ready, self.time_unit = metrics, ready, time_unit
        self.restarts = self.reloads = self.failed_reloads = 0
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Collector(self))

    def text(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the current value of each metric."""
        metrics = self.metrics
        for name, value, description in (
            ("rows", metrics.rows, "Rows consumed from the source."),
            ("batches", metrics.batches, "Batches consumed from the source."),
            ("events", metrics.events, "Change events emitted."),
            (
                "dead_letters",
                metrics.dead_letters,
                "Messages that could not be decoded completely.",
            ),
            ("late_rows", metrics.late_rows, "Rows that arrived after the watermark."),
            ("missing_values", metrics.missing_values, "Missing values (NaN) in consumed rows."),
            (
                "dropped_rows",
                metrics.dropped_rows,
                "Rows dropped by the source for missing values.",
            ),
            (
                "rejected_rows",
                metrics.rejected_rows,
                "Rows made dead letters by the source for missing values.",
            ),
            ("checkpoints", metrics.checkpoints, "Checkpoints."),
            ("engine_restarts", self.restarts, "Restarts of the engine after an error."),
            ("config_reloads", self.reloads, "Reloads of the pipeline file that were applied."),
            (
                "config_reload_failures",
                self.failed_reloads,
                "Reloads of the pipeline file that were rejected.",
            ),
        ):
            yield CounterMetricFamily(f"streamlyt_{name}", description, value=value)
        for name, number, description in (
            ("ready", float(self.ready()), "1 if the engine is processing, else 0."),
            ("prefetch_queue_rows", metrics.queued_rows, "Rows in the prefetch queue."),
            ("prefetch_queue_bytes", metrics.queued_bytes, "Bytes in the prefetch queue."),
            (
                "consumer_lag_messages",
                metrics.lag,
                "Messages between the position and the log end.",
            ),
            ("event_time_lag_seconds", self._event_time_lag(), "Age of the newest row consumed."),
            (
                "last_checkpoint_duration_seconds",
                metrics.last_checkpoint_seconds,
                "Duration of the last checkpoint.",
            ),
            (
                "last_checkpoint_timestamp_seconds",
                _unix_time(metrics.last_checkpoint_at),
                "Unix time of the last checkpoint.",
            ),
        ):
            if number is not None:
                yield GaugeMetricFamily(f"streamlyt_{name}", description, value=number)

    def _event_time_lag(self) -> float | None:
        newest = self.metrics.newest_event_time
        if newest is None or self.time_unit != "ns":
            return None
        return time.time() - newest * _NS


class _Collector(Collector):
    def __init__(self, metrics: PrometheusMetrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics.collect()


def _unix_time(at: float | None) -> float | None:
    """Convert a reading of the monotonic clock."""
    return None if at is None else time.time() - (monotonic() - at)
