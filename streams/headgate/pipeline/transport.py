"""Faust on batches: one event per fetched batch, and offsets that the agents themselves commit.

A stock agent pays for every record; here a fetched batch of a partition is one event whose value
is the list of aiokafka records, or the `Batch` that librdkafka read. Nothing is committed but
what an agent has marked: Faust's own bookkeeping of acknowledgements begins with a hole when a
batch begins at offset 0, and the whole partition would be read again after a rebalance.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from headgate.pipeline.consumer_thread import BatchConsumerThread
from headgate.pipeline.fetching import Batch, Fetching
from headgate.pipeline.recovering import RecoveryWatch

MAX_BATCH_RECORDS = 4000
_MAX_BATCHES_IN_HAND = 4
_BROKER_ANSWERS_WITHIN_S = 5.0
_TIMESTAMP_TYPE = 1  # nobody reads a batch's

log = structlog.get_logger(__name__)


class _NoReadOffsets(dict[TP, int | None]):
    """Faust drops what lies below its read offsets; agents skip repeats by offset themselves."""

    def __getitem__(self, _: TP) -> None:
        return None


class BatchConsumer(driver.Consumer):
    """A consumer whose events are batches and whose commits are marked offsets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._marked: dict[TP, int] = {}
        self._poisoned = False
        self._fetching: Fetching | None = self.transport.fetching
        self._read_offset = _NoReadOffsets()
        self._recovery = RecoveryWatch(self.app.tables, self._next_offset)

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def mark_committable(self, tp: TP, offset: int) -> None:
        """Let the next commit say that everything of `tp` below `offset` is done."""
        self._marked[tp] = offset

    def poison(self) -> None:
        """Never commit anything again: a batch has failed."""
        self._poisoned = True

    async def end_offsets(
        self, tps: Collection[TP], within_s: float = _BROKER_ANSWERS_WITHIN_S
    ) -> dict[TP, int]:
        """Where each partition ends, asked of the broker; raises TimeoutError without an answer."""
        consumer = self._thread._ensure_consumer()
        found = await self._thread.ask(consumer.end_offsets(list(tps)), within_s)
        return {TP(*tp): offset for tp, offset in found.items()}

    async def start_offset(self, tp: TP, within_s: float = _BROKER_ANSWERS_WITHIN_S) -> int:
        """Where reading of a partition starts: at the commit, or where the log begins.

        A log that ends below the commit is another log: it was deleted and made again, or cut.
        """
        consumer = self._thread._ensure_consumer()
        committed = int(await self._thread.ask(consumer.committed(tp), within_s) or 0)
        found = await self._thread.ask(consumer.beginning_offsets([tp]), within_s)
        begin, end = int(found[tp]), (await self.end_offsets([tp], within_s))[tp]
        if committed > end:
            log.warning("log_was_reset", partition=tp.partition, committed=committed, end=end)
            return begin
        return max(committed, begin)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Agents commit in the callback; marks of a former assignment mean nothing after it."""
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._marked.pop(tp, None)
        self._forget_fetched()

    async def perform_seek(self) -> None:
        """Everything is read from the commits again; Faust may have dropped what it fetched."""
        await super().perform_seek()
        self._forget_fetched()

    async def on_stop(self) -> None:
        """Finish what agents have in hand, then let go of the broker."""
        await super().on_stop()
        if self._fetching is not None:
            self._fetching.close()

    async def _seek(self, partition: TP, offset: int) -> None:
        if self._fetching is not None and self.transport.is_fetched(partition):
            await self._fetching.read(partition.partition, offset)
        else:
            await super()._seek(partition, offset)

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109  # Faust's name
        """Fetch, or wait for partitions: a member that has none is to take over one day."""
        self._thread.stay_a_member()
        if self.flow_active:
            dropped = await self._recovery.dropped()
            if dropped:
                await self.seek_wait(dropped)
        return await super()._wait_next_records(timeout)

    async def _next_offset(self, tp: TP) -> int | None:
        """Where aiokafka reads on; None where it has no answer at once."""
        if tp not in self.assignment():
            return None
        question = self._thread._ensure_consumer().position(tp)
        try:
            return int(await self._thread.ask(question, _BROKER_ANSWERS_WITHIN_S))
        except (TimeoutError, KafkaError):
            return None

    def _forget_fetched(self) -> None:
        if self._fetching is not None:
            self._fetching.forget()

    async def _getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109  # Faust passes it by name
    ) -> Any:
        """Fetch, unless agents have batches enough: Faust's own pressure valve stalls a second."""
        waited = 0
        while len(self._unacked_messages) >= _MAX_BATCHES_IN_HAND:
            if not self.flow_active or self.should_stop:
                return {}
            await asyncio.sleep(0.001)
            waited += 1
            if waited % 1000 == 0:
                gc.collect()  # a batch that Faust skipped may live on in a cycle
        if self._fetching is not None:
            return await self._getmany_fetched(self._fetching, active_partitions, timeout)
        fetched = await super()._getmany(active_partitions, timeout)
        batched = self.transport.batch_topics
        return {
            tp: [records] if tp.topic in batched and records else records
            for tp, records in fetched.items()
        }

    async def _getmany_fetched(
        self, fetching: Fetching, active_partitions: set[TP] | None, within_s: float
    ) -> dict[TP, list[Batch]]:
        """The next batch of each partition that is assigned, or nothing after `within_s`."""
        until_s = time.monotonic() + within_s
        while self.flow_active and not self.should_stop and time.monotonic() < until_s:
            await self._follow_assignment(fetching)
            taken = {TP(fetching.topic, p): batch for p, batch in (await fetching.take()).items()}
            for tp in [tp for tp in taken if active_partitions and tp not in active_partitions]:
                await fetching.read(tp.partition, taken.pop(tp).offsets[0])
            if taken:
                return {tp: [batch] for tp, batch in taken.items()}
        return {}

    async def _follow_assignment(self, fetching: Fetching) -> None:
        """Read every assigned partition, a new one from where the group left it."""
        mine = {tp.partition: tp for tp in self.assignment() if self.transport.is_fetched(tp)}
        for gone in fetching.partitions - mine.keys():
            await fetching.drop(gone)
        for partition in mine.keys() - fetching.partitions:
            try:
                await fetching.read(partition, await self.start_offset(mine[partition]))
            except (TimeoutError, KafkaError) as error:
                log.warning("start_unknown", partition=partition, error=repr(error))

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        if isinstance(record, Batch):
            offset, timestamp_ms = record.offsets[-1], record.timestamps_ms[-1]
        elif isinstance(record, list):
            offset, timestamp_ms = record[-1].offset, record[-1].timestamp
        else:
            return super()._to_message(tp, record)
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            offset,
            timestamp_ms / 1000.0,
            _TIMESTAMP_TYPE,
            [],
            None,
            record,
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    def _filter_tps_with_pending_acks(
        self, topics: Collection[TP | str] | None = None
    ) -> Iterator[TP]:
        """Every partition that has acknowledgements to drop or an offset to commit."""
        if self._poisoned:
            return iter(())
        known: Iterable[TP] = {*self._acked, *self._marked}
        return (tp for tp in known if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        """The marked offset; Faust's acknowledgements, kept in its C code, would grow for ever."""
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return self._marked.get(tp)

    def _should_commit(self, tp: TP, offset: int) -> bool:
        """Whatever differs, a lower offset too: a log that was reset begins again."""
        return bool(offset != self._committed_offset[tp])

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps between batches mean nothing here."""


class BatchTransport(driver.Transport):
    """Delivers the records of `batch_topics` in batches; other topics one by one.

    With `fetching` librdkafka reads that topic and its events are `Batch`es.
    """

    Consumer = BatchConsumer

    def __init__(
        self,
        url: Any,
        app: Any,
        *,
        batch_topics: Iterable[str],
        fetch_wait_ms: int,
        fetching: Fetching | None = None,
    ) -> None:
        super().__init__(url, app)
        self.batch_topics = frozenset(batch_topics)
        self.fetch_wait_ms = fetch_wait_ms
        self.fetching = fetching

    def is_fetched(self, tp: TP) -> bool:
        """Whether librdkafka reads this partition."""
        return self.fetching is not None and tp.topic == self.fetching.topic
