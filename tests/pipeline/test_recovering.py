"""Recovery that was overtaken by a rebalance reads again what was dropped, and nothing else."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest
from faust.types import TP

from headgate.pipeline import recovering
from headgate.pipeline.recovering import RecoveryWatch

ONE, TWO = TP("changelog", 1), TP("changelog", 2)


@dataclass
class Recovery:
    in_recovery: bool = True
    active_offsets: Counter[TP] = field(default_factory=lambda: Counter({ONE: 4, TWO: -1}))
    highwaters: Counter[TP] = field(default_factory=lambda: Counter({ONE: 9, TWO: 3}))

    def active_remaining(self) -> Counter[TP]:
        return Counter({tp: high - self.active_offsets[tp] for tp, high in self.highwaters.items()})


@dataclass
class Tables:
    recovery: Recovery = field(default_factory=Recovery)
    changelog_queue: asyncio.Queue[object] = field(default_factory=asyncio.Queue)


@pytest.fixture(autouse=True)
def at_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovering, "LOOK_EVERY_S", 0)


def _dropped(tables: Tables, positions: dict[TP, int | None]) -> dict[TP, int]:
    async def position(tp: TP) -> int | None:
        return positions[tp]

    return asyncio.run(RecoveryWatch(tables, position).dropped())


def test_what_was_dropped_is_read_again() -> None:
    assert _dropped(Tables(), {ONE: 10, TWO: 4}) == {ONE: 5, TWO: 0}


def test_what_is_still_to_come_is_waited_for() -> None:
    assert _dropped(Tables(), {ONE: 5, TWO: 0}) == {}
    assert _dropped(Tables(), {ONE: None, TWO: None}) == {}


def test_a_partition_that_lacks_nothing_is_left_alone() -> None:
    recovery = Recovery(active_offsets=Counter({ONE: 9, TWO: -1}))
    assert _dropped(Tables(recovery), {ONE: 12, TWO: 0}) == {}


def test_what_waits_in_the_queue_was_not_dropped() -> None:
    tables = Tables()
    tables.changelog_queue.put_nowait(object())
    assert _dropped(tables, {ONE: 10, TWO: 4}) == {}


def test_without_a_recovery_there_is_nothing_to_read_again() -> None:
    assert _dropped(Tables(Recovery(in_recovery=False)), {ONE: 10, TWO: 4}) == {}
