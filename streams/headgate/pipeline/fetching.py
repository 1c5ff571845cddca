"""Fetching: librdkafka reads the records of a topic whose membership is Faust's affair.

Its consumer is only ever *assigned* partitions: it joins no group and commits nothing. Fetching,
decompressing and splitting batches happen in its own threads, outside Python's lock, which is
what lets one worker fold more than twice as many outcomes.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple, TypeVar

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

T = TypeVar("T")

_POLL_S = 0.02
_POSITION_LOST = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})
_NOT_ALLOWED = frozenset(
    {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED}
)
_CONFIG: dict[str, str | int | bool] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "fetch.queue.backoff.ms": 2,  # the default of 1000 stalls a fast reader
    "queued.min.messages": 20_000,
    "queued.max.messages.kbytes": 16_384,
    "reconnect.backoff.max.ms": 2_000,
    "log.connection.close": False,
}

log = structlog.get_logger(__name__)
_librdkafka = logging.getLogger(__name__)


class Read(NamedTuple):
    """One record of a batch."""

    offset: int
    timestamp: int
    value: bytes | None


@dataclass(slots=True)
class Batch:
    """Records of one partition in offset order, as columns; timestamps in ms."""

    offsets: list[int] = field(default_factory=list)
    timestamps_ms: list[int] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)

    def add(self, messages: list[Message]) -> None:
        """Append records that follow."""
        self.offsets += map(Message.offset, messages)
        self.timestamps_ms += [at_ms for _, at_ms in map(Message.timestamp, messages)]
        self.values += map(Message.value, messages)

    def since(self, offset: int) -> Batch:
        """The records at `offset` and above."""
        place = bisect_left(self.offsets, offset)
        if place == 0:
            return self
        return Batch(self.offsets[place:], self.timestamps_ms[place:], self.values[place:])

    def record(self, place: int) -> Read:
        """One record."""
        return Read(self.offsets[place], self.timestamps_ms[place], self.values[place])


class Fetching:
    """Reads the partitions of `topic` that it was told to, from where it was told to.

    Everything runs in one thread and in order, so that no record of a former position comes after
    a new one was set. `config` is librdkafka's, with a `group.id` that is never joined.
    """

    def __init__(self, topic: str, config: Mapping[str, str | int], max_records: int) -> None:
        self.topic = topic
        self._config = {**config, **_CONFIG}
        self._max_records = max_records
        self._reading: set[int] = set()
        self._epoch = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fetching")
        self._made: Consumer | None = None

    @property
    def partitions(self) -> frozenset[int]:
        """What it reads now."""
        return frozenset(self._reading)

    async def read(self, partition: int, offset: int) -> None:
        """Read a partition from `offset`, whether or not it was read before."""
        self._reading.add(partition)
        await self._in_thread(lambda: self._assign(partition, offset))

    async def drop(self, partition: int) -> None:
        """Read a partition no more."""
        self._reading.discard(partition)
        await self._in_thread(lambda: self._release(partition))

    def forget(self) -> None:
        """Read nothing any more; what is being fetched right now is dropped."""
        self._epoch += 1
        self._reading.clear()
        self._thread.submit(self._unassign)

    async def take(self) -> dict[int, Batch]:
        """What has come, by partition: at most `max_records`, after at most 20 ms.

        A partition whose position the broker does not have (any more) is forgotten. Raises
        `KafkaException` where waiting cannot help.
        """
        epoch = self._epoch
        messages = await self._in_thread(
            lambda: self._consumer().consume(self._max_records, _POLL_S)
        )
        return self._split(messages) if epoch == self._epoch else {}

    def close(self) -> None:
        """Let go of the broker, once the call in hand has returned."""
        self._epoch += 1
        self._thread.submit(self._close)
        self._thread.shutdown(wait=True)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _consumer(self) -> Consumer:
        if self._made is None:
            self._made = Consumer(self._config, logger=_librdkafka)
        return self._made

    def _assign(self, partition: int, offset: int) -> None:
        self._release(partition)
        self._consumer().incremental_assign([TopicPartition(self.topic, partition, offset)])

    def _release(self, partition: int) -> None:
        consumer = self._consumer()
        if any(tp.partition == partition for tp in consumer.assignment()):
            consumer.incremental_unassign([TopicPartition(self.topic, partition)])

    def _unassign(self) -> None:
        if self._made is not None:
            self._made.unassign()

    def _close(self) -> None:
        if self._made is not None:
            self._made.close()

    def _split(self, messages: list[Message]) -> dict[int, Batch]:
        if any(map(Message.error, messages)):
            for message in filter(Message.error, messages):
                self._heed(message)
            messages = [message for message in messages if not message.error()]
        batches: dict[int, Batch] = {}
        for partition, run in groupby(messages, Message.partition):
            batches.setdefault(int(partition or 0), Batch()).add(list(run))
        return batches

    def _heed(self, message: Message) -> None:
        error = message.error()
        if error is None or error.code() in _NOT_ALLOWED or error.fatal():
            raise KafkaException(error)
        if error.code() in _POSITION_LOST and message.partition() is not None:
            self._reading.discard(int(message.partition()))
        log.warning("fetch_failed", partition=message.partition(), error=str(error))
