"""Routers in virtual time: they obey a while after a command, serve meanwhile, and acknowledge.

What a router knows is the SDK's own board; only the requests are counted by the look instead of
one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from headgate.measure.windows import Row
from headgate.sdk.board import SplitBoard
from headgate.sdk.split import SplitTable
from headgate.wire.acks import Ack, Choices
from headgate.wire.control import Command

MAX_CHOICES = 64


@dataclass(eq=False)
class SimulatedRouter:
    """One router. `down`: it serves nothing. `cut_off`: it serves what it knew. `muted`: its acks
    are lost. `chosen` is what it has sent where, the newest split first.
    """

    model: str
    board: SplitBoard
    started_at_ms: int
    table: SplitTable | None = None
    down: bool = False
    cut_off: bool = False
    muted: bool = False
    chosen: dict[Row, Choices] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its id."""
        return self.board.router_id

    def obey(self, command: Command) -> bool:
        """Take a command in; False where it is no news."""
        if not self.board.apply(command):
            return False
        self.table = self.board.table(self.model)
        return True

    def choose(self, row: Row, requests: int) -> None:
        """Count requests that it sent to a version under a revision."""
        known = self.chosen.get(row)
        count = known.count + requests if known is not None else requests
        self.chosen[row] = Choices(version=row[0], revision=row[1], count=count)
        if known is None:
            newest = sorted(self.chosen, key=lambda row: (row[1], row[0]), reverse=True)
            self.chosen = {row: self.chosen[row] for row in newest}

    def ack(self, at_ms: int) -> Ack | None:
        """What it says, if anything gets through."""
        table = self.table
        if table is None or self.down or self.cut_off or self.muted:
            return None
        return Ack(
            router_id=self.name,
            model=self.model,
            revision=table.revision,
            decision_id=table.decision_id,
            started_at_ms=self.started_at_ms,
            timestamp_ms=at_ms,
            choices=tuple(self.chosen.values())[:MAX_CHOICES],
        )


# Under each revision so many seconds of the model's traffic of each router.
Loads = dict[int, dict[SimulatedRouter, float]]


class Routers:
    """All routers of a model; those that are up share its traffic evenly."""

    def __init__(self, model: str, count: int, now_ms: int) -> None:
        self.all = [
            SimulatedRouter(model, SplitBoard(name, models=[model]), now_ms)
            for name in (f"router-{number}" for number in range(1, count + 1))
        ]
        self.tables: dict[int, SplitTable] = {}
        self._until_ms = now_ms
        self._served = _none_served()
        self._steady: tuple[int, Loads] | None = None  # of looks of so many ms without a change

    def obey(self, router: SimulatedRouter, command: Command, at_ms: int) -> bool:
        """Let a router take a command in; False where it was not heard or is no news."""
        if router.down or router.cut_off:
            return False
        self.serve_until(at_ms)
        if not router.obey(command):
            return False
        if router.table is not None:
            self.tables[router.table.revision] = router.table
        return True

    def serve_until(self, at_ms: int) -> None:
        """Let the routers serve what has come since the last time, each under its own split.

        To be called before anything changes about them.
        """
        self._serve(at_ms)
        self._steady = None

    def _serve(self, at_ms: int) -> None:
        up = [router for router in self.all if not router.down]
        for router in up:
            if router.table is not None:
                share = (at_ms - self._until_ms) / 1000 / len(up)
                self._served[router.table.revision][router] += share
        self._until_ms = at_ms

    def in_use(self) -> Iterator[SplitTable]:
        """The split of every router that serves."""
        for router in self.all:
            if router.table is not None and not router.down:
                yield router.table

    def take_loads(self, at_ms: int) -> Loads:
        """What each router has served since the last call; the same object as long as that is the
        same.
        """
        span_ms, changed = at_ms - self._until_ms, bool(self._served)
        if self._steady is not None and self._steady[0] == span_ms:
            self._until_ms = at_ms
            return self._steady[1]
        self._serve(at_ms)
        served, self._served = self._served, _none_served()
        loads = {
            revision: {router: seconds[router] for router in self.all if router in seconds}
            for revision, seconds in sorted(served.items())
        }
        self._steady = None if changed else (span_ms, loads)
        return loads


def _none_served() -> defaultdict[int, defaultdict[SimulatedRouter, float]]:
    return defaultdict(lambda: defaultdict(float))
