"""The embedded broker: enough of Kafka for a demo, and gone when it is stopped."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from confluent_kafka import Consumer, Producer, TopicPartition

from headgate.local.embedded import EmbeddedBroker
from headgate.pipeline.topics import EMBEDDED_PARTITIONS


def until(holds: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False


def publish(broker: EmbeddedBroker, topic: str, *values: str) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "linger.ms": 0})
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(10) == 0


def read(broker: EmbeddedBroker, topic: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "test"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    found: list[bytes] = []

    def all_there() -> bool:
        found.extend(m.value() for m in consumer.consume(count, 0.2) if m.error() is None)
        return len(found) >= count

    try:
        assert until(all_there), f"{len(found)} of {count} records"
    finally:
        consumer.close()
    return found


def test_records_come_back_in_the_order_in_which_they_went_in(embedded: EmbeddedBroker) -> None:
    publish(embedded, "t", "one", "two", "three")
    assert read(embedded, "t", 3) == [b"one", b"two", b"three"]


def test_a_topic_appears_on_first_use_with_the_documented_partition_count(
    embedded: EmbeddedBroker,
) -> None:
    publish(embedded, "t", "one")
    client = Producer({"bootstrap.servers": embedded.bootstrap_servers})
    assert len(client.list_topics("t", timeout=10).topics["t"].partitions) == EMBEDDED_PARTITIONS


def test_two_brokers_share_nothing(embedded: EmbeddedBroker) -> None:
    publish(embedded, "t", "mine")
    with EmbeddedBroker() as other:
        assert other.bootstrap_servers != embedded.bootstrap_servers
        client = Producer({"bootstrap.servers": other.bootstrap_servers})
        assert "t" not in client.list_topics(timeout=10).topics


def test_a_stopped_broker_listens_no_more() -> None:
    with EmbeddedBroker() as broker:
        host, port = broker.bootstrap_servers.split(":")

    def refused() -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex((host, int(port))) != 0

    assert until(refused)
