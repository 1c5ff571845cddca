"""Sends a router's acknowledgements; late or lost ones are replaced by the next."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaException, Producer

from headgate.sdk import kafka as clients
from headgate.wire.acks import Ack
from headgate.wire.codec import encode
from headgate.wire.headers import cloud_event_headers

log = logging.getLogger("headgate.sdk")


class AckSender:
    """Keyed by model, with CloudEvents headers; used by one thread."""

    def __init__(self, config: clients.Config, topic: str) -> None:
        self._topic = topic
        self._producer: Any = Producer(dict(config), logger=clients.log)
        self._numbers = itertools.count()

    def send(self, acks: Iterable[Ack]) -> None:
        """Hand over without waiting; what does not fit is dropped, the next one says it again."""
        for ack in acks:
            headers = cloud_event_headers(
                event_id=f"{ack.router_id}-{ack.started_at_ms}-{next(self._numbers)}",
                event_type="ack",
                source=f"router/{ack.router_id}",
                time_ms=ack.timestamp_ms,
                subject=ack.model,
            )
            try:
                self._producer.produce(self._topic, encode(ack), ack.model, headers=headers)
            except (BufferError, KafkaException) as error:
                log.warning("an ack for model %s was not sent: %s", ack.model, error)
                return

    def poll(self) -> None:
        self._producer.poll(0)

    def flush(self, timeout_s: float) -> None:
        self._producer.flush(max(0.0, timeout_s))
