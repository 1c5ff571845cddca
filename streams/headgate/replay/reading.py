"""Reading whole topics as they stand: every partition from its beginning to its present end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from headgate.config import Settings

POLL_S = 0.05
BATCH = 1_000
SILENT_POLLS = 600
ANSWER_WITHIN_S = 10.0
# What a broker says of a topic that it has just made, or whose leader is moving.
_PASSING = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)


class TopicReadError(RuntimeError):
    """A topic cannot be read to its end: which one, and what the broker said."""


def bounds_of(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """First offset that is kept, and the end; asked again while the topic has just been made or its
    leader moves. Raises `KafkaException`.
    """
    deadline_s = time.monotonic() + ANSWER_WITHIN_S
    where = TopicPartition(topic, partition)
    while True:
        try:
            low, high = consumer.get_watermark_offsets(where, timeout=ANSWER_WITHIN_S)
            return int(low), int(high)
        except KafkaException as error:
            if error.args[0].code() not in _PASSING or time.monotonic() > deadline_s:
                raise
            time.sleep(POLL_S)


class TopicReader:
    """A consumer without a group. Use it as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._consumer = Consumer(
            {
                **settings.librdkafka(),
                "group.id": f"{settings.group_prefix}replay",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "fetch.queue.backoff.ms": 5,
            }
        )

    def __enter__(self) -> TopicReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def partitions(self, topic: str) -> list[int]:
        """The topic's partitions; raises `TopicReadError` where there is no such topic."""
        try:
            found = self._consumer.list_topics(topic, timeout=10).topics[topic]
        except KafkaException as error:
            raise TopicReadError(f"cannot read {topic}: {error}") from error
        if found.error is not None:
            raise TopicReadError(f"cannot read {topic}: {found.error}")
        return sorted(found.partitions)

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """First offset that is kept, and the end; raises `TopicReadError` without an answer."""
        try:
            return bounds_of(self._consumer, topic, partition)
        except KafkaException as error:
            raise TopicReadError(f"cannot read {topic}: {error}") from error

    def read(
        self, topic: str, starts: Mapping[int, int], ends: Mapping[int, int]
    ) -> Iterator[Message]:
        """Records from `starts` up to `ends`, in order within each partition."""
        open_ends = {p: end for p, end in ends.items() if starts.get(p, 0) < end}
        self._consumer.assign([TopicPartition(topic, p, starts.get(p, 0)) for p in open_ends])
        silent = 0
        while open_ends:
            batch = self._consumer.consume(BATCH, POLL_S)
            silent = 0 if batch else silent + 1
            if silent > SILENT_POLLS:
                raise TopicReadError(f"{topic} went silent before its end: {open_ends}")
            for message in batch:
                error = message.error()
                partition = message.partition()
                if error is not None and error.code() == KafkaError._PARTITION_EOF:
                    open_ends.pop(partition, None)
                    continue
                if error is not None:
                    raise TopicReadError(f"cannot read {topic}: {error}")
                if message.offset() >= ends[partition]:
                    open_ends.pop(partition, None)
                    continue
                if message.offset() == ends[partition] - 1:
                    open_ends.pop(partition, None)
                yield message
        self._consumer.unassign()
