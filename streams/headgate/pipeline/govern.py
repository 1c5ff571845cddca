"""govern: folds the ledger, sends what the fold decides, and keeps checkpoints. It has no rules."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog
from faust.types import TP

from headgate.keyfiles import load_key
from headgate.measure.compiled import make_ready
from headgate.pipeline.app import make_app
from headgate.pipeline.checkpoint_store import CheckpointStore
from headgate.pipeline.continuity import Continuity, HoleError
from headgate.pipeline.process import Process
from headgate.pipeline.sending import CONFIRM_TIMEOUT_S, Record, send_confirmed
from headgate.release.checkpoints import StateName
from headgate.release.clocks import Position
from headgate.release.fold import Unreadable, step
from headgate.release.records import OutRecord, records_of
from headgate.release.state import PartitionState
from headgate.release.turn import RUNBOOK, Effect, Publish
from headgate.vocabulary import ANY_MODEL, AlertKind, AlertState, Severity, Topic
from headgate.wire.alerts import Alert
from headgate.wire.codec import BadValueError, encode
from headgate.wire.headers import cloud_event_headers
from headgate.wire.ledger import Entry, Tick
from headgate.wire.messages import ENTRY
from headgate.wire.signatures import CONTROL

YIELD_EVERY = 50

log = structlog.get_logger(__name__)


@dataclass
class GovernStats:
    """Counters and gauges for /metrics."""

    entries: int = 0
    unreadable: int = 0
    decisions: int = 0
    alerts: int = 0
    checkpoints: int = 0
    fold_seconds: float = 0.0
    revisions: dict[str, int] = field(default_factory=dict)
    next_offsets: dict[int, int] = field(default_factory=dict)


@dataclass
class _Owned:
    """A ledger partition in this worker's hands; replaced only once outputs are confirmed."""

    state: PartitionState
    names: dict[str, StateName]
    saved_offset: int
    continuity: Continuity


class Govern:
    """The Faust app that decides."""

    def __init__(self, process: Process) -> None:
        make_ready()
        self.stats = GovernStats()
        self._settings = settings = process.settings
        self._now_ms = process.now_ms
        self._fatal = process.fatal
        self._ledger = settings.topic(Topic.LEDGER)
        key_file = settings.control_key_file
        self._signer = load_key(key_file, CONTROL).signer if key_file else None
        self._owned: dict[int, _Owned] = {}
        self._saving = asyncio.Lock()
        self.app = make_app(settings, "govern", [self._ledger], fatal=process.fatal)
        self._store = CheckpointStore(self.app, ledger_partitions=process.ledger_partitions)
        self._wire_up()

    def _wire_up(self) -> None:
        app = self.app
        topic = app.topic(self._ledger, value_serializer="raw", key_serializer="raw")

        @app.agent(topic, name="govern", concurrency=1)
        async def govern(stream: Any) -> None:
            async for event in stream.events():
                try:
                    await self._fold_batch(event.message, event.value)
                except Exception as error:
                    self._fatal("govern could not fold a batch", error)

        app.task(self._tick_forever)
        app.timer(interval=self._settings.checkpoint_interval_s)(self._save_all)
        app.on_partitions_revoked.connect(self._on_revoked, weak=False)
        app.on_partitions_assigned.connect(self._on_assigned, weak=False)
        app.on_before_shutdown.connect(self._on_shutdown, weak=False)

    async def _fold_batch(self, message: Any, records: list[Any]) -> None:
        if message.generation_id != self.app.consumer_generation_id:
            return
        partition = message.partition
        owned = self._owned.get(partition) or await self._load(partition)
        try:
            if not await owned.continuity.due(records[0].offset, owned.state.next_offset):
                return
        except HoleError as hole:
            await self._stop_at_hole(partition, hole)
            return
        started = time.perf_counter()
        state, effects = owned.state, []
        due = (record for record in records if record.offset >= owned.state.next_offset)
        for number, record in enumerate(due):
            state, made = self._step(state, record)
            effects.extend(made)
            if number % YIELD_EVERY == YIELD_EVERY - 1:
                await asyncio.sleep(0)
        out = records_of(effects, state)
        self.stats.fold_seconds += time.perf_counter() - started
        await send_confirmed(self.app, (self._record(row) for row in out))
        owned.state = state
        self._count(partition, state, effects)

    def _step(self, state: PartitionState, record: Any) -> tuple[PartitionState, list[Effect]]:
        entry: Entry | Unreadable
        try:
            entry = ENTRY.decode(record.value)
        except BadValueError as error:
            self.stats.unreadable += 1
            entry = Unreadable(path=error.path, reason=error.reason)
        self.stats.entries += 1
        return step(state, entry, Position(offset=record.offset, timestamp_ms=record.timestamp))

    def _record(self, row: OutRecord) -> Record:
        headers = row.headers
        if row.topic is Topic.CONTROL and self._signer is not None:
            headers = [*headers, *self._signer.headers(row.value)]
        name = self._settings.topic(row.topic)
        return Record(topic=name, key=row.key, value=row.value, headers=headers)

    def _count(self, partition: int, state: PartitionState, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Publish):
                self.stats.decisions += effect.topic is Topic.CONTROL
                self.stats.alerts += effect.topic is Topic.ALERTS
        self.stats.next_offsets[partition] = state.next_offset
        for name, model in state.models.items():
            if model.command is not None:
                self.stats.revisions[name] = model.command.revision

    async def _load(self, partition: int) -> _Owned:
        """The newest checkpoint, or nothing where a ledger begins at offset 0."""
        loaded = self._store.load(partition)
        state = loaded.state if loaded else PartitionState(ledger_partition=partition)
        tp = TP(self._ledger, partition)
        ends = await self.app.consumer.end_offsets([tp], CONFIRM_TIMEOUT_S)
        if ends.get(tp, state.next_offset) < state.next_offset:
            await self._stop_at_hole(partition, HoleError(state.next_offset, ends[tp]))
        names = loaded.names if loaded else {}
        owned = _Owned(state, names, state.next_offset, Continuity(self.app, tp))
        self._owned[partition] = owned
        log.info("ledger_partition_loaded", partition=partition, next_offset=state.next_offset)
        return owned

    async def _stop_at_hole(self, partition: int, hole: HoleError) -> None:
        """The ledger and the checkpoints do not meet: stop, because decisions would be wrong."""
        sentence = (
            f"Ledger partition {partition} goes on at offset {hole.found}, but its newest "
            f"checkpoint needs it from {hole.expected}: records were lost or the topic was reset. "
            "Headgate stops. Restore the topic, or reset both ledger and checkpoint changelog."
        )
        alert = Alert(
            alert_id=f"a-{partition}-{hole.expected}-ledger-hole",
            kind=AlertKind.LEDGER_HOLE,
            state=AlertState.FIRING,
            severity=Severity.CRITICAL,
            model=ANY_MODEL,
            sentence=sentence,
            runbook=f"{RUNBOOK}{AlertKind.LEDGER_HOLE}",
            at_ms=self._now_ms(),
            numbers={
                "ledger_partition": partition,
                "expected": hole.expected,
                "found": hole.found,
            },
        )
        record = Record(
            topic=self._settings.topic(Topic.ALERTS),
            key=ANY_MODEL.encode(),
            value=encode(alert),
            headers=cloud_event_headers(
                event_id=alert.alert_id,
                event_type="alert",
                source=f"headgate/{self._settings.worker_id}",
                time_ms=alert.at_ms,
                subject=ANY_MODEL,
            ),
        )
        await send_confirmed(self.app, [record])
        self._fatal(sentence, None)

    async def _save_all(self) -> None:
        """Checkpoint every partition that moved on, then let the offsets be committed."""
        async with self._saving:
            for partition, owned in tuple(self._owned.items()):
                state = owned.state
                if state.next_offset == owned.saved_offset:
                    continue
                try:
                    owned.names = await self._store.save(state, owned.names)
                except Exception as error:
                    self._fatal("govern could not write a checkpoint", error)
                owned.saved_offset = state.next_offset
                tp = TP(self._ledger, partition)
                self.app.consumer.mark_committable(tp, state.next_offset)
                self.stats.checkpoints += 1
        await self.app.consumer.commit()

    async def _on_revoked(self, _: Any, revoked: Iterable[TP], **__: Any) -> None:
        if self._owned:
            await self._save_all()
        self._owned.clear()
        self.stats.next_offsets.clear()
        self.stats.revisions.clear()
        log.info("ledger_partitions_revoked", partitions=sorted(tp.partition for tp in revoked))

    async def _on_assigned(self, _: Any, assigned: Iterable[TP], **__: Any) -> None:
        mine = [tp.partition for tp in assigned if tp.topic == self._ledger]
        self._store.forget_all_but(mine)
        log.info("ledger_partitions_assigned", partitions=sorted(mine))

    async def _on_shutdown(self, _: Any, **__: Any) -> None:
        await self._save_all()

    async def _tick_forever(self) -> None:
        """Make time pass on every ledger partition that is this worker's."""
        while not self.app.should_stop:
            await self.app.sleep(self._settings.tick_interval_s)
            if self.app.rebalancing or self.app.should_stop:
                continue
            mine = [tp for tp in self.app.consumer.assignment() if tp.topic == self._ledger]
            try:
                await send_confirmed(self.app, [self._tick(tp.partition) for tp in mine])
            except Exception as error:
                log.warning("tick_not_written", error=repr(error))

    def _tick(self, partition: int) -> Record:
        clock_ms = self._now_ms()
        tick = Tick(worker=self._settings.worker_id, clock_ms=clock_ms)
        return Record(
            topic=self._ledger,
            key=b"tick",
            value=encode(tick),
            partition=partition,
            headers=cloud_event_headers(
                event_id=f"tick-{self._settings.worker_id}-{partition}-{clock_ms}",
                event_type="ledger",
                source=f"headgate/{self._settings.worker_id}",
                time_ms=clock_ms,
                subject="tick",
            ),
        )
