"""The engine of many processes: Quix Streams over Kafka's consumer groups."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

with warnings.catch_warnings(record=True):  # one of its libraries warns of a deprecation
    from quixstreams import Application, message_context
    from quixstreams.kafka.configuration import ConnectionConfig
    from quixstreams.models import TopicAdmin, TopicConfig, TopicManager
    from quixstreams.models.serializers.simple_types import BytesSerializer

from streamlyt.core import Array, Batch, DeadLetter, Sink, Source
from streamlyt.core.state import pack, unpack
from streamlyt.pipeline import Pipeline

from ._runtime.endpoint_checks import check_cluster_endpoints
from ._runtime.run_metrics import RunMetrics
from ._runtime.sink_router import SinkRouter
from ._runtime.step import ProcessedBatch, process

__all__ = ["ClusterEngine"]

_STATE = "memory"  # key of a series' state in the store
_SEPARATOR = "\n"  # between the names of an operator and of a part of its state
_MAX_CACHED_SERIES = 4096  # the operators of others are restored from the store
_MAX_MESSAGE_BYTES = 16 * 2**20  # the state of a series is a message, too

log = logging.getLogger("streamlyt.cluster")


class ClusterEngine:
    """One worker of a pipeline that runs in several processes, on one machine or on many.

    The workers are a consumer group: Kafka assigns the partitions of the topic to them, and
    rebalances when workers join or leave. The state of a series is in a local store of the worker
    and in a changelog topic, from which another worker restores it. Output, states and offsets
    are committed in one transaction: each row comes out exactly once.

    Rows, events and states are those of :class:`~streamlyt.engines.LocalEngine`, bit for bit on
    machines with the same processor and the same libraries. There is no run file: all output goes
    to topics.

    Parameters
    ----------
    source
        Messages of a topic, read in a group; the key of a message names its series.
    pipeline
        What processes them.
    sinks
        Topics for rows and events.
    sink_inputs
        As ``sink_inputs`` of the local engine.
    state_dir
        Directory of the local store; rebuilt from the changelog if lost.
    group_instance_id
        Name of this worker in its group, kept over restarts; None for dynamic membership.
    commit_interval_s
        Seconds between two transactions.
    metrics
        Metrics to update.

    Raises
    ------
    ParameterError
        If source or sinks are not Kafka's, or the source has no group or takes the keys of
        series from a field.
    """

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        sinks: Sequence[Sink],
        sink_inputs: Sequence[str | None] = (),
        *,
        state_dir: Path,
        group_instance_id: str | None = None,
        commit_interval_s: float = 1.0,
        metrics: RunMetrics | None = None,
    ) -> None:
        decoding, producing = check_cluster_endpoints(source, sinks)
        for sink in producing:
            sink.use_producer(self._send)
        self.source, self.pipeline = decoding, pipeline
        self.metrics = RunMetrics() if metrics is None else metrics
        self._router = SinkRouter(sinks, sink_inputs, source, pipeline, has_runfile=True)
        self._stored: dict[str, bytes] = {}  # states of cached series, as in the store
        self._outgoing: list[_Message] = []
        width = source.schema.n_channels
        self._no_rows = Batch("", np.empty(0, np.int64), np.empty((0, width)), source.schema)
        static_member = (
            {} if group_instance_id is None else {"group.instance.id": group_instance_id}
        )
        timeout = round(decoding.session_timeout_s * 1000)
        connection = ConnectionConfig.from_librdkafka_dict(decoding.client_config)
        admin = TopicAdmin(connection, logger=log)
        assert decoding.group_id is not None  # checked by check_cluster_endpoints
        self._app = Application(
            connection,
            consumer_group=decoding.group_id,
            auto_offset_reset=decoding.auto_offset_reset,  # type: ignore[arg-type]  # checked by the source
            processing_guarantee="exactly-once",
            commit_interval=commit_interval_s,
            state_dir=state_dir,
            consumer_extra_config={"session.timeout.ms": timeout, **static_member},
            producer_extra_config={"message.max.bytes": _MAX_MESSAGE_BYTES},
            topic_manager=_Topics(admin, decoding.group_id),
            on_message_processed=lambda *_: self.metrics.mark_progress(),
            loglevel=None,
        )
        self._topic = self._app.topic(decoding.topic, value_deserializer="bytes")
        self._output_topics = {
            name: self._app.topic(name, value_serializer=_MessageValue())
            for sink in producing
            for name in sink.topics()
        }
        frame = self._app.dataframe(self._topic)
        frame = frame.apply(self._process_message, stateful=True, metadata=True, expand=True)
        frame = frame.set_headers(lambda message, *_: message.headers)
        frame.to_topic(
            lambda message, *_: self._output_topics[message.topic], key=lambda message: message.key
        )

    def run(self) -> None:
        """Read until SIGTERM or Ctrl-C, then commit what was read; for the main thread."""
        self._app.run()

    def _process_message(
        self, value: bytes | None, key: bytes | None, timestamp: int, headers: Any, state: Any
    ) -> list["_Message"]:
        """Process a message; return the messages to produce for it."""
        context = message_context()
        record = _Record(context.topic, context.partition, context.offset, key, value, timestamp)
        if key is None and value is not None:
            reason = "the key must name the series: in a cluster a message needs one"
            dead_letter = DeadLetter(*record[:3], key, value, reason)
            self._emit(process(None, self._no_rows, None, [dead_letter]))
        else:
            decoded = self.source.decode_messages([record])
            if decoded.batches:
                self._load_state(decoded.batches[0].key, state)
            for batch in decoded.batches:
                self._emit(process(self.pipeline, batch, None, []))
            if decoded.batches:
                self._save_state(decoded.batches[0].key, state)
            if decoded.dead_letters:
                self._emit(process(None, self._no_rows, None, decoded.dead_letters))
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def _emit(self, done: ProcessedBatch) -> None:
        self.metrics.count_processed(done)
        self._router.route(done)
        for event in done.events:
            change, alarm = event.change_index, event.alarm_index
            log.info("change in %r at row %d, seen at row %d", event.key, change, alarm)

    def _load_state(self, series: str, state: Any) -> None:
        """Restore the operators of a series, unless the store has the state that they hold."""
        blob = state.get_bytes(_STATE)
        cached = self._stored.pop(series, None)
        # Another worker may have processed the series since.
        if cached is None or blob != cached:
            states = None if blob is None else _split_by_operator(unpack(blob))
            self.pipeline.restore_series(series, states)

    def _save_state(self, series: str, state: Any) -> None:
        by_name = self.pipeline.states([series])[series]
        blob = pack(
            {
                f"{name}{_SEPARATOR}{part}": a
                for name, parts in by_name.items()
                for part, a in parts.items()
            }
            | {f"{name}{_SEPARATOR}": np.zeros(0) for name in by_name}
        )
        state.set_bytes(_STATE, blob)
        self._stored[series] = blob  # in order of last use
        if len(self._stored) > _MAX_CACHED_SERIES:
            oldest = next(iter(self._stored))
            del self._stored[oldest]
            self.pipeline.restore_series(oldest, None)

    def _send(
        self, topic: str, value: bytes, key: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        self._outgoing.append(_Message(topic, value, key, headers))


class _Topics(TopicManager):
    """Creates changelogs for states of megabytes per series, whatever the broker's defaults."""

    def changelog_topic(self, stream_id: str | None, store_name: str, config: TopicConfig) -> Any:
        config.extra_config.update(
            {
                "max.message.bytes": str(_MAX_MESSAGE_BYTES),
                # Only closed segments are compacted; a recovery reads all others in full.
                "segment.bytes": str(4 * _MAX_MESSAGE_BYTES),
                "min.cleanable.dirty.ratio": "0.1",
            }
        )
        return super().changelog_topic(stream_id, store_name, config)


class _Message(NamedTuple):
    topic: str
    value: bytes
    key: bytes | None
    headers: list[tuple[str, bytes]]


class _Record(NamedTuple):
    """A message under the attribute names that the source expects."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int


class _MessageValue(BytesSerializer):
    def __call__(self, value: Any, ctx: Any) -> bytes:
        return bytes(value.value)


def _split_by_operator(state: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """Return operator -> its state, from one table of all."""
    by_name: dict[str, dict[str, Array]] = {}
    for path, array in state.items():
        name, _, part = path.partition(_SEPARATOR)
        state_of = by_name.setdefault(name, {})
        if part:  # an empty name stands for an operator without state
            state_of[part] = array
    return by_name
