"""Faust on batches: one event per fetched batch, and offsets that the agents themselves commit.

A stock agent pays for every record; here a fetched batch of a partition is one event whose value
is the list of aiokafka records. Nothing is committed but what an agent has marked: Faust's own
bookkeeping of acknowledgements begins with a hole when a batch begins at offset 0, and the whole
partition would be read again after a rebalance.
"""

from __future__ import annotations

import asyncio
import gc
from collections import OrderedDict
from collections.abc import Awaitable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from aiokafka.consumer.fetcher import FetchResult
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

T = TypeVar("T")

MAX_BATCH_RECORDS = 4000
_MAX_BATCHES_IN_HAND = 4
_BROKER_ANSWERS_WITHIN_S = 5.0


class _NoReadOffsets(dict[TP, int | None]):
    """Faust drops what lies below its read offsets; agents skip repeats by offset themselves."""

    def __getitem__(self, _: TP) -> None:
        return None


class _FetchedAsRead(OrderedDict[Any, Any]):
    """aiokafka's fetched results; those of `topics` keep their records as its C code reads them.

    A `ConsumerRecord` costs as much again as reading; without it a record has `offset`,
    `timestamp`, `key`, `value` and `headers`, and no topic and partition.
    """

    def __init__(self, topics: Collection[str]) -> None:
        super().__init__()
        self._topics = topics

    def __setitem__(self, tp: Any, result: Any) -> None:
        if tp.topic in self._topics and isinstance(result, FetchResult):
            result._partition_records._consumer_record = _as_read
        super().__setitem__(tp, result)


def _as_read(_: Any, record: Any) -> Any:
    return record


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to the broker."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust fixes 1500 ms, and a fetch that waits on idle partitions holds up the busy ones.
        consumer._fetch_max_wait_ms = transport.fetch_wait_ms
        return consumer

    async def on_start(self) -> None:
        """Start the client, and take records as they are read where agents can."""
        await super().on_start()
        fetcher = self._ensure_consumer()._fetcher
        if fetcher is not None:
            fetcher._records = _FetchedAsRead(self.transport.plain_topics)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        mine = {tp: offset for tp, offset in offsets.items() if tp in self.assignment()}
        return bool(mine) and bool(await super()._commit(mine))

    async def ask(self, question: Awaitable[T], within_s: float) -> T:
        """Run in this thread's loop, beside the fetch; raises TimeoutError without an answer."""
        answer = asyncio.run_coroutine_threadsafe(_awaited(question), self.thread_loop)
        return await asyncio.wait_for(asyncio.wrap_future(answer), within_s)


class BatchConsumer(driver.Consumer):
    """A consumer whose events are batches and whose commits are marked offsets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._marked: dict[TP, int] = {}
        self._poisoned = False
        self._read_offset = _NoReadOffsets()

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
        """Where reading of a partition starts: at the commit, or where the log begins."""
        consumer = self._thread._ensure_consumer()
        committed = await self._thread.ask(consumer.committed(tp), within_s)
        begins = await self._thread.ask(consumer.beginning_offsets([tp]), within_s)
        return max(int(committed or 0), *map(int, begins.values()))

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Agents commit in the callback; marks of a former assignment mean nothing after it."""
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._marked.pop(tp, None)

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
        fetched = await super()._getmany(active_partitions, timeout)
        batched = self.transport.batch_topics
        return {
            tp: [records] if tp.topic in batched and records else records
            for tp, records in fetched.items()
        }

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        if not isinstance(record, list):
            return super()._to_message(tp, record)
        last = record[-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
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

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps between batches mean nothing here."""


class BatchTransport(driver.Transport):
    """Delivers the records of `batch_topics` in batches; other topics one by one.

    Those of `plain_topics` are aiokafka's plain records, which know no topic and partition.
    """

    Consumer = BatchConsumer

    def __init__(
        self,
        url: Any,
        app: Any,
        *,
        batch_topics: Iterable[str],
        plain_topics: Iterable[str] = (),
        fetch_wait_ms: int,
    ) -> None:
        super().__init__(url, app)
        self.batch_topics = frozenset(batch_topics)
        self.plain_topics = frozenset(plain_topics)
        self.fetch_wait_ms = fetch_wait_ms


async def _awaited(question: Awaitable[T]) -> T:
    return await question
