"""Bad input and sticky users: a reading is never an exception or an infinity."""

from __future__ import annotations

from math import exp, isfinite, log

import numpy as np
import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from headgate.judge.ab.criteria import Criterion
from headgate.judge.ab.plan import TestPlan
from headgate.judge.ab.readings import Reading, read_all
from headgate.judge.ab.running import AbTest, count, read_test
from headgate.judge.ab.samples import COMPARED
from headgate.judge.ab.words import sentence, sentence_of
from headgate.measure.cells import Cell, merge
from headgate.measure.metrics import CallerFaults
from headgate.measure.slots import NO_SLOTS, BySlot
from headgate.vocabulary import AbReason, AbVerdict
from headgate.wire.ledger import SLOTS, Slots
from support.ab import by_slot, criterion, plan, served
from support.evidence import sketch

FAULTS = CallerFaults()
NOT_ENOUGH = AbVerdict.NOT_ENOUGH


def read(made: TestPlan, **cells: Cell) -> tuple[Reading, ...]:
    return read_all(made, cells, FAULTS)


NO_ERRORS = served(1, 400, errors=0.0)
ONE = Cell(
    outcomes=1,
    requests=1,
    slots=BySlot.of(Slots(counts={"requests": by_slot([7])})),
)
ALL_FAILED = Cell(
    outcomes=300,
    requests=300,
    errors={"timeout": 300},
    slots=BySlot.of(
        Slots(
            counts={"requests": (10,) * 30 + (0, 0)},
            errors={"timeout": (10,) * 30 + (0, 0)},
        )
    ),
)
FREE = served(1, 400, dearer=0.0)
CASES = {
    "nothing": Cell(),
    "one request": ONE,
    "all failed": ALL_FAILED,
    "no errors": NO_ERRORS,
    "free of charge": FREE,
    "no buckets": served(1, 400, buckets=False),
    "99 requests": served(1, 99),
    "huge": merge([served(seed, 30_000) for seed in range(3)]),
}


@pytest.mark.parametrize("mine", CASES)
@pytest.mark.parametrize("other", CASES)
def test_whatever_the_arms_say_a_reading_is_finite(mine: str, other: str) -> None:
    made = plan(*(criterion(metric) for metric in COMPARED))
    test = AbTest(plan=made, first_revision=1)
    fresh = {("b", 1): CASES[mine], ("a", 1): CASES[other]}
    test, found, told = read_test(count(test, fresh), FAULTS, 1)
    for reading in found:
        numbers = [n for n in to_builtins(reading).values() if isinstance(n, float)]
        assert all(isfinite(number) for number in numbers)
        assert sentence(reading)
        if "nothing" in {mine, other}:
            assert reading.verdict is NOT_ENOUGH
            assert reading.reason is AbReason.TOO_FEW_SAMPLES
    assert sentence_of(told)


def test_an_interval_wider_than_any_ratio_has_no_bound_and_is_no_error() -> None:
    known, few = _dear(100_000, 3), _dear(1_900, 6)
    made = plan(criterion("cost_mean_usd", 0.01), known=known)
    assert made.comparisons[0].tuned_to > 1e8
    (reading,) = read(made, b=_dear(100, 5, users=4), a=few)
    assert (reading.verdict, reading.low, reading.high) == (NOT_ENOUGH, -1.0, None)
    assert "(-100.0% to no bound)" in sentence(reading)


def _dear(n: int, seed: int, *, users: int = 0) -> Cell:
    """Requests few of which make up most of the cost, each by itself or from a few users."""
    rng = np.random.default_rng(seed)
    cost = np.rint(rng.lognormal(5, 3, n)).astype(np.int64) + 1
    slot = np.argsort(np.argsort(cost)) * users // n if users else rng.integers(0, SLOTS, n)
    slots = Slots(
        counts={"requests": by_slot(slot), "cost_microusd": by_slot(slot)},
        sums={"cost_microusd": by_slot(slot, cost)},
    )
    return Cell(
        outcomes=n,
        requests=n,
        sums={"cost_microusd": int(cost.sum())},
        counts={"cost_microusd": n},
        sketches={"cost_microusd": sketch(cost)},
        slots=BySlot.of(slots),
    )


@pytest.mark.parametrize("in_slots", [1, 3])
@pytest.mark.parametrize("metric", ["error_rate", "success_rate", "tokens_mean", "latency_p50_ms"])
def test_an_arm_whose_requests_lie_in_few_slots_may_have_few_users_and_proves_nothing(
    metric: str, in_slots: int
) -> None:
    made = plan(criterion(metric))
    many = served(1, 5_000, errors=0.02, latency_ms=400)
    bad = {"errors": 0.4, "latency_ms": 4_000, "success": 0.2, "dearer": 9}
    (reading,) = read(made, b=served(2, 500, **bad, in_slots=in_slots), a=many)
    assert (reading.verdict, reading.reason) == (NOT_ENOUGH, AbReason.TOO_FEW_SAMPLES)


def test_the_reason_says_what_is_missing() -> None:
    metrics = ("error_rate", "cost_mean_usd", "latency_p95_ms")
    made = plan(*(criterion(metric) for metric in metrics))

    def reasons(mine: str, other: str = "no errors") -> list[AbReason]:
        return [r.reason for r in read(made, b=CASES[mine], a=CASES[other])]

    few, wide = AbReason.TOO_FEW_SAMPLES, AbReason.INTERVAL_TOO_WIDE
    assert reasons("nothing") == [few, few, few]
    assert reasons("one request") == [few, few, few]
    assert reasons("99 requests") == [wide, few, wide]
    assert reasons("free of charge")[1] is AbReason.NOTHING_TO_COMPARE
    assert reasons("no buckets") == [AbReason.NO_BUCKETS] * 3
    assert reasons("all failed")[0] is AbReason.PROVEN  # all failed beside none: worse


def test_a_hundred_equal_ratings_prove_nothing() -> None:
    made = plan(Criterion(metric="rating_mean", better="higher", matters=0.01))
    (reading,) = read(made, b=_all_rated(50), a=_all_rated(49))
    assert reading.verdict is NOT_ENOUGH


def _all_rated(tenths: int) -> Cell:
    slots = Slots(counts={"rating_tenths": (4,) * 32}, sums={"rating_tenths": (4 * tenths,) * 32})
    return Cell(
        outcomes=128,
        counts={"rating_tenths": 128},
        sums={"rating_tenths": 128 * tenths},
        sketches={"rating_tenths": sketch([tenths] * 128)},
        slots=BySlot.of(slots),
    )


def test_no_errors_in_one_arm_can_win_and_has_no_lower_bound() -> None:
    made = plan(criterion("error_rate"))
    (reading,) = read(made, b=served(1, 5_000, errors=0.0), a=served(2, 5_000, errors=0.05))
    assert (reading.winner, reading.low) == ("b", -1.0)
    (turned,) = read(made, b=served(2, 5_000, errors=0.05), a=served(1, 5_000, errors=0.0))
    assert (turned.winner, turned.high) == ("a", None)
    assert "no bound" in sentence(turned)


def test_sticky_users_widen_every_interval() -> None:
    """The same counts, but each slot's requests as alike as they can be."""
    alike = served(1, 32_000)
    slots = alike.slots.on_the_wire()
    gathered = replace(
        slots,
        errors={"timeout": (sum(slots.errors["timeout"]),) + (0,) * 31},
        sums={name: _gathered(row) for name, row in slots.sums.items()},
        flagged={name: _gathered(row) for name, row in slots.flagged.items()},
    )
    apart = replace(alike, slots=BySlot.of(gathered))
    metrics = ("error_rate", "success_rate", "cost_mean_usd", "latency_p50_ms", "rating_mean")
    made = plan(*(criterion(metric) for metric in metrics))
    for usual, wide in zip(read(made, b=alike, a=alike), read(made, b=apart, a=apart), strict=True):
        assert wide.effect > 5 * usual.effect
        assert _width(wide) > 1.5 * _width(usual)


def _gathered(row: tuple[int, ...]) -> tuple[int, ...]:
    """Half of every other slot's sum moved to its neighbour."""
    moved = list(row)
    for slot in range(0, 32, 2):
        moved[slot] -= row[slot] // 2
        moved[slot + 1] += row[slot] // 2
    return tuple(moved)


def _width(reading: Reading) -> float:
    high = 20.0 if reading.high is None else reading.high
    return log(1 + high) - log(max(1 + (reading.low or 0.0), exp(-20)))


def test_readings_of_no_slots_at_all_are_refused_but_counted() -> None:
    made = plan(criterion("error_rate"))
    (reading,) = read(made, b=replace(NO_ERRORS, slots=NO_SLOTS), a=NO_ERRORS)
    assert (reading.reason, reading.samples) == (AbReason.NO_BUCKETS, 400)
