"""What all comparisons of a test say together.

The first criterion decides; the others may object. A version wins when it is proven better than
every other arm by the first criterion, and proven worse than none by another. Where it is proven
worse by another one, the verdict is a trade-off for a person to decide. Where every pair is decided
by the first criterion and the best arms are not told apart by it, they do not differ in what
matters. What the other criteria have not decided yet does not hold a winner up: guard triggers
watch every arm anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from headgate.judge.ab.plan import TestPlan
from headgate.judge.ab.readings import Reading
from headgate.vocabulary import AbReason, AbVerdict

Key = tuple[str, str, str]  # metric, one, other


class Settled(Struct, frozen=True, kw_only=True):
    """A verdict of one comparison, reached at `at_ms` for good, with the reading that showed it."""

    at_ms: int
    reading: Reading

    @property
    def key(self) -> Key:
        """Which comparison it settles."""
        return key_of(self.reading)


class Overall(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The verdict of the test. `leaders` are the versions that nobody beats by the first criterion
    (the winner alone where there is one), `against` the metrics that object to it. `more` is about
    how many requests are missing, None where that is unknown; `at_ms` when it was reached.
    """

    verdict: AbVerdict
    reason: AbReason
    leaders: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    more: int | None = None
    at_ms: int | None = None


def key_of(reading: Reading) -> Key:
    """Which comparison a reading is of."""
    return reading.metric, reading.one, reading.other


def settle(
    readings: Sequence[Reading], settled: Sequence[Settled], at_ms: int
) -> tuple[Settled, ...]:
    """What was settled before, and what this reading settles: a verdict once reached stays."""
    known = {one.key for one in settled}
    fresh = [
        Settled(at_ms=at_ms, reading=reading)
        for reading in readings
        if reading.verdict is not AbVerdict.NOT_ENOUGH and key_of(reading) not in known
    ]
    return (*settled, *fresh)


def overall(
    plan: TestPlan, readings: Sequence[Reading], settled: Sequence[Settled], at_ms: int
) -> Overall:
    """The verdict of the test by what is settled; `readings` tell how much is missing."""
    facts = {one.key: one.reading for one in settled}
    first = plan.criteria[0].metric
    of_first = [facts.get(key_of(r), r) for r in readings if r.metric == first]
    beaten = {_loser(reading) for reading in of_first}
    leaders = tuple(arm.version for arm in plan.arms if arm.version not in beaten)
    if len(leaders) == 1 and _beats_all(leaders[0], plan, of_first):
        against = _objections(leaders[0], first, facts)
        verdict = AbVerdict.TRADE_OFF if against else AbVerdict.WINNER
        reason = AbReason.WORSE_ELSEWHERE if against else AbReason.PROVEN
        return Overall(
            verdict=verdict, reason=reason, leaders=leaders, against=against, at_ms=at_ms
        )
    open_ones = [r for r in of_first if key_of(r) not in facts]
    if not open_ones:
        reason = AbReason.PROVEN if len(leaders) == len(plan.arms) else AbReason.LEADERS_ALIKE
        return Overall(verdict=AbVerdict.NO_DIFFERENCE, reason=reason, leaders=leaders, at_ms=at_ms)
    return _open(open_ones, leaders)


def _open(readings: Sequence[Reading], leaders: tuple[str, ...]) -> Overall:
    """Not enough yet: what is missing among the arms that may still win."""
    rows = [r for r in readings if r.one in leaders and r.other in leaders] or list(readings)
    mores = [reading.more for reading in rows]
    worst = max(rows, key=lambda reading: reading.more or 0)
    return Overall(
        verdict=AbVerdict.NOT_ENOUGH,
        reason=next((r.reason for r in rows if r.more is None), worst.reason),
        leaders=leaders,
        more=None if None in mores else max(more for more in mores if more is not None),
    )


def _loser(reading: Reading) -> str:
    if reading.verdict is not AbVerdict.WINNER:
        return ""
    return reading.other if reading.winner == reading.one else reading.one


def _beats_all(version: str, plan: TestPlan, of_first: Sequence[Reading]) -> bool:
    return sum(reading.winner == version for reading in of_first) == len(plan.arms) - 1


def _objections(version: str, first: str, facts: Mapping[Key, Reading]) -> tuple[str, ...]:
    """The other metrics by which `version` is proven worse than an arm."""
    return tuple(
        sorted({r.metric for r in facts.values() if r.metric != first and _loser(r) == version})
    )
