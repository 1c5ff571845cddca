"""govern: it takes a partition over from a slow broker, and tells only of what it has."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from headgate.config import Settings
from headgate.pipeline.govern import Govern
from headgate.pipeline.process import Process
from headgate.wire.codec import encode
from headgate.wire.ledger import Tick

LEDGER = TP("headgate.ledger", 0)


class SlowBroker:
    """Stands for the Faust app: a broker that takes ten seconds to say where a log ends."""

    consumer_generation_id = 1

    @property
    def consumer(self) -> SlowBroker:
        return self

    async def end_offsets(self, tps: Collection[TP], within_s: float = 5.0) -> dict[TP, int]:
        if within_s < 10:
            raise TimeoutError
        return dict.fromkeys(tps, 1)


def fails(reason: str, error: BaseException | None) -> None:
    raise AssertionError(reason) from error


@pytest.fixture
def govern() -> Govern:
    process = Process(Settings(worker_id="w"), ledger_partitions=4, now_ms=lambda: 0, fatal=fails)
    agent = Govern(process)
    agent.app = SlowBroker()
    return agent


def fold(govern: Govern) -> None:
    record: Any = SimpleNamespace(
        offset=0, timestamp=1_000, value=encode(Tick(worker="w", clock_ms=1_000))
    )
    message = SimpleNamespace(partition=0, generation_id=SlowBroker.consumer_generation_id)
    asyncio.run(govern._fold_batch(message, [record]))


def test_a_broker_that_answers_late_does_not_end_a_takeover(govern: Govern) -> None:
    fold(govern)
    assert govern.stats.next_offsets == {0: 1}


def test_of_a_partition_that_another_worker_has_nothing_is_told(
    govern: Govern, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def saved() -> None:
        return None

    fold(govern)
    govern.stats.revisions["support-agent"] = 7
    monkeypatch.setattr(govern, "_save_all", saved)
    asyncio.run(govern._on_revoked(None, {LEDGER}))
    assert govern.stats.next_offsets == {}
    assert govern.stats.revisions == {}
