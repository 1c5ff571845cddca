"""The bank: every test of a policy's sequential triggers as one table, so that a look is cheap.

A row per trigger, four tests a row, eight bets a test. What belongs to limits alone is made ready
once per policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from headgate.judge.sequential.bets import BETS, BREACH, GOOD, Floats, rate_stakes
from headgate.judge.sequential.plan import Plan, plan_of
from headgate.judge.sequential.process import NOTHING
from headgate.judge.sequential.samples import Family

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

    `on_hit` and `on_miss` have shape (2, triggers, 8): the stakes of absolute rates, to prove a
    breach and to prove good, 0 where there is no such test; `ratios` (2, triggers).
    """

    triggers: tuple[Trigger, ...]
    plans: tuple[Plan, ...]
    row_of: dict[str, int]
    on_hit: Floats
    on_miss: Floats
    ratios: Floats

    def __len__(self) -> int:
        return len(self.triggers)

    def unbegun(self) -> bytes:
        """Wealth of a phase in which nothing was bet yet, as the state keeps it."""
        return np.full((len(self), KINDS, BETS), NOTHING).tobytes()

    def wealth(self, kept: bytes) -> Floats:
        """The kept wealth, shape (triggers, 4, 8); of another policy's shape it is none."""
        if len(kept) != len(self) * KINDS * BETS * 8:
            kept = self.unbegun()
        return np.frombuffer(kept, np.float64).reshape(len(self), KINDS, BETS)


@lru_cache(maxsize=2048)
def bank_of(policy: Policy) -> Bank:
    """The bank of a policy."""
    triggers = tuple(row for row in policy.triggers if row.proof == "sequential")
    plans = tuple(plan_of(trigger) for trigger in triggers)
    stakes = [[_stakes(plan, side) for plan in plans] for side in (BREACH, GOOD)]
    shape = (2, len(plans), BETS)
    return Bank(
        triggers=triggers,
        plans=plans,
        row_of={trigger.name: row for row, trigger in enumerate(triggers)},
        on_hit=np.array([[hit for hit, _ in side] for side in stakes]).reshape(shape),
        on_miss=np.array([[miss for _, miss in side] for side in stakes]).reshape(shape),
        ratios=np.array(
            [[_ratio(plan) for plan in plans], [plan.good_ratio or 1.0 for plan in plans]]
        ),
    )


def _stakes(plan: Plan, side: int) -> tuple[Floats, Floats]:
    family = plan.sampled.family
    if plan.limit is None or family not in {Family.RATE, Family.QUANTILE}:
        return np.zeros(BETS), np.zeros(BETS)
    limit = plan.limit if family is Family.RATE else 1 - plan.sampled.share
    return rate_stakes(limit, side)


def _ratio(plan: Plan) -> float:
    """What a rate may be beside stable's; for quantiles it lies in the value that is exceeded."""
    return plan.relative or 1.0 if plan.sampled.family is Family.RATE else 1.0
