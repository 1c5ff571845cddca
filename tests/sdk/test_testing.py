from __future__ import annotations

import asyncio

import pytest

from headgate.sdk import OutcomePublisher, UnknownModelError, VersionRouter
from headgate.sdk.testing import InMemoryBus, MemoryPublisher, MemoryRouter


def _serve(router: VersionRouter, publisher: OutcomePublisher, requests: int) -> None:
    for number in range(requests):
        choice = router.choose("agent", f"user-{number}")
        publisher.record(f"r{number}", "agent", choice, latency_ms=10.0)


def test_a_fleet_can_be_tested_in_memory():
    bus = InMemoryBus()
    bus.set_split("agent", [("v2", 5_000), ("v1", 5_000)])
    with MemoryRouter(bus) as router, MemoryPublisher(bus) as publisher:
        _serve(router, publisher, 200)
        bus.set_split("agent", [("v2", 0), ("v1", 10_000)])
        _serve(router, publisher, 200)
    first, second = bus.outcomes[:200], bus.outcomes[200:]
    assert {outcome.version for outcome in first} == {"v1", "v2"}
    assert {(outcome.version, outcome.revision) for outcome in second} == {("v1", 2)}
    assert [ack.revision for ack in bus.acks] == [1, 2, 2]
    assert bus.acks[-1].state == "goodbye"
    assert sum(row.count for row in bus.acks[-1].choices) == 400


def test_a_bus_that_is_away_leaves_the_last_split_and_fills_the_buffer():
    bus = InMemoryBus()
    bus.set_split("agent", [("v1", 10_000)])
    router, publisher = MemoryRouter(bus), MemoryPublisher(bus, buffer_size=3)
    assert router.start()
    bus.go_away()
    bus.set_split("agent", [("v2", 10_000)])
    _serve(router, publisher, 5)
    assert router.choose("agent", "k").version == "v1"
    assert (publisher.stats.waiting, publisher.stats.dropped["buffer_full"]) == (3, 2)
    bus.come_back()
    assert router.choose("agent", "k").version == "v2"
    assert (len(bus.outcomes), publisher.stats.waiting) == (3, 0)


def test_what_waits_when_the_bus_is_away_at_close_is_counted():
    bus = InMemoryBus()
    bus.go_away()
    publisher = MemoryPublisher(bus)
    publisher.record("r", "agent", "v1", latency_ms=1.0)
    assert publisher.close() == 1
    assert not publisher.record("r", "agent", "v1", latency_ms=1.0)
    stats = publisher.stats
    assert (stats.dropped["unsent_at_close"], stats.dropped["closed"]) == (1, 1)
    assert stats.dropped_total == 2


def test_a_router_that_starts_without_the_bus_serves_its_fallback():
    bus = InMemoryBus()
    bus.go_away()
    router = MemoryRouter(bus, fallback={"agent": "v1"})
    assert not router.start()
    assert not router.is_current
    assert router.choose("agent", "k").revision == 0
    with pytest.raises(UnknownModelError):
        router.choose("other", "k")


def test_the_in_memory_pair_works_in_a_coroutine():
    async def main() -> int:
        bus = InMemoryBus()
        bus.set_split("agent", [("v1", 10_000)])
        async with MemoryRouter(bus) as router, MemoryPublisher(bus) as publisher:
            _serve(router, publisher, 3)
        return len(bus.outcomes)

    assert asyncio.run(main()) == 3
