"""Pending: what came for triggers that take turns, kept until their turn comes."""

from __future__ import annotations

from typing import NamedTuple

from headgate.judge.sequential.arms import Arms, arms_of
from headgate.judge.sequential.bank import Bank
from headgate.judge.sequential.state import Came, Evidence
from headgate.measure.metrics import CallerFaults


class Pending(NamedTuple):
    """By turn, what it looks at now (None where it has not come) and when it came last; and what
    some have yet to look at.
    """

    arms: list[Arms | None]
    turns_ms: tuple[int, ...]
    later: tuple[Came, ...]


def pending(
    bank: Bank, evidence: Evidence, came: Came, arms: Arms, faults: CallerFaults
) -> Pending:
    """The turns of a tick in which `came`, sorted as `arms`."""
    now_ms, looked_ms = came.came_ms, _looked_ms(bank, evidence)
    later = (*evidence.later, came) if came.candidate or came.pairs else evidence.later
    found: list[Arms | None] = []
    for turn, last_ms in zip(bank.turns, looked_ms, strict=True):
        mine = None
        if turn.has_come(last_ms, now_ms):
            ticks = [one for one in later if one.came_ms > last_ms]
            mine = arms if ticks == [came] else arms_of(ticks, faults)
        found.append(mine)
    turns_ms = tuple(
        [last if mine is None else now_ms for last, mine in zip(looked_ms, found, strict=True)]
    )
    first_ms = min(turns_ms, default=now_ms)
    return Pending(found, turns_ms, tuple([one for one in later if one.came_ms > first_ms]))


def is_pending(bank: Bank, evidence: Evidence, now_ms: int) -> bool:
    """Whether a turn has come with something to look at."""
    if not evidence.later:
        return False
    newest_ms = evidence.later[-1].came_ms
    return any(
        newest_ms > last_ms and turn.has_come(last_ms, now_ms)
        for turn, last_ms in zip(bank.turns, _looked_ms(bank, evidence), strict=True)
    )


def _looked_ms(bank: Bank, evidence: Evidence) -> tuple[int, ...]:
    """When each turn came last; of another policy's shape none has."""
    known = evidence.turns_ms
    return known if len(known) == len(bank.turns) else (0,) * len(bank.turns)
