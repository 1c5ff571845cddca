"""Reading topics without a group: from the beginning, from the end, up to the end, and on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from headgate.cli.failures import TopicMissingError
from headgate.config import Settings
from headgate.pipeline.topics import BrokerUnreachableError
from headgate.replay.reading import bounds_of
from headgate.vocabulary import Topic
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import BadValueError
from headgate.wire.messages import AUDIT, STATUS
from headgate.wire.status import ModelStatus

CONNECT_S = 10.0
REFUSALS = 2
STALLED_S = 30.0
POLL_S = 0.2
BATCH = 500
RECENT = 50  # records of each partition


Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it lies on its topic."""

    topic: Topic
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes] = field(default_factory=dict)


class TopicFollower:
    """Follows topics from their beginning, from their end at the time of construction, or from
    the newest few records before that.

    Raises `BrokerUnreachableError` or `TopicMissingError`. Use it as a context manager.
    """

    def __init__(
        self,
        settings: Settings,
        topics: Sequence[Topic],
        start: Literal["beginning", "recent", "end"],
    ) -> None:
        self._names = {settings.topic(topic): topic for topic in topics}
        self._servers = settings.bootstrap_servers
        self._early: list[Record] = []
        self._consumer = Consumer(_consumer_config(settings))
        try:
            self._ends = self._bounds()
            before = {"beginning": 2**62, "recent": RECENT, "end": 0}[start]
            starts = {place: max(low, high - before) for place, (low, high) in self._ends.items()}
            self._positions = dict(starts)
            self._consumer.assign([TopicPartition(*place, at) for place, at in starts.items()])
        except BaseException:
            self._consumer.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def poll(self, timeout_s: float = POLL_S) -> list[Record]:
        """What has come, after waiting for `timeout_s` at most."""
        if self._early:
            records, self._early = self._early, []
            return records
        return self._consumed(timeout_s)

    def _consumed(self, timeout_s: float) -> list[Record]:
        records = []
        first = self._consumer.poll(timeout_s)  # `consume` waits on until a batch is full
        for message in () if first is None else (first, *self._consumer.consume(BATCH, 0)):
            place = (str(message.topic()), int(message.partition() or 0))
            if self._is_record(message, place):
                self._positions[place] = message.offset() + 1
                records.append(self._record(message))
        return records

    def backlog(self) -> Iterator[Record]:
        """Everything up to the end as it was at construction, partition by partition; what came
        after that is for `poll`.
        """
        heard = time.monotonic()
        while not self._is_at_end():
            before = dict(self._positions)
            for record in self._consumed(POLL_S):
                if record.offset < self._ends[self._full(record), record.partition][1]:
                    yield record
                else:
                    self._early.append(record)
            if self._positions != before:
                heard = time.monotonic()
            elif time.monotonic() - heard > STALLED_S:
                raise BrokerUnreachableError(
                    f"{self._servers} went silent while {', '.join(self._names)} was being read"
                )

    def _full(self, record: Record) -> str:
        return next(name for name, topic in self._names.items() if topic is record.topic)

    def _is_at_end(self) -> bool:
        return all(self._positions[place] >= high for place, (_, high) in self._ends.items())

    def _is_record(self, message: Message, place: Place) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() == KafkaError._PARTITION_EOF:  # compaction may end a partition with a gap
            self._positions[place] = max(self._positions[place], message.offset() or 0)
        elif error.fatal() or not error.retriable():
            raise KafkaException(error)
        return False

    def _record(self, message: Message) -> Record:
        return Record(
            topic=self._names[str(message.topic())],
            partition=int(message.partition() or 0),
            offset=int(message.offset() or 0),
            timestamp_ms=int(message.timestamp()[1]),
            key=_bytes(message.key()),
            value=_bytes(message.value()),
            headers={name: _bytes(raw) or b"" for name, raw in message.headers() or ()},
        )

    def _bounds(self) -> dict[Place, tuple[int, int]]:
        bounds = {}
        for name in self._names:
            for partition in topic_partitions(self._consumer, name, self._servers):
                bounds[name, partition] = bounds_of(self._consumer, name, partition)
        return bounds


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _consumer_config(settings: Settings) -> dict[str, Any]:
    return {
        **settings.librdkafka(),
        "group.id": f"{settings.group_prefix}cli",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
        "log_level": 0,
        "fetch.wait.max.ms": 50,
        "fetch.queue.backoff.ms": 5,
    }


def reach(settings: Settings) -> None:
    """Return once a broker answers; a refused connection counts after 2 s, silence after 10 s.

    Raises `BrokerUnreachableError`.
    """
    refused: list[str] = []

    def failed(error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            refused.append(error.str())

    admin = AdminClient({**settings.librdkafka(), "log_level": 0, "error_cb": failed})
    deadline = time.monotonic() + CONNECT_S
    rounds = 0
    while True:
        try:
            admin.list_topics(timeout=1.0)
        except KafkaException as error:
            rounds += 1
            admin.poll(0)
            if (refused and rounds >= REFUSALS) or time.monotonic() > deadline:
                raise _unreachable(settings.bootstrap_servers, error) from error
        else:
            return


def _unreachable(servers: str, error: KafkaException) -> BrokerUnreachableError:
    return BrokerUnreachableError(
        f"no Kafka broker answers at {servers} ({error.args[0].str()}); "
        "check --bootstrap-servers or HEADGATE_BOOTSTRAP_SERVERS, and that Kafka runs there"
    )


def topic_partitions(client: Any, name: str, servers: str) -> list[int]:
    """The partitions of a topic, asked through any confluent-kafka client."""
    try:
        found = client.list_topics(name, timeout=CONNECT_S).topics[name]
    except KafkaException as error:
        raise _unreachable(servers, error) from error
    if found.error is not None:
        raise TopicMissingError(
            f"topic {name} is not on {servers} ({found.error.str()}); "
            "run: headgate topics apply, or check --topic-prefix"
        )
    return sorted(found.partitions)


def require_topic(settings: Settings, topic: Topic) -> None:
    """Raises `TopicMissingError` where the broker has no such topic."""
    admin = AdminClient({**settings.librdkafka(), "log_level": 0})
    topic_partitions(admin, settings.topic(topic), settings.bootstrap_servers)


def read_to_end(settings: Settings, topic: Topic) -> list[Record]:
    """Every record of a topic as it stands, in order of time."""
    with TopicFollower(settings, [topic], "beginning") as follower:
        return sorted(follower.backlog(), key=lambda record: record.timestamp_ms)


def latest_statuses(settings: Settings) -> dict[str, ModelStatus]:
    """The newest status of each model, by name."""
    found: dict[str, ModelStatus] = {}
    for record in read_to_end(settings, Topic.STATUS):
        status = decode_status(record)
        if status is not None and newer(status, found.get(status.model)):
            found[status.model] = status
    return dict(sorted(found.items()))


def decode_status(record: Record) -> ModelStatus | None:
    """The status in a record; None for what is none."""
    try:
        return STATUS.decode(record.value)
    except BadValueError:
        return None


def audit_records(audit: TopicFollower) -> list[AuditRecord]:
    """What has come on `audit`; what is no audit record is left out."""
    records = []
    for row in audit.poll():
        with suppress(BadValueError):
            records.append(AUDIT.decode(row.value))
    return records


def newer(status: ModelStatus, than: ModelStatus | None) -> bool:
    """Whether a status is to be shown instead of another; a late one of a former owner is not."""
    return than is None or (status.revision, status.at_ms) >= (than.revision, than.at_ms)
