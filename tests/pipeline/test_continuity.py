"""Records in order, once each: what is missing is read again, and only a real hole is one."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from faust.types import TP

from headgate.pipeline import continuity
from headgate.pipeline.continuity import Continuity, HoleError


class Seeks(list[int]):
    """Stands for an app: what its consumer was asked to read again."""

    @property
    def consumer(self) -> Seeks:
        return self

    async def seek(self, _: TP, offset: int) -> None:
        self.append(offset)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now_s=1_000.0)
    clock.monotonic = lambda: clock.now_s
    monkeypatch.setattr(continuity, "time", clock)
    return clock


@pytest.fixture
def seeks() -> Seeks:
    return Seeks()


@pytest.fixture
def watch(clock: SimpleNamespace, seeks: Seeks) -> Continuity:
    return Continuity(seeks, TP("headgate.outcomes", 0))


def due(watch: Continuity, first: int, expected: int) -> bool:
    return asyncio.run(watch.due(first, expected))


def test_what_is_missing_is_asked_for_once_and_batches_from_before_are_dropped(
    watch: Continuity, seeks: Seeks
) -> None:
    assert due(watch, 100, 100)
    assert not due(watch, 300, 200)
    assert not due(watch, 400, 200)
    assert seeks == [200]
    assert due(watch, 200, 200)


def test_a_hole_that_the_broker_repeats_is_real(watch: Continuity) -> None:
    assert not due(watch, 300, 200)
    with pytest.raises(HoleError, match="offsets 200 to 299 are missing"):
        due(watch, 300, 200)


def test_a_log_that_loses_more_while_it_is_asked_loses_nothing_else(
    watch: Continuity, seeks: Seeks, clock: SimpleNamespace
) -> None:
    assert not due(watch, 300, 200)
    assert not due(watch, 350, 200)  # retention went on before the answer came
    clock.now_s += 60
    assert not due(watch, 90_000, 200)
    assert seeks == [200, 200]
    with pytest.raises(HoleError, match="offsets 200 to 399 are missing"):
        due(watch, 400, 200)


def test_a_pause_between_question_and_answer_makes_no_hole(
    watch: Continuity, seeks: Seeks, clock: SimpleNamespace
) -> None:
    assert not due(watch, 300, 200)
    clock.now_s += 60
    assert not due(watch, 400, 200)  # fetched before the question, taken up after the pause
    assert due(watch, 200, 200)
