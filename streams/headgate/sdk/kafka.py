"""librdkafka settings of the SDK's clients, and one logger for what they say."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Mapping
from typing import Any

SAME_AGAIN_S = 30.0


class OncePerWhile(logging.Filter):
    """Lets one line of a kind through per `SAME_AGAIN_S`: librdkafka repeats itself for as long
    as a broker is away. The first argument of its lines is the kind (`FAIL`, `ERROR`, ...).
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind = str(record.args[0]) if isinstance(record.args, tuple) and record.args else record.msg
        if record.created - self._last.get(kind, 0.0) < SAME_AGAIN_S:
            return False
        self._last[kind] = record.created
        return True


log = logging.getLogger("headgate.sdk.kafka")
log.addFilter(OncePerWhile())

Config = Mapping[str, Any]

_CLIENT: dict[str, Any] = {
    "client.id": "headgate-sdk",
    "socket.keepalive.enable": True,
    "reconnect.backoff.max.ms": 2_000,
    "log.connection.close": False,
}


def outcome_producer(bootstrap_servers: str, buffer_size: int, kafka: Config | None) -> Config:
    """Durable and without duplicates by retry; 1 KiB of memory per buffered outcome at most."""
    return {
        **_CLIENT,
        "bootstrap.servers": bootstrap_servers,
        "enable.idempotence": True,  # acks=all; a retry must not count an outcome twice
        "compression.type": "lz4",
        "linger.ms": 20,
        "queue.buffering.max.messages": buffer_size,
        "queue.buffering.max.kbytes": max(1024, buffer_size),
        **(kafka or {}),
    }


def ack_producer(bootstrap_servers: str, kafka: Config | None) -> Config:
    """An ack is worth something for seconds only, and a repeated one does no harm."""
    return {
        **_CLIENT,
        "bootstrap.servers": bootstrap_servers,
        "linger.ms": 5,
        "message.timeout.ms": 10_000,
        "queue.buffering.max.messages": 10_000,
        **(kafka or {}),
        "enable.idempotence": False,  # settings are shared, and a fatal error would silence it
    }


def control_consumer(bootstrap_servers: str, group: str, kafka: Config | None) -> Config:
    """Partitions are assigned by hand; `group` is never joined and commits nothing."""
    return {
        **_CLIENT,
        "bootstrap.servers": bootstrap_servers,
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
        "allow.auto.create.topics": False,
        "fetch.wait.max.ms": 100,
        "socket.timeout.ms": 10_000,  # a half-open connection must not hide a rollback for long
        **(kafka or {}),
    }


class ForkedError(RuntimeError):
    """A router that was started before its process forked is used in the child."""

    def __init__(self, router_id: str) -> None:
        super().__init__(
            f"router {router_id} was started before this process forked, so it would never hear "
            "of a rollback here: start it in each worker, after the fork"
        )


def leave_to_parent(client: object) -> None:
    """Keep a forked client for ever: destroying it waits for threads that only the parent has."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(client))
