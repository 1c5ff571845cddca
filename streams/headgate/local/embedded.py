"""The embedded broker: librdkafka's mock cluster, which ships inside confluent-kafka.

No Java, no Docker. Topics appear on first use with 4 partitions; no compaction, no LogAppendTime,
5 MiB per partition, one member per group.
"""

from __future__ import annotations

from types import TracebackType

from confluent_kafka import Producer


class EmbeddedBroker:
    """A broker that lives as long as this object. Use it as a context manager."""

    def __init__(self) -> None:
        self._owner: Producer | None = Producer({"test.mock.num.brokers": 1, "log_level": 3})
        metadata = self._owner.list_topics(timeout=10)
        broker = next(iter(metadata.brokers.values()))
        self.bootstrap_servers = f"{broker.host}:{broker.port}"

    def __enter__(self) -> EmbeddedBroker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the broker and all that it held."""
        self._owner = None
