"""Reads the control topic from its beginning and goes on following it, without a consumer group."""

from __future__ import annotations

import logging
import time
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from headgate.sdk import kafka as clients
from headgate.sdk.verifying import Fault
from headgate.wire.codec import BadValueError
from headgate.wire.control import Command
from headgate.wire.messages import COMMAND

LOOK_AGAIN_S = 0.25
LOOK_FOR_NEW_PARTITIONS_S = 60.0
METADATA_TIMEOUT_S = 1.0

log = logging.getLogger("headgate.sdk")


class ControlFeed:
    """Commands in the order of each partition; used by one thread.

    `caught_up` turns true, for good, once every partition has been read to its end. While Kafka
    or the topic is away it keeps looking. Raises `confluent_kafka.KafkaException` for a bad
    setting.
    """

    def __init__(self, config: clients.Config, topic: str, fault: Fault | None = None) -> None:
        """`fault` says why a record is not to be trusted; without it every command is."""
        self._topic = topic
        self._fault = fault
        self._consumer: Any = Consumer(dict(config), logger=clients.log)
        self._unread: set[int] = set()
        self._assigned: set[int] = set()
        self._look_at = 0.0
        self._complaint = ""
        self.caught_up = False
        self.bad_records = 0
        self.refused = 0

    def poll(self, timeout_s: float) -> Command | None:
        """The next command, or None where none came in time or the record was none."""
        if time.monotonic() >= self._look_at:
            self._find_partitions()
        message = self._consumer.poll(timeout_s)
        if message is None:
            return None
        if message.error() is not None:
            self._note(message)
            return None
        return self._decode(message)

    def close(self) -> None:
        self._consumer.close()

    def _find_partitions(self) -> None:
        try:
            found = self._consumer.list_topics(self._topic, timeout=METADATA_TIMEOUT_S)
            entry = found.topics[self._topic]
            error = entry.error
        except KafkaException as failure:
            error = failure.args[0]
        if error is not None:
            self._complain(f"cannot read {self._topic}: {error.str()}")
            self._look_at = time.monotonic() + LOOK_AGAIN_S
            return
        self._complaint = ""
        fresh = set(entry.partitions) - self._assigned
        if fresh:
            starts = [TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in fresh]
            self._consumer.incremental_assign(starts)
            self._assigned |= fresh
            self._unread |= fresh
        pause_s = LOOK_FOR_NEW_PARTITIONS_S if self._assigned else LOOK_AGAIN_S
        self._look_at = time.monotonic() + pause_s

    def _note(self, message: Any) -> None:
        error = message.error()
        if error.code() == KafkaError._PARTITION_EOF:
            self._unread.discard(message.partition())
            self.caught_up = self.caught_up or not self._unread
        else:
            self._complain(f"reading {self._topic}: {error.str()}")

    def _decode(self, message: Any) -> Command | None:
        value = message.value()
        if value is None or not self._is_trusted(message, value):
            return None
        try:
            return COMMAND.decode(value)
        except BadValueError as error:
            self.bad_records += 1
            log.error(
                "ignored a record of %s [partition %d, offset %d] that is no command: %s",
                self._topic,
                message.partition(),
                message.offset(),
                error,
            )
            return None

    def _is_trusted(self, message: Any, value: bytes) -> bool:
        """Checked on the bytes as they came, before anything reads them."""
        if self._fault is None:
            return True
        fault = self._fault(value, {name: raw or b"" for name, raw in message.headers() or ()})
        if not fault:
            return True
        self.refused += 1
        where = (self._topic, message.partition(), message.offset())
        log.error("refused a record of %s [partition %d, offset %d]: %s", *where, fault)
        return False

    def _complain(self, text: str) -> None:
        """Once per cause: an absent Kafka must not fill the log."""
        if text != self._complaint:
            self._complaint = text
            log.warning("%s; trying again, the last known split stays in use", text)
