"""ingest: folds batches of outcomes into panes and publishes the panes. It has no rules.

What may be committed is the offset of the record that opened the open pane, once the panes and
dead letters before it are confirmed; so a successor reads the open pane again and nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from faust.exceptions import ProducerSendError
from faust.types import TP

from headgate.measure.columns import BadRecord
from headgate.measure.panes import Pane
from headgate.measure.source import SourcePartition
from headgate.pipeline.app import make_app
from headgate.pipeline.continuity import Continuity, HoleError
from headgate.pipeline.fetching import Batch
from headgate.pipeline.ingest_records import IngestRecords
from headgate.pipeline.letters import letter_record
from headgate.pipeline.process import Process
from headgate.pipeline.sending import CONFIRM_TIMEOUT_S, send, send_confirmed
from headgate.vocabulary import Topic
from headgate.wire.ledger import PartitionProgress

MAX_UNCONFIRMED_LETTERS = 2000
# Publishing many rows may take this part of the time at the most; then the interval stretches.
_PUBLISHING_SHARE = 0.2

log = structlog.get_logger(__name__)


@dataclass
class IngestStats:
    """Counters and gauges for /metrics; `lag` is by source partition."""

    outcomes: int = 0
    bad: int = 0
    batches: int = 0
    bytes: int = 0
    snapshots: int = 0
    panes_open: int = 0
    holes: int = 0
    fold_seconds: float = 0.0
    publish_seconds: float = 0.0
    lag: dict[int, int] = field(default_factory=dict)


@dataclass
class _Source:
    """A source partition in this worker's hands; `lock` keeps a pane's publications in order."""

    tp: TP
    state: SourcePartition
    continuity: Continuity
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    letters: list[Any] = field(default_factory=list)


class Ingest:
    """The Faust app on `outcomes`."""

    def __init__(self, process: Process) -> None:
        self.stats = IngestStats()
        self._settings = settings = process.settings
        self._now_ms = process.now_ms
        self._fatal = process.fatal
        self._outcomes = settings.topic(Topic.OUTCOMES)
        self._records = IngestRecords(settings, process.ledger_partitions)
        self._sources: dict[int, _Source] = {}
        self.app = make_app(settings, "ingest", fetched_topic=self._outcomes, fatal=process.fatal)
        self._wire_up()

    def _wire_up(self) -> None:
        app = self.app
        topic = app.topic(self._outcomes, value_serializer="raw", key_serializer="raw")
        app.agent(topic, name="ingest", concurrency=1)(self._consume)
        app.task(self._publish_forever)
        app.task(self._report_forever)
        app.on_partitions_revoked.connect(self._on_revoked, weak=False)

    async def _consume(self, stream: Any) -> None:
        async for event in stream.events():
            await self._guarded(self._take(event.message, event.value))

    async def _guarded(self, work: Any) -> None:
        """After a failure nothing is committed any more and the process ends."""
        try:
            await work
        except Exception as error:
            self.app.consumer.poison()
            if not self.app.should_stop:
                self._fatal("ingest could not finish a batch", error)
            log.warning("unfinished_at_the_end", error=repr(error))

    async def _take(self, message: Any, batch: Batch) -> None:
        if message.generation_id != self.app.consumer_generation_id:
            return
        source = self._sources.get(message.partition) or await self._open(message.tp)
        if not await self._is_due(source, batch):
            return
        batch = batch.since(source.state.next_offset)
        if not batch.offsets:
            return
        async with source.lock:
            started = time.perf_counter()
            folded = source.state.fold(batch.values, batch.offsets, batch.timestamps_ms)
            self.stats.fold_seconds += time.perf_counter() - started
            self.stats.batches += 1
            self.stats.outcomes += folded.outcomes
            self.stats.bytes += folded.bytes
            await self._send_letters(source, batch, folded.bad)
            for pane in folded.closed:
                await self._publish(pane, final=True)
            if folded.closed:
                await self._mark(source)

    async def _open(self, tp: TP) -> _Source:
        """Begin where the group's commit stands: at the record that opened a pane."""
        state = SourcePartition(tp.partition, self._settings.max_pairs_per_pane)
        state.next_offset = await self.app.consumer.start_offset(tp, CONFIRM_TIMEOUT_S)
        source = self._sources[tp.partition] = _Source(tp, state, Continuity(self.app, tp))
        self.stats.panes_open = len(self._sources)
        log.info("source_partition_opened", partition=tp.partition, offset=state.next_offset)
        return source

    async def _is_due(self, source: _Source, batch: Batch) -> bool:
        """Whether the batch goes on here; a hole of the log itself is counted and stepped over."""
        try:
            return await source.continuity.due(batch.offsets[0], source.state.next_offset)
        except HoleError as hole:
            self.stats.holes += 1
            log.warning("outcomes_missing", partition=source.tp.partition, what=str(hole))
            return True

    async def _mark(self, source: _Source) -> None:
        """Let the commit move to the open pane, once what came before it is confirmed."""
        await self._confirm_letters(source)
        pane = source.state.open
        if pane is not None:
            self.app.consumer.mark_committable(source.tp, pane.first_offset)

    async def _send_letters(self, source: _Source, batch: Batch, bad: Iterable[BadRecord]) -> None:
        for row in bad:
            record = batch.record(row.index)
            letter = letter_record(self._settings, source.tp, record, row.error)
            source.letters.append(await send(self.app, letter))
            self.stats.bad += 1
            if len(source.letters) >= MAX_UNCONFIRMED_LETTERS:
                await self._confirm_letters(source)

    async def _confirm_letters(self, source: _Source) -> None:
        letters, source.letters = source.letters, []
        if letters:
            await asyncio.wait_for(asyncio.gather(*letters), CONFIRM_TIMEOUT_S)

    async def _publish(self, pane: Pane, *, final: bool) -> None:
        """Send a pane's rows and wait for the confirmation."""
        started = time.perf_counter()
        rows = [self._records.snapshot(s, self._now_ms()) for s in pane.snapshots(final=final)]
        self.stats.publish_seconds += time.perf_counter() - started
        await send_confirmed(self.app, rows)
        self.stats.snapshots += len(rows)

    async def _publish_forever(self) -> None:
        """Every half second the changed rows of every open pane go to the ledger."""
        pause_s = self._settings.snapshot_interval_s
        while not self.app.should_stop:
            await self.app.sleep(pause_s)
            before_s = self.stats.publish_seconds
            await asyncio.gather(*map(self._publish_open, tuple(self._sources.values())))
            spent_s = self.stats.publish_seconds - before_s
            pause_s = max(self._settings.snapshot_interval_s, spent_s / _PUBLISHING_SHARE)

    async def _publish_open(self, source: _Source) -> None:
        async with source.lock:
            if self._sources.get(source.tp.partition) is source and source.state.open:
                await self._guarded(self._publish(source.state.open, final=False))

    async def _report_forever(self) -> None:
        """Every two seconds each ledger partition learns how far ingest has come."""
        while not self.app.should_stop:
            await self.app.sleep(self._settings.progress_interval_s)
            if self.app.rebalancing or self.app.should_stop:
                continue
            try:
                await self._report()
            except (TimeoutError, KafkaError, ProducerSendError) as error:
                log.warning("progress_not_written", error=repr(error))

    async def _report(self) -> None:
        consumer = self.app.consumer
        mine = sorted(tp for tp in consumer.assignment() if tp.topic == self._outcomes)
        if not mine:
            return
        known = tuple(self._sources.values())
        folded = [(source, source.state.next_offset) for source in known]
        ends = await consumer.end_offsets(mine)
        for read, next_offset in folded:
            if ends.get(read.tp, next_offset) < next_offset:
                await self._begin_again(read)
        rows = []
        for tp in mine:
            source = self._sources.get(tp.partition)
            next_offset = source.state.next_offset if source else await consumer.start_offset(tp)
            row = PartitionProgress(
                source_partition=tp.partition,
                next_offset=next_offset,
                end_offset=max(ends[tp], next_offset),
                pane_time_ms=source.state.pane_time_ms if source else 0,
            )
            rows.append(row)
        self.stats.lag = {row.source_partition: row.end_offset - row.next_offset for row in rows}
        await send_confirmed(self.app, self._records.progress(rows, self._now_ms()))

    async def _begin_again(self, source: _Source) -> None:
        """The log ends below what was read of it, so it was reset: what it has now is new."""
        if self._sources.get(source.tp.partition) is source:
            log.warning("outcomes_reset", partition=source.tp.partition)
            del self._sources[source.tp.partition]
            start = await self.app.consumer.start_offset(source.tp)
            await self.app.consumer.seek(source.tp, start)

    async def _on_revoked(self, _: Any, revoked: Iterable[TP], **__: Any) -> None:
        """Faust has waited for the batch in hand: commit what is marked, drop what was open."""
        await self._guarded(self.app.consumer.commit())
        self._sources.clear()
        self.stats.lag = {}
        self.stats.panes_open = 0
        log.info("source_partitions_revoked", partitions=sorted(tp.partition for tp in revoked))
