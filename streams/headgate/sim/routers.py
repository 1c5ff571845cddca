"""Routers in virtual time: they obey a while after a command, serve meanwhile, and acknowledge.

What a router knows is the SDK's own board; only the requests are counted by the look instead of
one by one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from headgate.sdk.board import SplitBoard
from headgate.sdk.split import SplitTable
from headgate.wire.acks import Ack, Choices
from headgate.wire.control import Command

MAX_CHOICES = 64


@dataclass
class SimulatedRouter:
    """One router. `down`: it serves nothing. `cut_off`: it serves what it knew. `muted`: its acks
    are lost. `load` is what it has served of the model's traffic, in seconds, under each revision.
    """

    name: str
    board: SplitBoard
    started_at_ms: int
    down: bool = False
    cut_off: bool = False
    muted: bool = False
    load: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    chosen: Counter[tuple[int, str]] = field(default_factory=Counter)

    def table(self, model: str) -> SplitTable | None:
        """The split in use."""
        return self.board.table(model)

    def ack(self, model: str, at_ms: int) -> Ack | None:
        """What it says, if anything gets through."""
        table = self.table(model)
        if table is None or self.down or self.cut_off or self.muted:
            return None
        newest = sorted(self.chosen, reverse=True)[:MAX_CHOICES]
        return Ack(
            router_id=self.name,
            model=model,
            revision=table.revision,
            decision_id=table.decision_id,
            started_at_ms=self.started_at_ms,
            timestamp_ms=at_ms,
            choices=tuple(
                Choices(version=key[1], revision=key[0], count=self.chosen[key]) for key in newest
            ),
        )


class Routers:
    """All routers of a model; those that are up share its traffic evenly."""

    def __init__(self, model: str, count: int, now_ms: int) -> None:
        self.model = model
        self.all = [
            SimulatedRouter(name, SplitBoard(name, models=[model]), now_ms)
            for name in (f"router-{number}" for number in range(1, count + 1))
        ]
        self.newest: Command | None = None
        self.tables: dict[int, SplitTable] = {}
        self._until_ms = now_ms

    def named(self, names: tuple[str, ...]) -> Iterator[SimulatedRouter]:
        """These routers, or all where none is named."""
        return (router for router in self.all if not names or router.name in names)

    def obey(self, router: SimulatedRouter, command: Command, at_ms: int) -> bool:
        """Let a router take a command in; False where it was not heard or is no news."""
        if router.down or router.cut_off:
            return False
        self.serve_until(at_ms)
        if not router.board.apply(command):
            return False
        table = router.table(self.model)
        if table is not None:
            self.tables[table.revision] = table
        return True

    def serve_until(self, at_ms: int) -> None:
        """Let the routers serve what has come since the last time, each under its own split."""
        up = [router for router in self.all if not router.down]
        for router in up:
            table = router.table(self.model)
            if table is not None:
                router.load[table.revision] += (at_ms - self._until_ms) / 1000 / len(up)
        self._until_ms = at_ms

    def in_use(self) -> Iterator[SplitTable]:
        """The split of every router that serves."""
        for router in self.all:
            table = router.table(self.model)
            if table is not None and not router.down:
                yield table

    def take_loads(self) -> dict[int, list[tuple[SimulatedRouter, float]]]:
        """Under each revision what each router has served since the last call, in seconds."""
        loads: dict[int, list[tuple[SimulatedRouter, float]]] = {}
        for router in self.all:
            for revision, seconds in router.load.items():
                loads.setdefault(revision, []).append((router, seconds))
            router.load.clear()
        return dict(sorted(loads.items()))
