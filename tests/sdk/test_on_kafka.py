"""The SDK on a real Kafka: compaction, counting each outcome once, an outage in the middle."""

from __future__ import annotations

from collections import Counter

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from headgate.local.kafka import RealKafka
from headgate.sdk import Publisher, Router
from headgate.wire.codec import encode
from headgate.wire.messages import OUTCOME

pytestmark = pytest.mark.kafka
COMPACT = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}


def _create_topics(bootstrap_servers: str, prefix: str) -> None:
    topics = [
        NewTopic(f"{prefix}outcomes", 3),
        NewTopic(f"{prefix}acks", 3),
        NewTopic(f"{prefix}control", 3, config=COMPACT),
    ]
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    for future in admin.create_topics(topics).values():
        future.result(20)


def _write(bootstrap_servers: str, topic: str, *commands) -> None:
    producer = Producer({"bootstrap.servers": bootstrap_servers})
    for one in commands:
        producer.produce(topic, encode(one), one.model)
    assert producer.flush(30) == 0


def _request_ids(bootstrap_servers: str, topic: str) -> Counter[str]:
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "count"})
    found: Counter[str] = Counter()
    for number in consumer.list_topics(topic, timeout=20).topics[topic].partitions:
        partition = TopicPartition(topic, number, 0)
        _, end = consumer.get_watermark_offsets(partition, timeout=20)
        consumer.assign([partition])
        while end and consumer.position([partition])[0].offset < end:
            message = consumer.poll(20.0)
            assert message is not None
            assert message.error() is None
            found[OUTCOME.decode(message.value()).request_id] += 1
    consumer.close()
    return found


def test_a_router_reads_the_newest_split_of_every_model(kafka, topic_prefix, command):
    _create_topics(kafka.bootstrap_servers, topic_prefix)
    commands = [
        command(revision, (f"v{revision}", 10_000), model=f"model-{number}")
        for revision in range(1, 31)
        for number in range(20)
    ]
    _write(kafka.bootstrap_servers, f"{topic_prefix}control", *commands)
    with Router(kafka.bootstrap_servers, topic_prefix=topic_prefix) as router:
        assert router.is_current
        assert {table.revision for table in router.splits().values()} == {30}
        assert len(router.splits()) == 20


def test_the_pair_outlives_an_outage_and_every_outcome_counts_once(kafka, command, wait_for):
    """On a broker of its own, which goes and comes back; `kafka` only says that one can run."""
    with RealKafka.start() as own:
        address = own.bootstrap_servers
        _create_topics(address, "headgate.")
        _write(address, "headgate.control", command(1, ("v1", 10_000)))
        with Router(address) as router, Publisher(address) as publisher:
            for number in range(500):
                publisher.record(
                    f"before-{number}", "agent", router.choose("agent", str(number)), rating=4.0
                )
            own.halt()
            for number in range(500):
                assert publisher.record(
                    f"during-{number}", "agent", router.choose("agent", str(number)), rating=4.0
                )
            own.resume()
            _write(address, "headgate.control", command(2, ("v2", 10_000)))
            wait_for(lambda: router.choose("agent", "k").version == "v2")
            assert publisher.close(30.0) == 0
        found = _request_ids(address, "headgate.outcomes")
    assert publisher.stats.dropped_total == 0
    assert set(found.values()) == {1}
    assert len(found) == publisher.stats.delivered == 1_000
