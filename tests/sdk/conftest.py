"""The embedded broker with plain readers and writers, and a port where Kafka comes later."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from headgate.local.embedded import EmbeddedBroker
from headgate.vocabulary import Action
from headgate.wire.acks import Ack
from headgate.wire.codec import encode
from headgate.wire.control import Command, Weight
from headgate.wire.headers import Headers
from headgate.wire.messages import ACK, OUTCOME
from headgate.wire.outcomes import Outcome
from headgate.wire.signatures import Signer

DEADLINE_S = 20.0


class Broker:
    """The embedded broker with what routers and publishers meet there; `stop` is for good."""

    def __init__(self) -> None:
        self._embedded = EmbeddedBroker()
        self.bootstrap_servers = self._embedded.bootstrap_servers
        self.stop = self._embedded.stop

    def answers(self) -> bool:
        host, port = self.bootstrap_servers.split(":")
        try:
            socket.create_connection((host, int(port)), timeout=1.0).close()
        except OSError:
            return False
        return True

    def write(
        self, topic: str, key: str, value: bytes | None, headers: Headers | None = None
    ) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        producer.produce(topic, value, key, headers=headers)
        assert producer.flush(DEADLINE_S) == 0

    def command(self, command: Command, signer: Signer | None = None) -> None:
        value = encode(command)
        headers = signer.headers(value) if signer else None
        self.write("headgate.control", command.model, value, headers)

    def read(self, topic: str, enough: Callable[[list[bytes]], bool]) -> list[tuple[bytes, bytes]]:
        """All (key, value) of a topic as soon as the values are `enough`."""
        consumer = Consumer(
            {"bootstrap.servers": self.bootstrap_servers, "group.id": "test", "log_level": 0}
        )
        found: list[tuple[bytes, bytes]] = []
        deadline = time.monotonic() + DEADLINE_S
        try:
            partitions: list[int] = []
            while not partitions and time.monotonic() < deadline:
                partitions = list(consumer.list_topics(topic, timeout=5).topics[topic].partitions)
            consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
            while not enough([value for _, value in found]):
                assert time.monotonic() < deadline, f"not enough on {topic}: {found}"
                message = consumer.poll(0.1)
                if message is not None and message.error() is None:
                    found.append((message.key(), message.value()))
        finally:
            consumer.close()
        return found

    def acks(self, enough: Callable[[list[Ack]], bool]) -> list[Ack]:
        def judged(values: list[bytes]) -> bool:
            return enough([ACK.decode(value) for value in values])

        return [ACK.decode(value) for _, value in self.read("headgate.acks", judged)]

    def outcomes(self, count: int) -> list[Outcome]:
        found = self.read("headgate.outcomes", lambda values: len(values) >= count)
        return [OUTCOME.decode(value) for _, value in found]


class Relay:
    """Passes connections on from a port that nobody answered before."""

    def __init__(self, port: int, target: str) -> None:
        host, target_port = target.split(":")
        self._target = (host, int(target_port))
        self._server = socket.create_server(("127.0.0.1", port))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        for one in (self._server, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                server = socket.create_connection(self._target)
                self._open += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65_536):
            sink.sendall(chunk)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def broker() -> Iterator[Broker]:
    one = Broker()
    yield one
    one.stop()


@pytest.fixture
def silent_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def relay() -> Iterator[Callable[[int, str], Relay]]:
    started: list[Relay] = []

    def start(port: int, target: str) -> Relay:
        started.append(Relay(port, target))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def wait_for() -> Callable[[Callable[[], bool]], None]:
    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true in time"
            time.sleep(0.02)

    return wait


@pytest.fixture
def command() -> Callable[..., Command]:
    def make(
        revision: int,
        *weights: tuple[str, int],
        model: str = "agent",
        salt: str = "rollout-1",
        decision_id: str = "",
    ) -> Command:
        return Command(
            model=model,
            revision=revision,
            action=Action.SET_WEIGHTS,
            weights=tuple(Weight(version=version, weight=weight) for version, weight in weights),
            salt=salt,
            decision_id=decision_id or f"decision-{revision}",
            issued_at_ms=1_000,
        )

    return make
