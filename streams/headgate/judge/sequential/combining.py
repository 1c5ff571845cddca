"""Combining: which evidence of many triggers is enough, to roll back or to promote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log

from msgspec import Struct

from headgate.judge.policy import Policy, Trigger
from headgate.judge.sequential.bank import KINDS, Kind, bank_of
from headgate.judge.sequential.observing import log_evidence
from headgate.judge.sequential.plan import plan_of
from headgate.judge.sequential.process import NOTHING
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
    beside = is_beside(evidence)
    weights, needed = weights_of(policy), evidence_needed(policy)
    tests, bank = log_e_values(policy, evidence), bank_of(policy)
    log_e = {
        trigger.name: log_evidence(plan, tests[trigger.name], beside=beside)
        for trigger, plan in zip(bank.triggers, bank.plans, strict=True)
    }
    shares = {name: weight * e_value(log_e[name]) for name, weight in weights.items()}
    enough = 1 / policy.proof.false_rollback
    total = sum(shares.values())
    proven = {name for name, share in shares.items() if share >= enough}
    if shares and total >= enough:
        proven.add(max(shares, key=lambda name: shares[name]))
    warned = {name for name, known in log_e.items() if e_value(known) >= needed[name]}
    proven |= warned.difference(weights)
    return Combined(tests, log_e, needed, total, frozenset(proven))


def log_e_values(policy: Policy, evidence: Evidence) -> dict[str, list[float]]:
    """ln E of the four tests of each sequential trigger."""
    bank, rows = bank_of(policy), evidence.log_e
    if len(rows) != len(bank):
        rows = [[NOTHING] * KINDS] * len(bank)
    return {trigger.name: row for trigger, row in zip(bank.triggers, rows, strict=True)}


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


@dataclass(frozen=True, slots=True)
class Promotion:
    """Whether every required metric is proven good now; `lacking` says which is not, and why."""

    proven: bool
    lacking: tuple[str, ...]


def promotion(policy: Policy, evidence: Evidence, *, safety_checked: int | None) -> Promotion:
    """Promotion needs, now, min E_k(-) >= 1/alpha over the required metrics, no critical E_k >= 1
    and no violation among the last `safety_checked` answers, which must be enough; None where
    nobody checks safety.

    The minimum over required metrics needs no correction: it is below each of them.
    """
    needed = log(1 / policy.proof.false_promotion)
    lacking = []
    for trigger in policy.triggers:
        if trigger.proof != "sequential" or not _is_required(trigger, evidence):
            continue
        good = log_good(policy, trigger, evidence)
        if good is None or good < needed:
            have = e_value(good) if good is not None else 0.0
            lacking.append(f"{trigger.name}: evidence {have:.3g} of {e_value(needed):.3g}")
    combined = combine(policy, evidence)
    lacking += [
        f"{name}: leans towards a breach, evidence {e_value(combined.log_e[name]):.3g}"
        for name in weights_of(policy)
        if combined.log_e[name] >= 0
    ]
    watched = any(trigger.metric == "safety_violations" for trigger in policy.triggers)
    if watched and safety_checked is not None and safety_checked < policy.proof.safety_checks:
        lacking.append(f"safety: {safety_checked} of {policy.proof.safety_checks} checked answers")
    return Promotion(not lacking, tuple(lacking))


def _is_required(trigger: Trigger, evidence: Evidence) -> bool:
    if trigger.proven_good == "when_reported":
        known = evidence.triggers.get(trigger.name)
        return known is not None and known.total.stable > 0
    return trigger.proven_good == "required"
