"""A stand-in for a worker on the embedded broker: it answers requests on `audit`, as told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, Producer, TopicPartition

from headgate.config import Settings
from headgate.vocabulary import Topic
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import encode
from headgate.wire.messages import REQUEST
from headgate.wire.requests import AnyRequest

Answers = Callable[[AnyRequest], Iterable[AuditRecord]]
PARTITIONS = 4


def answer(request: AnyRequest, event: str = "accepted", **fields: Any) -> AuditRecord:
    """The audit record of a request's outcome."""
    row: dict[str, Any] = {
        "audit_id": f"x-{request.request_id}",
        "model": request.model,
        "event": event,
        "at_ms": request.issued_at_ms,
        "sentence": f"{type(request).__name__} {event}.",
        "request_id": request.request_id,
        "operator": request.operator,
    }
    return AuditRecord(**{**row, **fields})


class Responder:
    """Reads every request and publishes what `answers` makes of it. A context manager.

    `requests` holds what was asked, `headers` the records' headers.
    """

    def __init__(self, settings: Settings, answers: Answers) -> None:
        self._settings = settings
        self._answers = answers
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.requests: list[AnyRequest] = []
        self.headers: list[dict[str, bytes]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        settings = self._settings
        producer = Producer({**settings.librdkafka(), "linger.ms": 0})
        # Topics first: a consumer that is assigned one that is not there yet waits and retries.
        for topic in (Topic.REQUESTS, Topic.AUDIT, Topic.LEDGER, Topic.STATUS, Topic.CONTROL):
            producer.list_topics(settings.topic(topic), timeout=10)
        consumer = Consumer({**settings.librdkafka(), "group.id": "t", "fetch.wait.max.ms": 20})
        name = settings.topic(Topic.REQUESTS)
        consumer.assign([TopicPartition(name, partition, 0) for partition in range(PARTITIONS)])
        self._ready.set()
        while not self._stop.is_set():
            message = consumer.poll(0.05)
            if message is None or message.error():
                continue
            request = REQUEST.decode(message.value())
            self.requests.append(request)
            self.headers.append(dict(message.headers() or ()))
            for record in self._answers(request):
                producer.produce(settings.topic(Topic.AUDIT), encode(record), record.model)
            producer.flush(10)
        consumer.close()


def publish(settings: Settings, topic: Topic, *values: tuple[str, bytes]) -> None:
    """Write keyed values and wait until they lie on the broker."""
    producer = Producer({**settings.librdkafka(), "linger.ms": 0})
    deadline = time.monotonic() + 30
    for key, value in values:
        producer.produce(settings.topic(topic), value, key)
    while producer.flush(1):
        assert time.monotonic() < deadline
