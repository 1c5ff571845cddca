"""Combining: which evidence of many triggers is enough, to roll back or to promote."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import exp, log
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from headgate.judge.policy import Policy, Trigger
from headgate.judge.sequential.bank import KINDS, Bank, Kind, bank_of
from headgate.judge.sequential.bets import Floats
from headgate.judge.sequential.columns import breach_log_e, columns_of
from headgate.judge.sequential.plan import plan_of
from headgate.judge.sequential.state import Columns, Evidence, is_beside
from headgate.vocabulary import Severity

HIGHEST = 700.0  # the largest logarithm whose exponential is a number
_ROUNDING = 1e-6


def e_value(log_e: float) -> float:
    """The e-value of a logarithm, kept finite."""
    return exp(min(log_e, HIGHEST))


@lru_cache(maxsize=2048)
def weights_of(policy: Policy) -> dict[str, float]:
    """The critical sequential triggers' weights; they sum to 1, with or without data."""
    rows = [t for t in policy.triggers if t.proof == "sequential" and t.can_roll_back]
    whole = sum(trigger.weight for trigger in rows)
    return {trigger.name: trigger.weight / whole for trigger in rows}


class Combined(Struct, frozen=True, eq=False):
    """What the evidence of all triggers amounts to.

    `breach` holds ln E of a breach by trigger, `needed` the e-value at which each is enough alone;
    `proven` names those that a breach rests on: the largest weighted one when the sum is enough,
    and whichever is enough alone.
    """

    policy: Policy
    bank: Bank
    columns: Columns
    breach: Floats
    needed: Mapping[str, float]
    proven: frozenset[str]

    @property
    def shares(self) -> Floats:
        """Each trigger's part of the sum over critical ones."""
        shares: Floats = _rule(self.policy).weights * np.exp(np.minimum(self.breach, HIGHEST))
        return shares

    @property
    def total(self) -> float:
        """The weighted sum that a rollback rests on."""
        return float(np.add.reduce(self.shares))

    @property
    def log_e(self) -> dict[str, float]:
        """ln E of a breach, by trigger's name."""
        return dict(zip(self.bank.row_of, self.breach.tolist(), strict=True))

    @property
    def tests(self) -> dict[str, list[float]]:
        """ln E of the four tests of each trigger."""
        return tests_of(self.bank, self.columns)


@lru_cache(maxsize=64)
def combine(policy: Policy, evidence: Evidence) -> Combined:
    """Rollback on sum w_k E_k >= 1/alpha over critical triggers; a warning has its own alpha.

    A weighted mean of e-processes is one itself, so that alpha holds for all of them together.
    """
    bank, rule = bank_of(policy), _rule(policy)
    columns = columns_of(bank, evidence)
    breach = breach_log_e(bank, columns, is_beside(evidence))
    largest = max(breach.tolist(), default=-HIGHEST)  # a weighted mean is never over it
    if largest < rule.least:
        return Combined(policy, bank, columns, breach, rule.needed, frozenset())
    proven = {bank.names[row] for row in (breach >= rule.log_needed).nonzero()[0].tolist()}
    combined = Combined(policy, bank, columns, breach, rule.needed, frozenset(proven))
    if combined.total < 1 / policy.proof.false_rollback:
        return combined
    proven.add(bank.names[int(combined.shares.argmax())])
    return replace(combined, proven=frozenset(proven))


class _Rule(NamedTuple):
    """By trigger: its weight in the sum, 0 of warnings, and what is enough alone; `least` is the
    ln E below which nothing is proven.
    """

    weights: Floats
    log_needed: Floats
    needed: dict[str, float]
    least: float


@lru_cache(maxsize=2048)
def _rule(policy: Policy) -> _Rule:
    weights, needed = weights_of(policy), evidence_needed(policy)
    return _Rule(
        weights=np.array([weights.get(name, 0.0) for name in needed]),
        log_needed=np.log(list(needed.values())),
        needed=needed,
        least=-log(max(policy.proof.false_rollback, policy.proof.false_warning)) - _ROUNDING,
    )


def tests_of(bank: Bank, columns: Columns) -> dict[str, list[float]]:
    """ln E of the four tests of each sequential trigger."""
    rows = columns.log_e.reshape(len(bank), KINDS).tolist()
    return dict(zip(bank.row_of, rows, strict=True))


@lru_cache(maxsize=2048)
def evidence_needed(policy: Policy) -> dict[str, float]:
    """The e-value at which each sequential trigger is enough alone."""
    weights, needed = weights_of(policy), {}
    for trigger in bank_of(policy).triggers:
        critical = trigger.severity is Severity.CRITICAL
        alpha = policy.proof.false_rollback if critical else policy.proof.false_warning
        needed[trigger.name] = 1 / (alpha * weights.get(trigger.name, 1.0))
    return needed


def log_good(policy: Policy, trigger: Trigger, evidence: Evidence) -> float | None:
    """ln E of *proven good*: beside stable the lesser of both tests; None where it has none."""
    plan = plan_of(trigger)
    bank = bank_of(policy)
    log_e, first = columns_of(bank, evidence).log_e, bank.row_of[trigger.name] * KINDS
    tests = []
    if plan.limit is not None and plan.provable:
        tests.append(float(log_e[first + Kind.GOOD_ABSOLUTE]))
    if plan.good_ratio is not None and is_beside(evidence):
        tests.append(float(log_e[first + Kind.GOOD_RELATIVE]))
    return min(tests, default=None)
