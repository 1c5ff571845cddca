"""What librdkafka reads for an agent: every record from the position that was set, and no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import wraps

import pytest
from confluent_kafka import Producer

from headgate.local.embedded import EmbeddedBroker
from headgate.pipeline.fetching import Batch, Fetching

TOPIC = "numbers"
PER_PARTITION = 300


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    with EmbeddedBroker() as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
        for number in range(PER_PARTITION):
            for partition in range(3):
                at_ms = 1_000 + number
                producer.produce(TOPIC, f"{partition}:{number}", None, partition, timestamp=at_ms)
            if number % 10 == 0:
                producer.flush(10)
        assert producer.flush(10) == 0
        yield broker.bootstrap_servers


def in_loop(test: Callable[[str], Coroutine[None, None, None]]) -> Callable[[str], None]:
    """A test in an event loop of its own."""

    @wraps(test)
    def run(servers: str) -> None:
        asyncio.run(test(servers))

    return run


@asynccontextmanager
async def fetching(servers: str, max_records: int = 4_000) -> AsyncIterator[Fetching]:
    made = Fetching(TOPIC, {"bootstrap.servers": servers, "group.id": "none"}, max_records)
    try:
        yield made
    finally:
        made.close()


async def read_until(done: Callable[[], bool], take: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(20):
        while not done():
            await take()


async def read_to_end(reader: Fetching, *partitions: int) -> dict[int, Batch]:
    """Everything of these partitions until each has reached its end."""
    whole: dict[int, Batch] = {partition: Batch() for partition in partitions}

    async def take() -> None:
        for partition, batch in (await reader.take()).items():
            whole[partition].offsets += batch.offsets
            whole[partition].timestamps_ms += batch.timestamps_ms
            whole[partition].values += batch.values

    def done() -> bool:
        return all(
            part.offsets and part.offsets[-1] == PER_PARTITION - 1 for part in whole.values()
        )

    await read_until(done, take)
    return whole


@in_loop
async def test_every_record_comes_once_in_order_whatever_the_size_of_the_batches(
    servers: str,
) -> None:
    async with fetching(servers, max_records=70) as reader:
        for partition in range(3):
            await reader.read(partition, 0)
        whole = await read_to_end(reader, 0, 1, 2)
    for partition, batch in whole.items():
        assert batch.offsets == list(range(PER_PARTITION))
        assert batch.timestamps_ms == [1_000 + number for number in range(PER_PARTITION)]
        assert batch.values == [f"{partition}:{n}".encode() for n in range(PER_PARTITION)]


@in_loop
async def test_reading_again_begins_exactly_at_the_position_that_was_set(servers: str) -> None:
    async with fetching(servers, max_records=50) as reader:
        await reader.read(1, 100)
        first: list[int] = []

        async def take() -> None:
            for batch in (await reader.take()).values():
                first.extend(batch.offsets)

        await read_until(lambda: bool(first), take)
        assert first[0] == 100
        await reader.read(1, 290)
        assert (await read_to_end(reader, 1))[1].offsets == list(range(290, PER_PARTITION))


@in_loop
async def test_what_was_being_fetched_when_everything_was_forgotten_never_comes(
    servers: str,
) -> None:
    async with fetching(servers) as reader:
        await reader.read(0, 0)
        taking = asyncio.create_task(reader.take())
        await asyncio.sleep(0)
        reader.forget()
        assert await taking == {}
        assert reader.partitions == frozenset()
        assert await reader.take() == {}
        await reader.read(2, 250)
        assert (await read_to_end(reader, 2))[2].offsets == list(range(250, PER_PARTITION))


@in_loop
async def test_a_dropped_partition_is_read_no_more_and_the_others_go_on(servers: str) -> None:
    async with fetching(servers, max_records=20) as reader:
        await reader.read(0, 0)
        await reader.read(1, 0)
        await reader.drop(0)
        assert reader.partitions == {1}
        assert (await read_to_end(reader, 1))[1].offsets == list(range(PER_PARTITION))


@in_loop
async def test_a_partition_whose_position_the_broker_does_not_have_is_forgotten(
    servers: str,
) -> None:
    async with fetching(servers) as reader:
        await reader.read(0, PER_PARTITION + 5_000)
        await reader.read(1, 0)

        async def take() -> None:
            await reader.take()

        await read_until(lambda: 0 not in reader.partitions, take)
        assert reader.partitions == {1}


def test_a_batch_gives_what_is_left_from_an_offset_on() -> None:
    batch = Batch([5, 7, 8], [50, 70, 80], [b"a", None, b"c"])
    assert batch.since(5) is batch
    assert batch.since(6).offsets == [7, 8]
    assert batch.since(8).values == [b"c"]
    assert batch.since(9).offsets == []
    assert batch.record(1) == (7, 70, None)
