"""Publishes outcomes to Kafka beside serving: bounded, never blocking, counting what it drops."""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import Any, Self

from confluent_kafka import KafkaError, KafkaException, Producer

from headgate.sdk import kafka as clients
from headgate.sdk.writer import (
    BUFFER_FULL,
    CLOSED,
    FAILED,
    FORKED,
    UNSENT_AT_CLOSE,
    OutcomeWriter,
)
from headgate.vocabulary import Topic

POLL_S = 0.1
PAUSE_AFTER_FAILURE_S = 1.0
_PURGED = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)

_all: weakref.WeakSet[Publisher] = weakref.WeakSet()


class Publisher(OutcomeWriter):
    """Outcomes into the outcomes topic, keyed by request id.

    `publish`, `record` and `label` take microseconds from any thread or event loop; delivery
    happens in the background (idempotent, acks=all, lz4, 20 ms linger). At most `buffer_size`
    outcomes wait; what comes on top is dropped and counted in `stats`. Close it, or use it as a
    (sync or async) context manager, or what waits at exit is lost. After a fatal error of its
    client what waited counts as `failed`, and a new client goes on.

    Its client starts with `start`, `with` or the first outcome. Servers that fork workers may
    construct it before the fork, but must not use it before: what a child then publishes is
    dropped and counted as `forked`. `kafka` adds librdkafka settings (security, linger.ms, ...)
    and wins over the defaults. Raises `confluent_kafka.KafkaException` for a bad setting, never
    for an absent Kafka.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        topic_prefix: str = "headgate.",
        buffer_size: int = 100_000,
        kafka: clients.Config | None = None,
    ) -> None:
        super().__init__()
        if buffer_size < 1:
            raise ValueError(f"buffer_size is {buffer_size}; it must be at least 1 outcome")
        self._topic = f"{topic_prefix}{Topic.OUTCOMES}"
        self._config = clients.outcome_producer(bootstrap_servers, buffer_size, kafka)
        Producer(dict(self._config), logger=clients.log)  # a bad setting is to fail here
        self._refusal: str | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._producer: Any = None
        self._poller: threading.Thread | None = None
        _all.add(self)

    def start(self) -> None:
        """Start the client now, so that the first outcome does not pay for it (some 10 ms)."""
        with self._lock:
            if self._producer is None and self._refusal is None:
                self._producer = Producer(dict(self._config), logger=clients.log)
                self._poller = threading.Thread(
                    target=self._serve_deliveries, name="headgate-publisher", daemon=True
                )
                self._poller.start()

    def close(self, timeout_s: float = 5.0) -> int:
        """Send what waits, for `timeout_s` at most; returns how many outcomes were given up.

        Blocks: from a coroutine use `async with` or `asyncio.to_thread(publisher.close)`.
        """
        with self._lock:
            refused_before, self._refusal = self._refusal, self._refusal or CLOSED
        if refused_before or self._poller is None:
            return 0
        self._stop.set()
        self._poller.join()
        producer, deadline = self._producer, time.monotonic() + timeout_s
        if not _flushed(producer, timeout_s):
            producer.purge()
            _flushed(producer, max(0.1, deadline - time.monotonic()))
        self._producer = None
        return self._dropped[UNSENT_AT_CLOSE].read()

    def __enter__(self) -> Self:
        self.start()
        return self

    async def __aenter__(self) -> Self:
        self.start()
        return self

    def _serve_deliveries(self) -> None:
        while not self._stop.is_set():
            try:
                self._producer.poll(POLL_S)
            except KafkaException:  # fatal: this client takes nothing any more
                self._begin_again()

    def _begin_again(self) -> None:
        """Give up what waits, because some of it may lie on the broker, and go on anew."""
        self._producer.purge()
        _flushed(self._producer, PAUSE_AFTER_FAILURE_S)
        self._stop.wait(PAUSE_AFTER_FAILURE_S)
        self._producer = Producer(dict(self._config), logger=clients.log)

    def _hand_over(self, key: bytes, value: bytes) -> str | None:
        if self._refusal is not None:
            return self._refusal
        if self._producer is None:
            self.start()
        try:
            self._producer.produce(self._topic, value, key, on_delivery=self._delivery)
        except BufferError:
            return BUFFER_FULL
        return None

    def _delivery(self, error: KafkaError | None, _message: object) -> None:
        if error is None:
            self._delivered.tick()
        elif self._stop.is_set() and error.code() in _PURGED:
            self._lose(UNSENT_AT_CLOSE)
        else:
            self._lose(FAILED, error.name())

    def _forget_parent(self) -> None:
        """In a forked child: the client's threads and what waits stayed in the parent."""
        self._lock = threading.Lock()
        if self._producer is not None:
            clients.leave_to_parent(self._producer)
            self._producer = None
            self._refusal = FORKED
            self._reset_counts()


def _flushed(producer: Any, timeout_s: float) -> bool:
    """Whether nothing waits any more; False too where the client falls to a fatal error."""
    try:
        return not producer.flush(timeout_s)
    except KafkaException:
        return False


def _after_fork() -> None:
    for publisher in list(_all):
        publisher._forget_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
