from __future__ import annotations

import asyncio
import threading

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from headgate.sdk import Outcome, Publisher, label_token
from headgate.sdk import publisher as publisher_module


def test_outcomes_arrive_under_their_request_id(broker):
    with Publisher(broker.bootstrap_servers) as publisher:
        assert publisher.publish(
            Outcome(request_id="r1", model="agent", version="v1", latency_ms=5.0)
        )
        assert publisher.label(label_token("r1", "agent", "v1"), rating=2.0)
    found = broker.read("headgate.outcomes", lambda values: len(values) >= 2)
    assert [key for key, _ in found] == [b"r1", b"r1"]
    stats = publisher.stats
    assert (stats.accepted, stats.delivered, stats.waiting, stats.dropped_total) == (2, 2, 0, 0)


def test_closing_flushes_what_waits(broker):
    publisher = Publisher(broker.bootstrap_servers, kafka={"linger.ms": 60_000})
    for number in range(500):
        publisher.record(f"r{number}", "agent", "v1", latency_ms=1.0)
    assert publisher.stats.delivered == 0
    assert publisher.close(20.0) == 0
    assert len({outcome.request_id for outcome in broker.outcomes(500)}) == 500
    assert publisher.close() == 0
    assert not publisher.record("late", "agent", "v1", latency_ms=1.0)
    assert publisher.stats.dropped["closed"] == 1


def test_without_kafka_a_full_buffer_drops_and_counts(silent_port):
    publisher = Publisher(f"127.0.0.1:{silent_port}", buffer_size=10)
    taken = [publisher.record(f"r{number}", "agent", "v1", rating=3.0) for number in range(25)]
    assert taken == [True] * 10 + [False] * 15
    stats = publisher.stats
    assert (stats.accepted, stats.waiting, stats.dropped["buffer_full"]) == (10, 10, 15)
    assert publisher.close(timeout_s=0.3) == 10
    stats = publisher.stats
    assert (stats.dropped["unsent_at_close"], stats.delivered, stats.waiting) == (10, 0, 0)


def test_what_kafka_does_not_take_in_time_is_counted_as_failed(silent_port, wait_for):
    settings = {"message.timeout.ms": 200, "linger.ms": 5}
    with Publisher(f"127.0.0.1:{silent_port}", kafka=settings) as publisher:
        publisher.record("r1", "agent", "v1", rating=3.0)
        wait_for(lambda: publisher.stats.dropped["failed"] == 1)


def test_outcomes_that_wait_for_kafka_arrive_once_it_is_there(broker, silent_port, relay, wait_for):
    publisher = Publisher(f"127.0.0.1:{silent_port}")
    publisher.record("r1", "agent", "v1", rating=3.0)
    relay(silent_port, broker.bootstrap_servers)
    wait_for(lambda: publisher.stats.delivered == 1)
    publisher.close()


class Fallible(Producer):
    """Once it `has_fallen` it takes nothing any more and says so once, as librdkafka's does."""

    has_fallen = has_told = False

    def produce(self, *args, **kwargs):
        if self.has_fallen:
            raise KafkaException(KafkaError(KafkaError._FATAL))
        super().produce(*args, **kwargs)

    def poll(self, timeout):
        self._tell()
        return super().poll(timeout)

    def flush(self, timeout):
        self._tell()
        return super().flush(timeout)

    def _tell(self):
        if self.has_fallen and not self.has_told:
            self.has_told = True
            raise KafkaException(KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER))


def test_after_a_fatal_error_a_new_client_goes_on(broker, monkeypatch, wait_for):
    monkeypatch.setattr(publisher_module, "Producer", Fallible)
    publisher = Publisher(broker.bootstrap_servers, kafka={"linger.ms": 60_000})
    assert publisher.record("given-up", "agent", "v1", latency_ms=1.0)
    first = publisher._producer
    first.has_fallen = True
    wait_for(lambda: publisher._producer is not first)
    assert publisher.record("r2", "agent", "v1", latency_ms=1.0)
    assert publisher.close(20.0) == 0
    assert [outcome.request_id for outcome in broker.outcomes(1)] == ["r2"]
    stats = publisher.stats
    assert (stats.accepted, stats.delivered, stats.waiting) == (2, 1, 0)
    assert stats.dropped["failed"] == 1


def test_a_fatal_error_while_it_closes_is_counted_and_not_raised(broker, monkeypatch):
    monkeypatch.setattr(publisher_module, "Producer", Fallible)
    publisher = Publisher(broker.bootstrap_servers, kafka={"linger.ms": 60_000})
    publisher.record("r1", "agent", "v1", latency_ms=1.0)
    publisher._stop.set()
    publisher._poller.join()
    publisher._producer.has_fallen = True
    assert publisher.close(1.0) == 1
    assert publisher.stats.waiting == 0


def test_threads_share_a_publisher(broker):
    publisher = Publisher(broker.bootstrap_servers)

    def work(name: int) -> None:
        for number in range(200):
            publisher.record(f"{name}-{number}", "agent", "v1", latency_ms=1.0)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert publisher.close(20.0) == 0
    assert len({outcome.request_id for outcome in broker.outcomes(800)}) == 800
    assert (publisher.stats.accepted, publisher.stats.delivered) == (800, 800)


def test_a_coroutine_publishes_and_closes_without_leaving_the_loop(broker):
    async def main() -> int:
        async with Publisher(broker.bootstrap_servers) as publisher:
            for number in range(50):
                publisher.record(f"r{number}", "agent", "v1", latency_ms=1.0)
                await asyncio.sleep(0)
        return publisher.stats.delivered

    assert asyncio.run(main()) == 50


def test_a_bad_setting_is_an_error_at_construction():
    with pytest.raises(KafkaException, match=r"no\.such\.setting"):
        Publisher("localhost:1", kafka={"no.such.setting": 1})
    with pytest.raises(ValueError, match="buffer_size"):
        Publisher("localhost:1", buffer_size=0)
