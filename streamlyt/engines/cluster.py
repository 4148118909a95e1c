"""The engine of many processes: the same pipeline on Quix Streams, over Kafka's consumer groups."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

with warnings.catch_warnings(record=True):  # one of its libraries tells of its own future
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
from ._runtime.step import ProcessedBatch

__all__ = ["ClusterEngine"]

_MEMORY = "memory"  # name of a series' memory in the store
_BETWEEN = "\n"  # an operator's name and that of a part of its memory
_MOST_SERIES = 4096  # whose operators are kept ready; those of others are made from the store
_LARGEST = 16 * 2**20  # bytes of a message: the memory of a series is one, too

log = logging.getLogger("streamlyt.cluster")


class ClusterEngine:
    """One worker of a pipeline that several processes share, on one machine or on many.

    The workers are a consumer group: Kafka shares the partitions of the topic out among them, and
    shares them out anew when workers come or go. The memory of a series lies in a store beside the
    worker and in a changelog topic, from which another worker builds it anew. What comes out, the
    memory and the offsets are committed in one transaction: each row comes out once.

    Rows, findings and memory are those of :class:`~streamlyt.engines.LocalEngine`, bit for bit on
    machines with the same processor and the same libraries. The run file has no part in it: what
    is to be kept goes to topics.

    Parameters
    ----------
    source
        Messages of a topic, read in a group; the key of a message names its series.
    pipeline
        What is done with them.
    sinks
        Topics that rows and findings go to.
    places
        As for the local engine.
    state_dir
        Where the store lies. It may be lost: it is then built anew from the changelog.
    group_instance_id
        Name of this worker in its group, kept over restarts; None for none.
    commit_interval_s
        Seconds between two transactions.
    gauges
        Where the engine tells how it gets on.

    Raises
    ------
    ParameterError
        If source or sinks are not Kafka's, or the source has no group or takes the names of
        series from a field.
    """

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        sinks: Sequence[Sink],
        places: Sequence[str | None] = (),
        *,
        state_dir: Path,
        group_instance_id: str | None = None,
        commit_interval_s: float = 1.0,
        gauges: RunMetrics | None = None,
    ) -> None:
        decoding, diverting = check_cluster_endpoints(source, sinks)
        for sink in diverting:
            sink.use_producer(self._send)
        self.source, self.pipeline = decoding, pipeline
        self.gauges = RunMetrics() if gauges is None else gauges
        self._outlets = SinkRouter(sinks, places, source, pipeline, kept=True)
        self._held: dict[str, bytes] = {}  # the memory of series as the store has it
        self._sent: list[_Message] = []
        width = source.schema.n_channels
        self._none = Batch("", np.empty(0, np.int64), np.empty((0, width)), source.schema)
        alone = {} if group_instance_id is None else {"group.instance.id": group_instance_id}
        timeout = round(decoding.session_timeout_s * 1000)
        connection = ConnectionConfig.from_librdkafka_dict(decoding.client_config)
        admin = TopicAdmin(connection, logger=log)
        assert decoding.group is not None  # a source without one is not shared out
        self._app = Application(
            connection,
            consumer_group=decoding.group,
            auto_offset_reset=decoding.begin,  # type: ignore[arg-type]  # checked by the source
            processing_guarantee="exactly-once",
            commit_interval=commit_interval_s,
            state_dir=state_dir,
            consumer_extra_config={"session.timeout.ms": timeout, **alone},
            producer_extra_config={"message.max.bytes": _LARGEST},
            topic_manager=_Topics(admin, decoding.group),
            on_message_processed=lambda *_: self.gauges.mark_progress(),
            loglevel=None,
        )
        self._topic = self._app.topic(decoding.topic, value_deserializer="bytes")
        self._outs = {
            name: self._app.topic(name, value_serializer=_Value())
            for sink in diverting
            for name in sink.topics()
        }
        frame = self._app.dataframe(self._topic)
        frame = frame.apply(self._process_message, stateful=True, metadata=True, expand=True)
        frame = frame.set_headers(lambda message, *_: message.headers)
        frame.to_topic(
            lambda message, *_: self._outs[message.topic], key=lambda message: message.key
        )

    def run(self) -> None:
        """Read until the process is told to end (SIGTERM, Ctrl-C); for the main thread.

        What was read by then is committed.
        """
        self._app.run()

    def _process_message(
        self, value: bytes | None, key: bytes | None, timestamp: int, headers: Any, state: Any
    ) -> list["_Message"]:
        """Take a message; return those that go out for it."""
        where = message_context()
        record = _Record(where.topic, where.partition, where.offset, key, value, timestamp)
        if key is None and value is not None:
            reason = "the key must name the series: in a cluster a message needs one"
            letters = [DeadLetter(*record[:3], key, value, reason)]
            self._landed(self._none, letters)
        else:
            taken = self.source.decode_messages([record])
            if taken.batches:
                self._load_state(taken.batches[0].key, state)
            for batch in taken.batches:
                rows, events = self.pipeline.process(batch)
                self._landed(batch, [], rows, events, self.pipeline.late_rows(batch.key))
            if taken.batches:
                self._save_state(taken.batches[0].key, state)
            if taken.letters:
                self._landed(self._none, taken.letters)
        sent, self._sent = self._sent, []
        return sent

    def _landed(self, batch: Batch, letters: list[DeadLetter], *made: Any) -> None:
        landed = ProcessedBatch(batch, None, letters, *(made or ({}, [], [])))
        self.gauges.count_batch(batch)
        self.gauges.events += len(landed.events)
        self.gauges.dead_letters += len(letters)
        self.gauges.late_rows += sum(late.n_rows for late in landed.late_rows)
        self._outlets.route(landed)
        for event in landed.events:
            change, alarm = event.change_index, event.alarm_index
            log.info("change in %r at row %d, seen at row %d", event.key, change, alarm)

    def _load_state(self, series: str, state: Any) -> None:
        """Make sure that the operators of a series go on from what the store has."""
        blob = state.get_bytes(_MEMORY)
        held = self._held.pop(series, None)
        # Another worker may have gone on with the series since we had it.
        if held is None or blob != held:
            self.pipeline.restore_series(series, None if blob is None else _parted(unpack(blob)))

    def _save_state(self, series: str, state: Any) -> None:
        by_name = self.pipeline.states([series])[series]
        blob = pack(
            {
                f"{name}{_BETWEEN}{part}": a
                for name, own in by_name.items()
                for part, a in own.items()
            }
            | {f"{name}{_BETWEEN}": np.zeros(0) for name in by_name}
        )
        state.set_bytes(_MEMORY, blob)
        self._held[series] = blob  # the one used last stands last
        if len(self._held) > _MOST_SERIES:
            oldest = next(iter(self._held))
            del self._held[oldest]
            self.pipeline.restore_series(oldest, None)

    def _send(
        self, topic: str, value: bytes, key: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        self._sent.append(_Message(topic, value, key, headers))


class _Topics(TopicManager):
    """Makes changelogs for memory of megabytes a series, however the broker is set."""

    def changelog_topic(self, stream_id: str | None, store_name: str, config: TopicConfig) -> Any:
        config.extra_config.update(
            {
                "max.message.bytes": str(_LARGEST),
                # Only closed segments are compacted; all else is read again in a recovery.
                "segment.bytes": str(4 * _LARGEST),
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
    """A message as it came, under the names that the source knows."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int


class _Value(BytesSerializer):
    def __call__(self, value: Any, ctx: Any) -> bytes:
        return bytes(value.value)


def _parted(state: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """Return operator -> its memory, from one table of all."""
    by_name: dict[str, dict[str, Array]] = {}
    for path, array in state.items():
        name, _, part = path.partition(_BETWEEN)
        own = by_name.setdefault(name, {})
        if part:  # an empty name only says that the operator is there
            own[part] = array
    return by_name
