"""Virtual time: fleet, routers and the fold, one look after the other, without a broker.

Every entry goes through `release.fold.step` with an offset and a timestamp, as from the ledger.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from headgate.measure.cells import NOTHING, Cell
from headgate.measure.compiled import make_ready
from headgate.measure.windows import Row
from headgate.release.clocks import Position
from headgate.release.courses.comparing import of_rollout
from headgate.release.fold import step
from headgate.release.state import ModelState, PartitionState
from headgate.release.turn import Publish
from headgate.sim.ahead import Ahead
from headgate.sim.drawing import together
from headgate.sim.flows import Flow, Flows
from headgate.sim.panes import OpenPane
from headgate.sim.routers import Routers, SimulatedRouter
from headgate.sim.script import MODEL, OPERATOR, Script
from headgate.sim.telling import Telling, Told, turns
from headgate.sim.users import Users
from headgate.sim.world import World
from headgate.wire.acks import Ack
from headgate.wire.control import Command
from headgate.wire.ledger import AdmittedAck, AdmittedRequest, Entry, Progress, Tick
from headgate.wire.requests import AnyRequest
from headgate.wire.rollout_requests import Adopt, Rollback, StartRollout

WORKER = "simulated"
ACK_EVERY_MS = 5_000
LINGER_MS = 60_000

Listen = Callable[[Entry, Position], None]


class Simulation:
    """One run of a script under a policy. `listen` hears every entry as it is folded."""

    def __init__(
        self,
        script: Script,
        policy: dict[str, Any],
        *,
        seed: int,
        look_ms: int,
        listen: Listen | None = None,
    ) -> None:
        self.script, self._policy, self._look_ms, self.seed = script, policy, look_ms, seed
        self.world = World(script)
        self._start_ms = script.starts_ms
        self.now_ms = self._start_ms - script.before
        self.state = PartitionState(ledger_partition=0)
        users, serving, routing, slotting = np.random.SeedSequence(seed).spawn(4)
        self._delays = np.random.default_rng(routing)
        self._ahead = Ahead(
            np.random.default_rng(serving), self.world, look_ms, np.random.default_rng(slotting)
        )
        self.users = Users(script.users.count, script.users.spread, int(users.generate_state(1)[0]))
        self.routers = Routers(MODEL, script.routers.count, self.now_ms)
        self._flows = Flows(self.routers, self.users)
        self.pane = OpenPane(MODEL)
        self.telling = Telling(script, self.world, self.users)
        self.looks = 0
        self._listen = listen
        self._asked, self._acks = itertools.count(), itertools.count()
        self._numbers = itertools.count()
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._labels_after_ms = script.labels_after // look_ms * look_ms
        self._labels: deque[tuple[int, Row, Cell]] = deque()  # by when they come
        self._unread: list[tuple[int, dict[Row, Cell]]] = []
        self._acked_ms = 0
        self._telemetry_lost = False

    @property
    def model(self) -> ModelState | None:
        """The model as the fold knows it."""
        return self.state.models.get(MODEL)

    def run(self, progress: Callable[[float], None] | None = None) -> Told:
        """To the end of the script, or until nothing more can happen in it. Raises
        `MissingExtraError`.
        """
        make_ready()
        self._plan()
        end_ms = self._start_ms + self.script.lasts
        begun_ms, span_ms = self.now_ms, end_ms - self.now_ms
        last_asked_ms = self._last_asked_ms()
        while self.now_ms < end_ms:
            self._go_to(self.now_ms + self._look_ms)
            self._look()
            if progress is not None and self.looks % 500 == 0:
                progress((self.now_ms - begun_ms) / span_ms)
            if self.now_ms - self._start_ms > last_asked_ms and self._is_over():
                break
        self.routers.serve_until(self.now_ms)
        return self.telling.told(
            seed=self.seed, looks=self.looks, model=self.model, now_ms=self.now_ms
        )

    def _plan(self) -> None:
        """Put everything that the script says on the calendar."""
        adopt = Adopt(
            request_id="adopt",
            model=MODEL,
            operator=OPERATOR,
            issued_at_ms=self.now_ms,
            version=self.script.stable,
            policy=self._policy,
        )
        self._at(self.now_ms, partial(self._ask, adopt))
        for at_ms, request in self.script.asked():
            self._at(self._start_ms + at_ms, partial(self._ask, request))
        for fault in self.script.faults:
            for moment_ms in (fault.at, fault.until):
                if moment_ms is not None:
                    self._at(self._start_ms + moment_ms, self._follow_faults)
        for line in turns(self.script):
            self._at(self._start_ms + line.at_ms, partial(self.telling.lines.append, line))

    def _last_asked_ms(self) -> int:
        """When somebody last asks for what may change who serves though no rollout runs."""
        asked, kinds = self.script.asked(), (StartRollout, Rollback)
        return max([at for at, request in asked if isinstance(request, kinds)], default=0)

    def _at(self, at_ms: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (at_ms, next(self._numbers), action))

    def _go_to(self, until_ms: int) -> None:
        """Do what is due by then, each at its own time."""
        while self._due and self._due[0][0] <= until_ms:
            at_ms, _, action = heapq.heappop(self._due)
            self.now_ms = max(self.now_ms, at_ms)
            action()
        self.now_ms = until_ms

    def _feed(self, entry: Entry) -> None:
        at = Position(offset=self.state.next_offset, timestamp_ms=self.now_ms)
        if self._listen is not None:
            self._listen(entry, at)
        self.state, effects = step(self.state, entry, at)
        for effect in effects:
            if isinstance(effect, Publish):
                self._hear(effect.message)

    def _hear(self, message: object) -> None:
        self.telling.hear(message)
        if isinstance(message, Command):
            for router in self.routers.all:
                within_ms = self.script.routers.obey_within
                at_ms = self.now_ms + round(within_ms * float(self._delays.random()))
                self._at(at_ms, partial(self._obey, router, message))

    def _obey(self, router: SimulatedRouter, command: Command) -> None:
        if self.routers.obey(router, command, self.now_ms):
            self._feed(Tick(worker=WORKER, clock_ms=self.now_ms))
            self._say(router)

    def _say(self, router: SimulatedRouter) -> None:
        ack = router.ack(self.now_ms)
        if ack is not None:
            self._feed(self._admitted(ack))

    def _admitted(self, ack: Ack) -> AdmittedAck:
        return AdmittedAck(source_partition=0, source_offset=next(self._acks), ack=ack)

    def _ask(self, request: AnyRequest) -> None:
        self._feed(Tick(worker=WORKER, clock_ms=self.now_ms))
        offset = next(self._asked)
        self._feed(AdmittedRequest(source_partition=0, source_offset=offset, request=request))

    def _follow_faults(self) -> None:
        self.routers.serve_until(self.now_ms)
        faults = self.world.faults(self.now_ms - self._start_ms)
        self._telemetry_lost = any(fault.kind == "telemetry_lost" for fault in faults)
        for router in self.routers.all:
            mine = {f.kind for f in faults if not f.routers or router.name in f.routers}
            was_deaf = router.down or router.cut_off
            router.down, router.cut_off = "router_down" in mine, "router_cut_off" in mine
            router.muted = "acks_lost" in mine
            newest = self.model.command if self.model else None
            if was_deaf and newest is not None:
                self._obey(router, newest)

    def _look(self) -> None:
        """What came since the last look, then a tick."""
        self.looks += 1
        fresh = self._serve()
        if self._telemetry_lost:
            self._unread.append((self.now_ms, fresh))
        else:
            self._read([*self._unread, (self.now_ms, fresh)])
            self._unread = []
        if self.now_ms - self._acked_ms >= ACK_EVERY_MS:
            self._acked_ms = self.now_ms
            for router in self.routers.all:
                self._say(router)
        self._feed(Tick(worker=WORKER, clock_ms=self.now_ms))

    def _read(self, heard: Iterable[tuple[int, dict[Row, Cell]]]) -> None:
        """ingest: what has come is counted in the pane of its time and goes to the ledger."""
        rows = [self.pane.progress(self.now_ms)]
        self._feed(Progress(worker=WORKER, clock_ms=self.now_ms, partitions=tuple(rows)))
        for at_ms, fresh in heard:
            for row, cell in fresh.items():
                self.pane.add(row, cell, at_ms)
            for snapshot in self.pane.snapshots():
                self._feed(snapshot)

    def _serve(self) -> dict[Row, Cell]:
        """What the routers sent to each version since the last look, and what became of it."""
        model = self.model
        compared = model is not None and of_rollout(model) is not None
        heard = {
            flow.row: self._served(flow, compared=compared)
            for flow in self._flows.take(self.now_ms)
        }
        while self._labels and self._labels[0][0] <= self.now_ms:
            _, row, labels = self._labels.popleft()
            heard[row] = together(heard.get(row, NOTHING), labels)
        return heard

    def _served(self, flow: Flow, *, compared: bool) -> Cell:
        """What is heard at once of what went to one arm of a split; labels may come later."""
        at_ms = self.now_ms - self._start_ms
        sent = self._ahead.take(flow, at_ms, compared=compared)
        for router, count in zip(flow.routers, sent.requests, strict=True):
            router.choose(flow.row, count)
        served = sent.served
        self.telling.served(flow.table, flow.arm, sum(sent.requests), served.failed, at_ms)
        if not self._labels_after_ms:
            return served.at_once()
        self._labels.append((self.now_ms + self._labels_after_ms, flow.row, served.labels))
        return served.outcomes

    def _is_over(self) -> bool:
        """No rollout runs, every router obeys, a minute has passed, and nothing turns later."""
        model = self.model
        if model is None or model.rollout is not None or model.recovery is not None:
            return False
        command = model.command
        if command is None or self.now_ms - command.issued_at_ms <= LINGER_MS:
            return False
        if any(self._start_ms + change.at > command.issued_at_ms for change in self.script.changes):
            return False
        return all(table.revision >= command.revision for table in self.routers.in_use())
