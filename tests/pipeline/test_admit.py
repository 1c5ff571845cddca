"""admit: every request reaches the ledger, in order, whatever a rebalance delivers."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from headgate.config import Settings
from headgate.pipeline.admit import Admit
from headgate.pipeline.process import Process
from headgate.vocabulary import Mode, Topic
from headgate.wire.codec import encode
from headgate.wire.ledger import AdmittedRequest
from headgate.wire.messages import ENTRY, LARGE
from headgate.wire.rollout_requests import SetMode

REQUESTS = TP("headgate.requests", 0)
GENERATION = 7


class Broker:
    """Stands for the Faust app: takes what is sent, and notes what is sought and marked."""

    def __init__(self, *, committed: int) -> None:
        self.committed = committed
        self.entries: list[AdmittedRequest] = []
        self.sizes: list[int] = []
        self.sought: list[int] = []
        self.marked: list[int] = []
        self.consumer_generation_id = GENERATION

    @property
    def consumer(self) -> Broker:
        return self

    @property
    def producer(self) -> Broker:
        return self

    async def start_offset(self, _: TP, _within_s: float) -> int:
        return self.committed

    async def seek(self, _: TP, offset: int) -> None:
        self.sought.append(offset)

    def mark_committable(self, _: TP, offset: int) -> None:
        self.marked.append(offset)

    async def send(self, topic: str, _: bytes, value: bytes, *_more: Any) -> Any:
        assert topic == "headgate.ledger"
        entry = ENTRY.decode(value)
        assert isinstance(entry, AdmittedRequest)
        self.entries.append(entry)
        self.sizes.append(len(value))
        confirmed = asyncio.get_running_loop().create_future()
        confirmed.set_result(None)
        return confirmed

    @property
    def admitted(self) -> list[int]:
        return [entry.source_offset for entry in self.entries]


def fails(reason: str, error: BaseException | None) -> None:
    raise AssertionError(reason) from error


@pytest.fixture
def broker() -> Broker:
    return Broker(committed=100)


@pytest.fixture
def admit(broker: Broker) -> Admit:
    process = Process(Settings(worker_id="w"), ledger_partitions=4, now_ms=lambda: 0, fatal=fails)
    agent = Admit(process)
    agent.app = broker
    return agent


def request(offset: int, headers: tuple[tuple[str, bytes], ...] = ()) -> Any:
    value = SetMode(
        request_id=f"r-{offset}",
        model="support-agent",
        operator="ann",
        issued_at_ms=1,
        expires_at_ms=2,
        mode=Mode.OBSERVE,
    )
    return SimpleNamespace(
        topic=f"headgate.{Topic.REQUESTS}",
        partition=0,
        offset=offset,
        timestamp=1,
        value=encode(value),
        headers=headers,
    )


def deliver(admit: Admit, *batches: range, generation: int = GENERATION) -> None:
    async def stream() -> Any:
        for batch in batches:
            message = SimpleNamespace(tp=REQUESTS, generation_id=generation)
            yield SimpleNamespace(message=message, value=[request(offset) for offset in batch])

    asyncio.run(admit._consume(SimpleNamespace(events=stream)))


def test_requests_are_admitted_in_order_and_then_committed(admit: Admit, broker: Broker) -> None:
    deliver(admit, range(100, 103), range(103, 105))
    assert broker.admitted == [100, 101, 102, 103, 104]
    assert broker.marked == [103, 105]
    assert broker.sought == []


def test_a_batch_from_before_a_rebalance_that_comes_too_early_skips_no_request(
    admit: Admit, broker: Broker
) -> None:
    deliver(admit, range(110, 112), range(100, 110), range(110, 112))
    assert broker.sought == [100]
    assert broker.admitted == list(range(100, 112))
    assert broker.marked == [110, 112]


def test_a_batch_of_a_former_assignment_is_left_to_the_next_owner(
    admit: Admit, broker: Broker
) -> None:
    deliver(admit, range(100, 103), generation=GENERATION - 1)
    assert broker.admitted == []
    assert broker.marked == []


def test_a_hole_that_the_broker_has_itself_is_stepped_over(admit: Admit, broker: Broker) -> None:
    deliver(admit, range(110, 112), range(110, 112))
    assert broker.admitted == [110, 111]


def test_after_a_revocation_reading_begins_at_the_commit(admit: Admit, broker: Broker) -> None:
    deliver(admit, range(100, 105))
    asyncio.run(admit._on_revoked(None, [REQUESTS]))
    broker.committed = 102
    deliver(admit, range(102, 105))
    assert broker.sought == []
    assert broker.admitted == [*range(100, 105), *range(102, 105)]


def test_a_log_that_was_made_again_is_admitted_from_its_beginning(
    admit: Admit, broker: Broker
) -> None:
    deliver(admit, range(100, 105), range(3), range(3, 5))
    assert broker.sought == []
    assert broker.admitted == [*range(100, 105), *range(5)]


def test_headers_of_any_size_leave_an_entry_that_the_ledger_takes(
    admit: Admit, broker: Broker
) -> None:
    headers = (("\x01" * 200_000, b""), *((f"h{n}", b"\x01" * 1_024) for n in range(40)))
    asyncio.run(admit._admit_batch(REQUESTS, [request(100, headers)]))
    (entry,) = broker.entries
    assert len(entry.headers) == 31
    assert broker.sizes[0] < LARGE
