"""Splits a fleet's traffic by the control topic, and reports which split it obeys."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from headgate.sdk import kafka as clients
from headgate.sdk.ackers import AckSender
from headgate.sdk.board import SplitBoard
from headgate.sdk.feed import ControlFeed
from headgate.sdk.follower import Follower, now_ms
from headgate.sdk.split import MAX_NAME, Choice, FallbackSplit, SplitTable
from headgate.sdk.verifying import command_check
from headgate.vocabulary import Topic
from headgate.wire.control import Command

log = logging.getLogger("headgate.sdk")
_numbers = itertools.count(1)
_all: weakref.WeakSet[Router] = weakref.WeakSet()


class Router:
    """Chooses versions by the newest split of the control topic.

    `start` reads the current split; afterwards a background thread follows the topic, keeps the
    last known split while Kafka is away, and acknowledges on every change and every
    `ack_interval_s`. `close` says goodbye. Use it as a (sync or async) context manager.

    `models`: follow and acknowledge only these (default: every model on the topic).
    `fallback`: per model a version, or (version, basis points) pairs, served as revision 0 until
    a command is known. `on_split(command)` is called in the background thread after a command has
    taken effect. `kafka` adds librdkafka settings and wins over the defaults.

    `public_keys`: obey only commands signed with one of these keys (two while they rotate); needs
    `headgate[signing]`. Others are refused, counted in `refused` and told in every ack.

    Threads and event loops may share one router. Servers that fork workers may construct it
    before the fork, but must start it after: in a child that would never hear of a rollback
    `choose` and `start` raise `ForkedError`. Raises `InvalidSplitError` for a bad fallback.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        models: Sequence[str] | None = None,
        fallback: Mapping[str, FallbackSplit] | None = None,
        router_id: str | None = None,
        topic_prefix: str = "headgate.",
        kafka: clients.Config | None = None,
        ack_interval_s: float = 5.0,
        on_split: Callable[[Command], None] | None = None,
        public_keys: Sequence[str] | None = None,
    ) -> None:
        if router_id is not None and not 1 <= len(router_id) <= MAX_NAME:
            raise ValueError(
                f"router_id has {len(router_id)} characters; it must have 1-{MAX_NAME}"
            )
        self._given_id = router_id
        self.router_id = router_id or _default_id()
        self._bootstrap = bootstrap_servers
        self._prefix = topic_prefix
        self._kafka = kafka
        self._ack_interval_s = ack_interval_s
        self._on_split = on_split
        self._fault = command_check(public_keys) if public_keys is not None else None
        self._board = SplitBoard(
            self.router_id, models=models, fallback=fallback, started_at_ms=now_ms()
        )
        self._choose: Callable[..., Choice] = self._board.choose
        self._running: Follower | None = None
        self._forked = False
        self._lock = threading.Lock()
        _all.add(self)

    def start(self, timeout_s: float = 10.0) -> bool:
        """Read the current split; True once the topic has been read to its end.

        False after `timeout_s` without that: fallbacks serve, and the router goes on trying.
        Raises `confluent_kafka.KafkaException` for a bad setting.
        """
        with self._lock:
            if self._forked:
                raise clients.ForkedError(self.router_id)
            running = self._running = self._running or self._launch()
        current = running.caught_up.wait(timeout_s)
        if not current:
            log.warning(
                "router %s: the current split was not read within %g s; serving fallbacks",
                self.router_id,
                timeout_s,
            )
        running.announcing.set()
        return current

    def choose(self, model: str, key: str, pin: str | None = None) -> Choice:
        """The version that serves a request of `key` (a user or session id; keys stick).

        A `pin` is served whatever the split says, as revision 0: it did not follow the split, so
        it is compared with no other arm. Only one to a retired version, whose hosts may be gone,
        follows the split. Raises `UnknownModelError` for a model without a
        command, fallback or pin.
        """
        return self._choose(model, key, pin)

    def splits(self) -> dict[str, SplitTable]:
        """The split in use per model (revision 0: a fallback)."""
        return self._board.tables()

    @property
    def is_current(self) -> bool:
        """Whether the control topic has been read to its end since the start."""
        running = self._running
        return running is not None and running.caught_up.is_set()

    @property
    def refused(self) -> int:
        """How many records of the control topic were not signed as `public_keys` ask."""
        return self._board.refused

    def close(self, timeout_s: float = 5.0) -> None:
        """Say goodbye and stop; choosing goes on working with the last known splits."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.stop(timeout_s)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def _launch(self) -> Follower:
        feed = ControlFeed(
            clients.control_consumer(
                self._bootstrap, f"headgate-router-{self.router_id}", self._kafka
            ),
            f"{self._prefix}{Topic.CONTROL}",
            self._fault,
        )
        acker = AckSender(
            clients.ack_producer(self._bootstrap, self._kafka), f"{self._prefix}{Topic.ACKS}"
        )
        return Follower(self._board, feed, acker, self._ack_interval_s, self._on_split)

    def _forget_parent(self) -> None:
        """In a forked child: the client's threads stayed in the parent."""
        self._lock = threading.Lock()
        if self._running is not None:
            clients.leave_to_parent(self._running)
            self._running = None
            self._forked = True
            self._choose = self._refuse
        elif self._given_id is None:
            self.router_id = _default_id()
            self._board.router_id = self.router_id

    def _refuse(self, model: str, key: str, pin: str | None = None) -> Choice:
        raise clients.ForkedError(self.router_id)


def _default_id() -> str:
    """Host and process, so that a restarted container takes its predecessor's place."""
    number = next(_numbers)
    return f"{socket.gethostname()[:96]}-{os.getpid()}" + (f"-{number}" if number > 1 else "")


def _after_fork() -> None:
    for router in list(_all):
        router._forget_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
