"""Combining: which evidence of many triggers is enough, to roll back or to promote."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import exp

from msgspec import Struct

from headgate.judge.policy import Policy, Trigger
from headgate.judge.sequential.bank import Kind, bank_of
from headgate.judge.sequential.plan import plan_of
from headgate.judge.sequential.remembering import log_evidence
from headgate.judge.sequential.state import Evidence
from headgate.vocabulary import Severity

HIGHEST = 700.0  # the largest logarithm whose exponential is a number


def e_value(log_e: float) -> float:
    """The e-value of a logarithm, kept finite."""
    return exp(min(log_e, HIGHEST))


def is_beside(evidence: Evidence) -> bool:
    """Whether a stable arm is live beside the candidate."""
    return bool(evidence.splits) and evidence.splits[-1].stable > 0


@lru_cache(maxsize=2048)
def weights_of(policy: Policy) -> dict[str, float]:
    """The critical sequential triggers' weights; they sum to 1, with or without data."""
    rows = [t for t in policy.triggers if t.proof == "sequential" and t.can_roll_back]
    whole = sum(trigger.weight for trigger in rows)
    return {trigger.name: trigger.weight / whole for trigger in rows}


class Combined(Struct, frozen=True):
    """What the evidence of all triggers amounts to.

    `tests` holds ln E of each trigger's four tests, `log_e` that of a breach; `proven` names those
    that a breach rests on: the largest weighted one when the sum is enough, and whichever is enough
    alone.
    """

    tests: Mapping[str, list[float]]
    log_e: Mapping[str, float]
    needed: Mapping[str, float]
    total: float
    proven: frozenset[str]


def combine(policy: Policy, evidence: Evidence) -> Combined:
    """Rollback on sum w_k E_k >= 1/alpha over critical triggers; a warning has its own alpha.

    A weighted mean of e-processes is one itself, so that alpha holds for all of them together.
    """
    beside, plans = is_beside(evidence), bank_of(policy).plans
    weights, needed = weights_of(policy), evidence_needed(policy)
    tests = log_e_values(policy, evidence)
    log_e = {
        name: log_evidence(plan, tests[name], beside=beside)
        for name, plan in zip(tests, plans, strict=True)
    }
    shares = {name: weight * e_value(log_e[name]) for name, weight in weights.items()}
    total = sum(shares.values())
    proven = set()
    if total >= 1 / policy.proof.false_rollback:
        enough = 1 / policy.proof.false_rollback
        proven = {name for name, share in shares.items() if share >= enough}
        proven.add(max(shares, key=lambda name: shares[name]))
    for name, known in log_e.items():
        if known > 0 and name not in weights and e_value(known) >= needed[name]:
            proven.add(name)
    return Combined(tests, log_e, needed, total, frozenset(proven))


def log_e_values(policy: Policy, evidence: Evidence) -> dict[str, list[float]]:
    """ln E of the four tests of each sequential trigger."""
    bank = bank_of(policy)
    return dict(zip(bank.row_of, bank.log_e(evidence.log_e), strict=True))


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
    log_e = log_e_values(policy, evidence)[trigger.name]
    tests = []
    if plan.limit is not None and plan.provable:
        tests.append(log_e[Kind.GOOD_ABSOLUTE])
    if plan.good_ratio is not None and is_beside(evidence):
        tests.append(log_e[Kind.GOOD_RELATIVE])
    return min(tests, default=None)
