"""Pending: what came for triggers that take turns, kept until their turn comes."""

from __future__ import annotations

from typing import NamedTuple

from headgate.judge.sequential.arms import Arms, arms_of
from headgate.judge.sequential.bank import Bank
from headgate.judge.sequential.state import Came, Evidence
from headgate.judge.sequential.turns import Turn
from headgate.measure.metrics import CallerFaults


class Pending(NamedTuple):
    """By turn, what it looks at now (None where it has not come) and when it came last; when the
    next one comes, and what some have yet to look at.
    """

    arms: list[Arms | None]
    turns_ms: tuple[int, ...]
    next_ms: int
    later: tuple[Came, ...]


def pending(
    bank: Bank, evidence: Evidence, came: Came, arms: Arms, faults: CallerFaults
) -> Pending:
    """The turns of a tick in which `came`, sorted as `arms`."""
    now_ms, looked_ms = came.came_ms, _looked_ms(bank, evidence)
    later = (*evidence.later, came) if came.candidate or came.pairs else evidence.later
    found: list[Arms | None] = [None] * len(bank.turns)
    if now_ms < evidence.next_turn_ms:
        return Pending(found, looked_ms, evidence.next_turn_ms, later)
    for place, (turn, last_ms) in enumerate(zip(bank.turns, looked_ms, strict=True)):
        if now_ms >= turn.after(last_ms):
            ticks = [one for one in later if one.came_ms > last_ms]
            found[place] = arms_of(ticks, faults) if ticks and ticks[0] is not came else arms
    turns_ms = tuple(
        [last if mine is None else now_ms for last, mine in zip(looked_ms, found, strict=True)]
    )
    soonest = min(map(Turn.after, bank.turns, turns_ms), default=now_ms)
    seen_ms = min(turns_ms, default=now_ms)
    return Pending(found, turns_ms, soonest, tuple([o for o in later if o.came_ms > seen_ms]))


def _looked_ms(bank: Bank, evidence: Evidence) -> tuple[int, ...]:
    """When each turn came last; of another policy's shape none has."""
    known = evidence.turns_ms
    return known if len(known) == len(bank.turns) else (0,) * len(bank.turns)
