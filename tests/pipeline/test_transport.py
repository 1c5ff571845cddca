"""What the batch transport commits: marked offsets, and nothing after a failure."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from headgate.config import Settings
from headgate.pipeline.app import make_app

TOPIC = "headgate.outcomes"
ONE, TWO = TP(TOPIC, 0), TP(TOPIC, 1)


@pytest.fixture
def consumer() -> Any:
    return make_app(Settings(), "ingest", [TOPIC]).consumer


def committable(consumer: Any, topics: set[Any] | None = None) -> dict[TP, int]:
    found: dict[TP, int] = consumer._filter_committable_offsets(
        consumer._filter_tps_with_pending_acks(topics)
    )
    return found


def test_only_marked_offsets_are_committed(consumer: Any) -> None:
    consumer._acked[ONE].append(4_000)
    consumer._acked[TWO].append(7_000)
    assert committable(consumer) == {}
    consumer.mark_committable(ONE, 17)
    assert committable(consumer) == {ONE: 17}
    assert committable(consumer, {TWO}) == {}
    assert committable(consumer, {TOPIC}) == {ONE: 17}


def test_acknowledgements_do_not_pile_up(consumer: Any) -> None:
    for offset in range(100):
        consumer._acked[ONE].append(offset)
        consumer._acked_index[ONE].add(offset)
    committable(consumer)
    assert not consumer._acked[ONE]
    assert not consumer._acked_index[ONE]


def test_an_offset_is_not_committed_again(consumer: Any) -> None:
    consumer.mark_committable(ONE, 17)
    consumer._committed_offset[ONE] = 17
    assert committable(consumer) == {}
    consumer.mark_committable(ONE, 18)
    assert committable(consumer) == {ONE: 18}


def test_after_a_failure_nothing_is_committed(consumer: Any) -> None:
    consumer.mark_committable(ONE, 17)
    consumer.poison()
    consumer.mark_committable(TWO, 18)
    assert committable(consumer) == {}


def test_a_batch_is_one_message_at_its_last_offset(consumer: Any) -> None:
    records = [
        SimpleNamespace(offset=offset, timestamp=5_000 + offset, timestamp_type=1, value=b"x")
        for offset in (7, 8, 11)
    ]
    message = consumer._to_message(ONE, records)
    assert (message.topic, message.partition, message.offset) == (TOPIC, 0, 11)
    assert message.value is records
    assert message.timestamp == 5.011


def test_faust_never_drops_a_batch_for_its_read_offsets(consumer: Any) -> None:
    consumer._read_offset[ONE] = 5_000
    consumer._read_offset.update({TWO: 6_000})
    assert consumer._read_offset[ONE] is None
    assert consumer._read_offset[TWO] is None


@pytest.mark.parametrize("where", ["fetcher", "consumer", "thread"])
def test_whatever_crashes_inside_faust_ends_the_process(where: str) -> None:
    ended: list[BaseException | None] = []

    async def crash() -> None:
        app: Any = make_app(
            Settings(), "ingest", [TOPIC], fatal=lambda _, error: ended.append(error)
        )
        parts = {"fetcher": app._fetcher, "consumer": app.consumer, "thread": app.consumer._thread}
        await parts[where].crash(RuntimeError("the broker refused"))

    asyncio.run(crash())
    assert [str(error) for error in ended] == ["the broker refused"]


def test_a_fetch_that_fails_while_the_consumer_closes_does_not_keep_the_worker_up(
    consumer: Any,
) -> None:
    closed = []

    async def stop() -> None:
        raise asyncio.CancelledError  # as aiokafka's fetcher does, in its pause after a failure

    async def close() -> None:
        closed.append("client")

    async def ended() -> None:
        thread = consumer._new_consumer_thread()
        thread._consumer = SimpleNamespace(stop=stop, _client=SimpleNamespace(close=close))
        await thread.on_thread_stop()

    asyncio.run(ended())
    assert closed == ["client"]
