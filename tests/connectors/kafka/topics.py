"""Topics of the real broker: made, written and read plainly."""

import itertools
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from tests._waiting import HAPPENS_S, scaled, wait_for

_numbers = itertools.count(time.time_ns() // 10**6)


def plain(broker):
    return broker.servers["PLAINTEXT"]


def new_topic(servers, partitions=1):
    """Make a topic that nobody has named before."""
    name = f"t{next(_numbers)}"
    admin = KafkaAdminClient(bootstrap_servers=servers)
    admin.create_topics([NewTopic(name, num_partitions=partitions, replication_factor=1)])
    # The controller has it; on a busy machine the broker may hear of it a moment later.
    wait_for(
        lambda: _led(admin.describe_topics([name])[0], partitions),
        HAPPENS_S,
        f"all {partitions} partitions of {name} have a leader",
        every=0.02,
    )
    admin.close()
    return name


def _led(told, partitions):
    led = [part for part in told["partitions"] if part["leader_id"] >= 0]
    return not told["error_code"] and len(led) == partitions


def until_left(servers, group, members):
    """Wait until a group has no members but these: it learns of a death by its session timeout."""
    admin = KafkaAdminClient(bootstrap_servers=servers)

    def left():
        return {
            one["group_instance_id"] for one in admin.describe_groups([group])[group]["members"]
        }

    wait_for(
        lambda: left() == members,
        HAPPENS_S,
        lambda: f"{group} has {members}, but {left()}",
        every=0.2,
    )
    admin.close()


def put(servers, topic, messages, **options):
    """Write (key, value[, partition]) messages."""
    producer = KafkaProducer(bootstrap_servers=servers, linger_ms=5, **options)
    sent = [
        producer.send(topic, value, key=key, partition=rest[0] if rest else None, timestamp_ms=i)
        for i, (key, value, *rest) in enumerate(messages)
    ]
    for one in sent:
        one.get(scaled(30))
    producer.close()


def stream(servers, topic):
    """Yield the messages of committed transactions, in order within each partition."""
    consumer = KafkaConsumer(bootstrap_servers=servers, isolation_level="read_committed")
    parts = [TopicPartition(topic, i) for i in sorted(consumer.partitions_for_topic(topic))]
    consumer.assign(parts)
    ends = consumer.end_offsets(parts)
    consumer.seek_to_beginning(*parts)
    try:
        while any(consumer.position(part) < ends[part] for part in parts):
            for records in consumer.poll(500, max_records=5000).values():
                yield from records
    finally:
        consumer.close()


def content(servers, topic):
    """Return the messages of committed transactions, partition after partition."""
    return sorted(stream(servers, topic), key=lambda record: (record.partition, record.offset))
