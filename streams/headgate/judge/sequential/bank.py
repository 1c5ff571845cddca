"""The bank: every test of a policy's sequential triggers as one table, so that a look is cheap.

A row per trigger, four tests a row, eight bets a test. A test's number is four times its row plus
its kind. What belongs to limits alone is made ready once per policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from headgate.judge.sequential.bets import (
    BETS,
    BREACH,
    GOOD,
    Flags,
    Floats,
    rate_stakes,
    ratio_stakes,
)
from headgate.judge.sequential.plan import Plan, plan_of
from headgate.judge.sequential.samples import Family, Take
from headgate.judge.sequential.sources import Source, sources_of, takes_of

if TYPE_CHECKING:
    from headgate.judge.policy import Policy, Trigger


Places = npt.NDArray[np.intp]


class Kind(IntEnum):
    """The tests of a trigger, by column."""

    ABSOLUTE = 0
    RELATIVE = 1
    GOOD_ABSOLUTE = 2
    GOOD_RELATIVE = 3


KINDS = len(Kind)


class Breach(NamedTuple):
    """Where the evidence of a breach lies, by trigger: the lesser of two tests, which are the same
    where there is one; those that are `untested` have none.
    """

    first: Places
    second: Places
    untested: Flags


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """The sequential triggers of a policy in order, with their plans.

    By a test's number, shape (tests, 8): `on_hit` and `on_other`, what its bets win on a hit and on
    another outcome, and, beside stable, `excess` (see `bets.on_any_hit`); 0 where it counts no
    hits. `ratios` is what a rate may be beside stable's. `alone` and `beside` say where a breach is
    proven, without a stable arm and with one. `source_of` is what each trigger
    counts; those `limited` are tested against limits, those `compared` beside stable.
    """

    triggers: tuple[Trigger, ...]
    names: tuple[str, ...]
    plans: tuple[Plan, ...]
    row_of: dict[str, int]
    limited: tuple[Source, ...]
    compared: tuple[Source, ...]
    source_of: tuple[Source, ...]
    takes: tuple[Take, ...]
    alone: Breach
    beside: Breach
    on_hit: Floats
    on_other: Floats
    excess: Floats
    ratios: Floats
    prove_good: Flags

    def __len__(self) -> int:
        return len(self.triggers)


@lru_cache(maxsize=2048)
def bank_of(policy: Policy) -> Bank:
    """The bank of a policy."""
    triggers = tuple(row for row in policy.triggers if row.proof == "sequential")
    plans = tuple(plan_of(trigger) for trigger in triggers)
    names, metrics = [row.name for row in triggers], [row.metric for row in triggers]
    sources = sources_of(names, metrics, plans)
    source_by_row = {row: source for source in sources for row in source.rows}
    stakes = [_stakes(plan, kind) for plan in plans for kind in Kind]
    on_hit, on_other, excess = np.array(stakes).reshape(-1, 3, BETS).swapaxes(0, 1)
    return Bank(
        triggers=triggers,
        names=tuple(names),
        plans=plans,
        row_of={name: row for row, name in enumerate(names)},
        limited=tuple(source for source in sources if source.limited),
        compared=tuple(source for source in sources if source.relative is not None),
        source_of=tuple(source_by_row[row] for row in range(len(triggers))),
        takes=takes_of(plans),
        alone=_breach(plans, beside=False),
        beside=_breach(plans, beside=True),
        on_hit=on_hit.copy(),
        on_other=on_other.copy(),
        excess=excess.copy(),
        ratios=np.array([_ratio(plan, kind) for plan in plans for kind in Kind]),
        prove_good=np.tile([kind >= Kind.GOOD_ABSOLUTE for kind in Kind], len(triggers)),
    )


def _breach(plans: tuple[Plan, ...], *, beside: bool) -> Breach:
    """`beside` a live stable arm a breach is the lesser of both tests, else the test there is."""
    tests = [_breach_tests(plan, beside=beside) for plan in plans]
    first, second = (
        np.array([row * KINDS + kinds[at] for row, kinds in enumerate(tests)], np.intp)
        for at in (0, -1)
    )
    untested = [plan.limit is None and not (beside and plan.relative is not None) for plan in plans]
    return Breach(first, second, np.array(untested, np.bool_))


def _breach_tests(plan: Plan, *, beside: bool) -> tuple[Kind, ...]:
    if plan.limit is None:
        return (Kind.RELATIVE,)
    if plan.relative is None or not beside:
        return (Kind.ABSOLUTE,)
    return Kind.ABSOLUTE, Kind.RELATIVE


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
