"""The bank: every test of a policy's sequential triggers as one table, so that a look is cheap.

A row per trigger, four tests a row, eight bets a test. A test's number is four times its row plus
its kind. What belongs to limits alone is made ready once per policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from headgate.judge.sequential.bets import (
    BETS,
    BREACH,
    GOOD,
    Floats,
    rate_stakes,
    ratio_stakes,
)
from headgate.judge.sequential.plan import Plan, plan_of
from headgate.judge.sequential.process import NOTHING
from headgate.judge.sequential.samples import Family
from headgate.judge.sequential.turns import Turn, turns_of

if TYPE_CHECKING:
    from headgate.judge.policy import Policy, Trigger


class Kind(IntEnum):
    """The tests of a trigger, by column."""

    ABSOLUTE = 0
    RELATIVE = 1
    GOOD_ABSOLUTE = 2
    GOOD_RELATIVE = 3


KINDS = len(Kind)


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """The sequential triggers of a policy in order, with their plans.

    By a test's number, shape (tests, 8): `on_hit` and `on_other`, what its bets win on a hit and on
    another outcome, and, beside stable, `excess` (see `bets.on_any_hit`); 0 where it counts no
    hits. `ratios` is what a rate may be beside stable's. `turn_of` has each trigger's place among
    `turns`, None where it looks at every tick.
    """

    triggers: tuple[Trigger, ...]
    plans: tuple[Plan, ...]
    row_of: dict[str, int]
    turns: tuple[Turn, ...]
    turn_of: tuple[int | None, ...]
    on_hit: Floats
    on_other: Floats
    excess: Floats
    ratios: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.triggers)

    def unbegun(self) -> bytes:
        """Wealth of a phase in which nothing was bet yet, as the state keeps it."""
        return np.full((len(self), KINDS, BETS), NOTHING).tobytes()

    def wealth(self, kept: bytes) -> Floats:
        """The kept wealth, shape (tests, 8); of another policy's shape it is none."""
        if len(kept) != len(self) * KINDS * BETS * 8:
            kept = self.unbegun()
        return np.frombuffer(kept).reshape(len(self) * KINDS, BETS)

    def log_e(self, kept: list[list[float]]) -> list[list[float]]:
        """The kept ln E of the four tests of each trigger; of another policy's shape it is none."""
        return kept if len(kept) == len(self) else [[NOTHING] * KINDS] * len(self)


@lru_cache(maxsize=2048)
def bank_of(policy: Policy) -> Bank:
    """The bank of a policy."""
    triggers = tuple(row for row in policy.triggers if row.proof == "sequential")
    plans = tuple(plan_of(trigger) for trigger in triggers)
    taken = turns_of(triggers)
    turns = tuple(dict.fromkeys(turn for turn in taken if turn is not None))
    stakes = [_stakes(plan, kind) for plan in plans for kind in Kind]
    on_hit, on_other, excess = np.array(stakes).reshape(-1, 3, BETS).swapaxes(0, 1)
    return Bank(
        triggers=triggers,
        plans=plans,
        row_of={trigger.name: row for row, trigger in enumerate(triggers)},
        turns=turns,
        turn_of=tuple(None if turn is None else turns.index(turn) for turn in taken),
        on_hit=on_hit.copy(),
        on_other=on_other.copy(),
        excess=excess.copy(),
        ratios=tuple(_ratio(plan, kind) for plan in plans for kind in Kind),
    )


def _stakes(plan: Plan, kind: Kind) -> tuple[Floats, Floats, Floats]:
    """What a test's bets win on a hit and on another outcome, and their excess."""
    none, side = np.zeros(BETS), BREACH if kind < Kind.GOOD_ABSOLUTE else GOOD
    if not plan.counts_hits:
        return none, none, none
    if kind in (Kind.RELATIVE, Kind.GOOD_RELATIVE):
        on_hit, excess = ratio_stakes(side)
        return on_hit, none, excess
    if plan.limit is None:
        return none, none, none
    limit = plan.limit if plan.sampled.family is Family.RATE else 1 - plan.sampled.share
    return *rate_stakes(limit, side), none


def _ratio(plan: Plan, kind: Kind) -> float:
    """What a rate may be beside stable's; for quantiles it lies in the value that is exceeded."""
    if plan.sampled.family is not Family.RATE:
        return 1.0
    allowed = plan.good_ratio if kind is Kind.GOOD_RELATIVE else plan.relative
    return allowed or 1.0
