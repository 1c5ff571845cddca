"""The thread of a consumer that talks to the broker: membership, commits, questions, its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from aiokafka import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

T = TypeVar("T")


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to the broker."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust fixes 1500 ms, and a fetch that waits on idle partitions holds up the busy ones.
        consumer._fetch_max_wait_ms = transport.fetch_wait_ms
        return consumer

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Leave the partitions that librdkafka reads to it."""
        fetched = [TopicPartition(*tp) for tp in assigned if self.transport.is_fetched(tp)]
        if fetched:
            self._ensure_consumer().pause(*fetched)
        await super().on_partitions_assigned(assigned, generation_id)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust would miss aiokafka's fetches of what librdkafka reads."""
        if not self.transport.is_fetched(tp):
            super().verify_event_path(now, tp)

    async def on_thread_stop(self) -> None:
        """Let go of the broker. aiokafka lets out the cancellation of a fetch that was failing just
        when it closed; the thread would end with it, and whoever waits for the thread never.
        """
        try:
            await super().on_thread_stop()
        except asyncio.CancelledError:
            if self._consumer is not None:
                await self._consumer._client.close()

    def stay_a_member(self) -> None:
        """aiokafka leaves a group from which nobody fetches for long, and never joins it again."""
        if self._consumer is not None:
            self._consumer._subscription._last_fetch_ended = time.monotonic()

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        mine = {tp: offset for tp, offset in offsets.items() if tp in self.assignment()}
        return bool(mine) and bool(await super()._commit(mine))

    async def ask(self, question: Awaitable[T], within_s: float) -> T:
        """Run in this thread's loop, beside the fetch; raises TimeoutError without an answer."""
        answer = asyncio.run_coroutine_threadsafe(_awaited(question), self.thread_loop)
        return await asyncio.wait_for(asyncio.wrap_future(answer), within_s)


async def _awaited(question: Awaitable[T]) -> T:
    return await question
