"""An in-memory Kafka, publisher and router for tests of a fleet or a gateway.

    bus = InMemoryBus()
    bus.set_split("support-agent", [("v2", 500), ("v1", 9500)])
    with MemoryRouter(bus) as router, MemoryPublisher(bus) as publisher:
        serve(router, publisher)
    assert bus.outcomes[0].latency_ms is not None

The choosing, checking, counting and label code is the real one; only Kafka is not there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Self

from headgate.sdk.board import SplitBoard
from headgate.sdk.split import Choice, FallbackSplit, SplitTable
from headgate.sdk.writer import BUFFER_FULL, CLOSED, UNSENT_AT_CLOSE, OutcomeWriter
from headgate.vocabulary import Action
from headgate.wire.acks import Ack
from headgate.wire.control import Command, Weight
from headgate.wire.messages import OUTCOME
from headgate.wire.outcomes import Outcome


class InMemoryBus:
    """What the topics hold: `outcomes`, `acks`, and the newest command of each model.

    `go_away` cuts off everyone, `come_back` lets them catch up, as with a real Kafka.
    """

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.acks: list[Ack] = []
        self.commands: dict[str, Command] = {}
        self.available = True
        self._routers: list[MemoryRouter] = []
        self._publishers: list[MemoryPublisher] = []

    def send(self, command: Command) -> None:
        """Put a command on the control topic; started routers obey before this returns."""
        self.commands[command.model] = command
        self._deliver(command)

    def set_split(
        self, model: str, weights: Sequence[tuple[str, int]], *, salt: str = "test"
    ) -> Command:
        """Send the next revision with (version, basis points) in order, candidates first."""
        before = self.commands.get(model)
        revision = 1 if before is None else before.revision + 1
        command = Command(
            model=model,
            revision=revision,
            action=Action.SET_WEIGHTS,
            weights=tuple(Weight(version=version, weight=weight) for version, weight in weights),
            salt=salt,
            decision_id=f"{model}-{revision}",
            issued_at_ms=_now_ms(),
        )
        self.send(command)
        return command

    def go_away(self) -> None:
        self.available = False

    def come_back(self) -> None:
        self.available = True
        for publisher in self._publishers:
            publisher.drain()
        for command in self.commands.values():
            self._deliver(command)

    def join(self, client: MemoryRouter | MemoryPublisher) -> None:
        """Called by the clients of this module."""
        if isinstance(client, MemoryPublisher):
            self._publishers.append(client)
        elif client not in self._routers:
            self._routers.append(client)

    def leave(self, router: MemoryRouter) -> None:
        if router in self._routers:
            self._routers.remove(router)

    def _deliver(self, command: Command) -> None:
        if self.available:
            for router in list(self._routers):
                router.obey(command)


class MemoryPublisher(OutcomeWriter):
    """`Publisher` without Kafka: accepted outcomes are on `bus.outcomes` at once."""

    def __init__(self, bus: InMemoryBus, *, buffer_size: int = 100_000) -> None:
        super().__init__()
        self._bus = bus
        self._buffer_size = buffer_size
        self._buffer: deque[bytes] = deque()
        self._closed = False
        bus.join(self)

    def close(self, timeout_s: float = 5.0) -> int:
        """As `Publisher.close`, without waiting."""
        self._closed = True
        left = len(self._buffer)
        self._buffer.clear()
        for _ in range(left):
            self._lose(UNSENT_AT_CLOSE)
        return left

    def drain(self) -> None:
        """Deliver what waits; the bus calls it when it comes back."""
        while self._buffer:
            try:
                value = self._buffer.popleft()
            except IndexError:  # another thread took the last one
                return
            self._bus.outcomes.append(OUTCOME.decode(value))
            self._delivered.tick()

    def _hand_over(self, key: bytes, value: bytes) -> str | None:
        if self._closed:
            return CLOSED
        if len(self._buffer) >= self._buffer_size:
            return BUFFER_FULL
        self._buffer.append(value)
        if self._bus.available:
            self.drain()
        return None


class MemoryRouter:
    """`Router` without Kafka: obeys each command of the bus at once, acks on `bus.acks`."""

    def __init__(
        self,
        bus: InMemoryBus,
        *,
        models: Sequence[str] | None = None,
        fallback: Mapping[str, FallbackSplit] | None = None,
        router_id: str = "memory-router",
    ) -> None:
        self.router_id = router_id
        self._bus = bus
        self._board = SplitBoard(
            router_id, models=models, fallback=fallback, started_at_ms=_now_ms()
        )
        self._started = False
        self._current = False

    def start(self, timeout_s: float = 10.0) -> bool:
        """Read the current splits; False where the bus is away."""
        self._bus.join(self)
        self._started = True
        if self._bus.available:
            for command in list(self._bus.commands.values()):
                self._board.apply(command)
            self._current = True
            self.acknowledge()
        return self._current

    def choose(self, model: str, key: str, pin: str | None = None) -> Choice:
        """As `Router.choose`."""
        return self._board.choose(model, key, pin)

    def splits(self) -> dict[str, SplitTable]:
        """As `Router.splits`."""
        return self._board.tables()

    @property
    def is_current(self) -> bool:
        return self._current

    def obey(self, command: Command) -> None:
        """Take in a command and acknowledge a change; the bus calls it."""
        self._current = True
        if self._board.apply(command):
            self._bus.acks += self._board.acks(_now_ms(), models={command.model})

    def acknowledge(self) -> None:
        """What the real router does every 5 s."""
        if self._bus.available:
            self._bus.acks += self._board.acks(_now_ms())

    def close(self, timeout_s: float = 5.0) -> None:
        """Say goodbye."""
        if self._started and self._bus.available:
            self._bus.acks += self._board.acks(_now_ms(), goodbye=True)
        self._started = False
        self._bus.leave(self)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.close()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
